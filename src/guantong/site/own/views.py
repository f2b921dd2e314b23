"""谁看过我的数据: for citizens, by the identity that they have signed in with; nobody types an ID here."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from guantong.federation.keys import node_key
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import demand
from guantong.identity.subjects import subjects_of
from guantong.journal.models import Receipt
from guantong.kit import clock, envelope
from guantong.pages.filters import between, chosen
from guantong.pages.lists import answer_list
from guantong.site.names import Names
from guantong.site.node import node_settings
from guantong.site.own.telling import OwnUse, tell
from guantong.site.record.views import proof_file

KIND = "guantong/uses@v1"
MOST_TAKEN = 2_000
MOST_PRINTED = 500


@require_GET
@login_required
def looked_at(request: HttpRequest) -> HttpResponse:
    """Who used the visitor's own data through this node, refused attempts included; ``?all=1`` on one page, to print."""
    person = demand(request.user, "subject:own")
    rows, picked = _chosen(request, person)
    names = Names()
    uses = tell(rows[: MOST_PRINTED if request.GET.get("all") else MOST_TAKEN], names)
    by_department = _own(person).order_by().values("consumer_organisation").annotate(count=Count("id"))
    context = {
        "chosen": picked,
        "departments": by_department.order_by("-count")[:12],
        "refused": rows.exclude(decision="allow").count(),
        "is_printed": bool(request.GET.get("all")),
        "printed": uses if request.GET.get("all") else None,
        "most": MOST_PRINTED,
    }
    columns: dict[str, Any] = {
        name: lambda use, name=name: use.as_dict(names)[name]
        for name in (
            "at",
            "who",
            "data",
            "mode",
            "for",
            "matter",
            "law",
            "case",
            "decision",
            "reason",
            "receipt",
        )
    }
    columns["items"] = lambda use: "；".join(f"{each.label}（{each.how}）" for each in use.seen)
    # The words that an official list has, for programs that know them.
    columns |= {
        "consumer": lambda use: use.receipt.consumer_organisation,
        "resource": lambda use: use.receipt.resource,
        "purpose": lambda use: use.receipt.purpose,
    }
    return answer_list(request, uses, template="site/looked_at.html", columns=columns, context=context)


@require_GET
@login_required
def taken(request: HttpRequest) -> HttpResponse:
    """The same as a file that this node signs; ``guantong verify`` believes it."""
    person = demand(request.user, "subject:own")
    rows, picked = _chosen(request, person)
    names = Names()
    uses: list[OwnUse] = tell(rows[:MOST_TAKEN], names)
    body = {
        "node": node_settings().node,
        "at": clock.rfc3339(clock.now()),
        "subjects": subjects_of(person, node_settings()),
        "query": {name: value for name, value in picked.items() if value},
        "count": len(uses),
        "is_cut": rows.count() > MOST_TAKEN,
        "scope": gettext("what the receipts of this node tell"),
        "uses": [use.as_dict(names) for use in uses],
    }
    name = f"uses-{clock.now():%Y%m%d}.json"
    return HttpResponse(
        envelope.seal(KIND, body, node_key(node_settings())),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_GET
@login_required
def own_proof(request: HttpRequest, digest: str) -> HttpResponse:
    """The proof of a use of one's own data."""
    person = demand(request.user, "subject:own")
    return proof_file(get_object_or_404(_own(person), digest=digest))


def _own(person: Person) -> QuerySet[Receipt]:
    # A call within the node leaves one receipt, the provider's; one that goes out, the consumer's.
    return Receipt.objects.filter(subject__in=subjects_of(person, node_settings()))


def _chosen(request: HttpRequest, person: Person) -> tuple[QuerySet[Receipt], dict[str, str]]:
    picked = chosen(request, ("organisation", "decision", "since", "until"))
    rows = between(_own(person), "at", since=picked["since"], until=picked["until"])
    if picked["organisation"]:
        known = Organisation.objects.filter(name__icontains=picked["organisation"]).values_list(
            "code", flat=True
        )
        rows = rows.filter(consumer_organisation__in=[*known[:200], picked["organisation"]])
    if picked["decision"]:
        rows = rows.filter(decision=picked["decision"])
    return rows, picked

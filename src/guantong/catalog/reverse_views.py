"""逆向编目: a source's tables, one table's columns with what is guessed of each, and the draft made of what was ticked."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from guantong.catalog import actions, codes
from guantong.catalog.harvesting import guessing, reading
from guantong.catalog.harvesting.errors import SourceUnknown
from guantong.catalog.harvesting.types import FoundTable
from guantong.catalog.models import Link, Resource
from guantong.catalog.standards.matching import element_for
from guantong.identity.models import Person
from guantong.identity.queries import actor, demand
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language

MASKS = ("none", "keep_tail:4", "keep_head:1", "keep_head:6", "year", "division", "hash", "null")


@require_http_methods(["GET", "POST"])
@login_required
def reverse(request: HttpRequest) -> HttpResponse:
    """Choose a source, choose a table, tick and mend what was guessed, and take it as a draft."""
    person = demand(request.user, "source:read")
    known = _own_sources(person)
    source, name = (
        (request.POST or request.GET).get("source", ""),
        (request.POST or request.GET).get("table", ""),
    )
    context: dict[str, Any] = {"sources": sorted(known), "source": source, "table": name, "masks": MASKS}
    try:
        if source and name:
            found = reading.tables(source, known, only=name)
            if not found:
                raise SourceUnknown(source=f"{source}.{name}")
            context |= _guessed(request, person, found[0])
            if request.method == "POST":
                made = _draft(request, person, context, known[source])
                messages.success(request, gettext("The draft has been made and linked to its table."))
                return redirect("resource", code=made.code)
        elif source:
            context["tables"] = reading.tables(source, known)
    except GuantongError as error:
        context["fault"] = error.sentence(language())
        return render(request, "catalog/reverse.html", context, status=422)
    return render(request, "catalog/reverse.html", context)


def _own_sources(person: Person) -> dict[str, str]:
    """The sources that can be read and serve no other department's entries."""
    theirs = set(
        Link.objects.exclude(resource__provider=person.organisation_id or 0).values_list("source", flat=True)
    )
    found = reading.addresses(settings.NODE.home)
    return {n: a for n, a in found.items() if reading.dialect(a) and n not in theirs}


def _guessed(request: HttpRequest, person: Person, table: FoundTable) -> dict[str, Any]:
    """What was guessed, or what the person has made of it."""
    provider = person.organisation.code if person.organisation else ""
    entry = guessing.guess_entry(table, code=request.POST.get("code", ""), provider=provider)
    entry["name"] = request.POST.get("name", entry["name"])
    entry["summary"] = request.POST.get("summary", entry["summary"])
    for number, item in enumerate(entry["items"]):
        item["element"] = element_for(item["label"], item["name"])
        item["is_ticked"] = True
        if request.method != "POST":
            continue
        item["is_ticked"] = f"tick-{number}" in request.POST
        for field in ("name", "label", "mask", "element"):
            item[field] = request.POST.get(f"{field}-{number}", item[field]).strip()
        item["is_key"] = f"key-{number}" in request.POST
        level = request.POST.get(f"level-{number}", "")
        item["level"] = int(level) if level in {"1", "2", "3", "4"} else item["level"]
    return {"entry": entry, "found": table}


def _draft(request: HttpRequest, person: Person, guessed: dict[str, Any], address: str) -> Resource:
    entry: dict[str, Any] = guessed["entry"]
    found: FoundTable = guessed["found"]
    items = [item for item in entry["items"] if item["is_ticked"]]
    columns = {item["name"]: item["column"] for item in items}
    wanted = ("name", "label", "type", "length", "level", "mask", "comparison", "is_key", "element")
    values = {**entry, "items": [{field: item[field] for field in wanted} for item in items]}
    values["lookups"] = [[item["name"]] for item in items if item["is_key"]][:20]
    if values["code"].endswith("/"):
        taken = Resource.objects.filter(code__startswith=values["code"]).values_list("code", flat=True)
        values["code"] = codes.rule(settings.NODE.catalogue_code_rule).next(values["code"], taken)
    by, at = actor(person), clock.now()
    content = actions.read_content(values)
    if person.organisation is not None:
        actions.note_tables(
            [found], source=request.POST["source"], organisation=person.organisation, by=by, at=at
        )
    return actions.draft_from_table(
        content,
        node=settings.NODE.node,
        source=request.POST["source"],
        dialect=reading.dialect(address),
        table=request.POST["table"],
        columns=columns,
        by=by,
        at=at,
    )

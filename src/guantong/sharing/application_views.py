"""应用: the programs of departments, how each proves itself, and what it may call."""

from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from guantong.identity import actions
from guantong.identity.actions.credentials import LONGEST_OVERLAP_DAYS, OVERLAP_DAYS
from guantong.identity.models import Application, Organisation, Person
from guantong.identity.queries import actor, demand, may
from guantong.journal.types import Actor
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.kit.suites import VerifyKey
from guantong.pages.answers import language
from guantong.pages.filters import chosen
from guantong.pages.lists import answer_list
from guantong.sharing import queries


@require_GET
@login_required
def applications(request: HttpRequest) -> HttpResponse:
    """The applications of the visitor's department; for the operator and the auditor those of the whole node."""
    person = demand(request.user, "application:read")
    picked = chosen(request, ("q",))
    rows = _visible(person)
    if words := picked["q"]:
        rows = rows.filter(
            Q(code__icontains=words) | Q(name__icontains=words) | Q(organisation__name__icontains=words)
        )
    return answer_list(
        request,
        rows,
        template="sharing/applications.html",
        columns={
            "code": lambda a: a.code,
            "name": lambda a: a.name,
            "organisation": lambda a: a.organisation.name,
            "clearance": lambda a: a.clearance,
            "rid": lambda a: a.rid,
            "secret_issued_at": lambda a: clock.rfc3339(a.secret_issued_at) if a.secret_issued_at else "",
            "active": lambda a: str(a.is_active).lower(),
        },
        context={
            "chosen": picked,
            "organisations": Organisation.objects.filter(node=settings.NODE.node)
            if may(person, "application:register")
            else [],
        },
    )


@require_GET
@login_required
def application(request: HttpRequest, code: str) -> HttpResponse:
    """One application: keys, secret, names, grants."""
    person = demand(request.user, "application:read")
    return _page(request, get_object_or_404(_visible(person), code=code), person)


@require_POST
@login_required
def register(request: HttpRequest) -> HttpResponse:
    """Register a program of a department, by its public key."""
    person = demand(request.user, "application:register")
    post = request.POST
    owner = get_object_or_404(Organisation, node=settings.NODE.node, code=post.get("organisation", ""))
    clearance = post.get("clearance", "")
    try:
        made = actions.register_application(
            post.get("code", "").strip()[:64],
            post.get("name", "").strip()[:120],
            organisation=owner,
            public_key=post.get("public_key", "").strip(),
            clearance=int(clearance) if clearance.isdecimal() and len(clearance) == 1 else 0,
            by=actor(person),
            at=clock.now(),
        )
    except GuantongError as error:
        messages.error(request, error.sentence(language()))
        return redirect("applications")
    messages.success(request, gettext("The application is registered."))
    return redirect("application", code=made.code)


@never_cache
@require_POST
@login_required
@sensitive_variables("secret")
def act(request: HttpRequest, code: str, verb: str) -> HttpResponse:
    """Give a secret out (it is shown in this answer and never again), end secrets and keys, name the requester."""
    person = demand(request.user, "application:read")
    found = get_object_or_404(_visible(person), code=code)
    by, at = actor(person), clock.now()
    try:
        if verb == "secret":
            secret = actions.issue_secret(found, overlap_days=_days(request), by=by, at=at)
            found.refresh_from_db()
            return _page(request, found, person, secret=secret)
        messages.success(request, _done(request.POST, found, verb, by=by, at=at))
    except GuantongError as error:
        messages.error(request, error.sentence(language()))
    return redirect("application", code=code)


def _days(request: HttpRequest) -> int:
    """For how many days the former secret is to be good; -1, which is refused, for what is no number."""
    text = request.POST.get("overlap_days", str(OVERLAP_DAYS)).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else -1


def _done(post: QueryDict, found: Application, verb: str, *, by: Actor, at: datetime) -> str:
    """Do what the form says; the sentence that says so."""
    match verb:
        case "end-former":
            named = post.get("former", "")
            former = next((each for each in found.former_secrets.all() if str(each.uuid) == named), None)
            if former:
                actions.end_former_secret(former, by=by, at=at)
            return gettext("The former secret is no longer good.")
        case "revoke-secret":
            actions.revoke_secret(found, by=by, at=at)
            return gettext("The secret is no longer good.")
        case "add-key":
            actions.add_key(found, post.get("public_key", "").strip(), by=by, at=at)
            return gettext(
                "Both keys are good now. Take the former one away when no program uses it any more."
            )
        case "drop-key":
            actions.drop_key(found, post.get("key", "").strip(), by=by, at=at)
            return gettext("The key is no longer good.")
    actions.name_requester(found, post.get("rid", "").strip(), by=by, at=at)
    return gettext("The requester identifier was changed.")


def _page(request: HttpRequest, found: Application, person: Person, *, secret: str = "") -> HttpResponse:
    is_own = person.organisation_id == found.organisation_id
    grants = [
        grant
        for grant in queries.visible_grants(person).filter(consumer=found.organisation.code)
        if any(each["code"] == found.code for each in grant.terms["applications"])
    ]
    return render(
        request,
        "sharing/application.html",
        {
            "application": found,
            "secret": secret,
            "keys": [VerifyKey.from_text(each) for each in found.public_keys],
            "formers": found.former_secrets.filter(until__gt=clock.now()),
            "overlap_days": OVERLAP_DAYS,
            "longest_overlap_days": LONGEST_OVERLAP_DAYS,
            "grants": grants,
            "can_keep": (is_own and may(person, "application:keep")) or may(person, "application:register"),
            "gateway_url": settings.NODE.gateway_url,
        },
    )


def _visible(person: Person) -> QuerySet[Application]:
    rows = Application.objects.filter(organisation__node=settings.NODE.node).select_related("organisation")
    if may(person, "application:register") or may(person, "grant:audit"):
        return rows
    return rows.filter(organisation=person.organisation_id)

"""目录级联: how the catalogue gets to and from the neighbours, what was refused, and taking a source back."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_GET, require_POST

from guantong.federation import queries, standing
from guantong.federation.actions import feed, learning, undoing
from guantong.federation.errors import UndoingWrong
from guantong.federation.models import FeedPosition, Node, RefusedEntry, Undoing
from guantong.federation.undoable import Scope, going, staying
from guantong.identity.queries import actor, demand, may
from guantong.kit import clock
from guantong.pages.filters import chosen
from guantong.pages.lists import answer_list

SHOWN = 20
FIRST_YEAR, LAST_YEAR = 2000, 2100


@require_GET
@login_required
def feeds(request: HttpRequest) -> HttpResponse:
    """Every neighbour, both ways: position, what waits, what was refused, the last failure."""
    demand(request.user, "alert:read")
    return answer_list(
        request,
        standing.standings(),
        template="federation/feeds.html",
        columns={
            "node": lambda s: s.node.code,
            "direction": lambda s: s.direction,
            "state": lambda s: s.state,
            "number": lambda s: s.number,
            "waiting": lambda s: s.waiting,
            "told": lambda s: s.told,
            "taken": lambda s: s.taken,
            "refused": lambda s: s.refused,
            "entries_per_second": lambda s: s.speed,
            "last_at": lambda s: clock.rfc3339(s.last_at) if s.last_at else "",
            "failed_at": lambda s: clock.rfc3339(s.failed_at) if s.failed_at else "",
            "failure": lambda s: (s.failure or {}).get("code", ""),
            "failure_zh": lambda s: (s.failure or {}).get("zh", ""),
            "failure_en": lambda s: (s.failure or {}).get("en", ""),
        },
    )


@require_GET
@login_required
def one_feed(request: HttpRequest, code: str) -> HttpResponse:
    """One neighbour: both feeds, the refused entries with their reasons, and what could be taken back."""
    demand(request.user, "alert:read")
    node = _neighbour(code)
    picked = chosen(request, ("q", "reason", "undo", "of", "since", "since_number"))
    refused = RefusedEntry.objects.filter(sender=code)
    reasons = sorted(set(refused.order_by().values_list("code", flat=True).distinct()))
    rows = refused.filter(code=picked["reason"]) if picked["reason"] else refused
    if picked["q"]:
        rows = rows.filter(key__icontains=picked["q"]) | rows.filter(name__icontains=picked["q"])
    position = FeedPosition.objects.filter(neighbour=code).first()
    may_settle, may_undo = may(request.user, "message:settle"), may(request.user, "node:confirm")
    return answer_list(
        request,
        rows,
        template="federation/feed.html",
        columns={
            "resource": lambda e: e.key,
            "name": lambda e: e.name,
            "node": lambda e: e.node,
            "number": lambda e: e.number,
            "code": lambda e: e.code,
            "zh": lambda e: e.zh,
            "en": lambda e: e.en,
            "refused_at": lambda e: clock.rfc3339(e.refused_at),
        },
        context={
            "node": node,
            "sending": standing.sending_to(node),
            "receiving": standing.receiving_from(node),
            "refused_there": position.refused_some if position else [],
            "chosen": picked,
            "reasons": reasons,
            "behind": [each for each in queries.behind(code) if each != code],
            "undoings": Undoing.objects.filter(sender=code)[:SHOWN],
            "plan": _plan(_scope(code, picked)) if may_undo and picked["undo"] else None,
            "can_settle": may_settle,
            "can_undo": may_undo,
        },
    )


@require_POST
@login_required
def act_on_feed(request: HttpRequest, code: str, verb: str) -> HttpResponse:
    """The operator pushes at once, tells everything again, tries refused entries again, or asks for everything again."""
    person = demand(request.user, "message:settle")
    node, by, at = _neighbour(code), actor(person), clock.now()
    if verb == "push":
        feed.try_again(node, by=by, at=at)
        messages.success(request, gettext("The push is tried again at once."))
    elif verb == "again":
        feed.tell_again(node, by=by, at=at)
        messages.success(request, gettext("The whole catalogue is pushed again from its beginning."))
    elif verb == "ask":
        learning.ask_again(node, by=by, at=at)
        messages.success(request, gettext("The neighbour has been asked for its whole catalogue."))
    elif verb == "retry":
        taken, refused = learning.retry_refused(node, by=by, at=at)
        _say_retried(request, taken, refused)
    else:
        raise Http404
    return redirect("feed", code)


@require_POST
@login_required
def undo(request: HttpRequest, code: str) -> HttpResponse:
    """Take back what was shown on the page before."""
    person = demand(request.user, "node:confirm")
    _neighbour(code)
    picked = {name: request.POST.get(name, "") for name in ("of", "since", "since_number")}
    shown = request.POST.get("shown", "")
    made = undoing.undo(
        _scope(code, picked),
        shown=int(shown) if shown.isdecimal() and len(shown) < 12 else -1,
        reason=request.POST.get("reason", ""),
        by=actor(person),
        at=clock.now(),
    )
    text = ngettext("%(n)s entry is being taken back.", "%(n)s entries are being taken back.", made.planned)
    messages.success(request, text % {"n": made.planned})
    return redirect("feed", code)


def _say_retried(request: HttpRequest, taken: int, refused: int) -> None:
    values = {"taken": taken, "refused": refused}
    if refused:
        text = gettext("%(taken)s entries have come in; %(refused)s are refused still.")
        messages.error(request, text % values)
    else:
        messages.success(
            request, gettext("%(taken)s entries have come in; none is refused any more.") % values
        )


def _plan(scope: Scope) -> dict[str, Any]:
    at = clock.now()
    kept = staying(scope, at=at)
    return {
        "going": going(scope, at=at).count(),
        "kept": kept.count(),
        "kept_some": kept.order_by("code")[:SHOWN],
    }


def _scope(code: str, picked: dict[str, str]) -> Scope:
    number = picked["since_number"]
    if number and (not number.isdecimal() or len(number) > 15):
        raise UndoingWrong(why_zh="起始编号应为整数", why_en="the number to begin from is not a whole number")
    return Scope(code, picked["of"], _moment(picked["since"]), int(number) if number else None)


def _moment(text: str) -> datetime | None:
    """``2026-11-22T20:15`` as the browser's field writes it, in the node's time."""
    if not text:
        return None
    wrong = UndoingWrong(why_zh="起始时间有误", why_en="the time to begin from is wrong")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise wrong from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise wrong
    return moment if moment.tzinfo else timezone.make_aware(moment)


def _neighbour(code: str) -> Node:
    for node in queries.neighbours():
        if node.code == code:
            return node
    raise Http404

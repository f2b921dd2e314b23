"""Watching links (挂接监测): the worker looks behind each in turn, keeps what it saw, and tells when one breaks or heals.

A look happens outside any transaction, because a database that hangs must hold no lock of ours. One failed attempt to
reach a source is looked at again after a minute before it counts, so that a restart raises no alarm.
"""

import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from guantong.catalog.actions.drafting import read_content
from guantong.catalog.links import fitting, probing
from guantong.catalog.links.types import Verdict
from guantong.catalog.models import Link, LinkCheck, LinkHealth, Resource
from guantong.catalog.types import ResourceContent
from guantong.journal.actions import raise_alert, record, settle_alert
from guantong.journal.models import Alert
from guantong.journal.types import Actor, Subject

logger = logging.getLogger(__name__)

AT_ONCE: Final = 20
KEPT: Final = 100
EVERY: Final = timedelta(minutes=15)
"""A link is looked at so often; what is broken, every five minutes, so that healing is soon seen."""
EVERY_BROKEN: Final = timedelta(minutes=5)
AGAIN: Final = timedelta(minutes=1)
_PASSING: Final = frozenset({"source_failed", "interface_failed"})
_BAD: Final = frozenset({"broken", "stale"})


def watch_links(known: Mapping[str, str], *, by: Actor, at: datetime) -> int:
    """Look behind the links that are due, the most overdue first; how many. ``known`` are the node's sources."""
    new = Link.objects.filter(health__isnull=True).order_by("pk")[:AT_ONCE]
    due = Link.objects.filter(health__due_at__lte=at).order_by("health__due_at")[:AT_ONCE]
    links = [*new.select_related("resource__provider"), *due.select_related("resource__provider")][:AT_ONCE]
    for link in links:
        check_link(link, known, by=by, at=at)
    return len(links)


def check_link(link: Link, known: Mapping[str, str], *, by: Actor, at: datetime) -> LinkHealth | None:
    """Look behind one link now and note what was seen; None if the link has gone or changed meanwhile."""
    began = time.monotonic()
    verdict = _verdict(link, known, at=at)
    took_ms = round((time.monotonic() - began) * 1000)
    return _note(link, verdict, took_ms=took_ms, by=by, at=at)


def _verdict(link: Link, known: Mapping[str, str], *, at: datetime) -> Verdict:
    seen = probing.look(link, known)
    if isinstance(seen, Verdict):
        return seen
    content = _content(link.resource)
    items, cycle = (content.items, content.update_cycle) if content else ([], "irregular")
    return fitting.judge(seen, items, link.columns, cycle=cycle, at=at)


def _content(resource: Resource) -> ResourceContent | None:
    """What is in force decides; before the first publication, the draft."""
    return resource.latest or (read_content(resource.draft) if resource.draft else None)


@transaction.atomic
def _note(link: Link, verdict: Verdict, *, took_ms: int, by: Actor, at: datetime) -> LinkHealth | None:
    same = Link.objects.select_for_update().filter(pk=link.pk, linked_at=link.linked_at)
    if not same.exists():
        return None
    before = LinkHealth.objects.filter(link=link).first()
    faults = [fault.as_json() for fault in verdict.faults]
    is_passing = any(fault.code in _PASSING for fault in verdict.faults)
    failures = (before.failures if before else 0) + 1 if is_passing else 0
    state = verdict.state
    if failures == 1 and before is not None and before.state != "broken":
        # Perhaps it is being restarted: what was known holds until it has failed twice.
        LinkHealth.objects.filter(pk=before.pk).update(failures=1, due_at=at + AGAIN)
        return before
    was = before.state if before else ""
    health, _ = LinkHealth.objects.update_or_create(
        link=link,
        defaults={
            "state": state,
            "faults": faults,
            "rows": verdict.seen.rows,
            "newest_at": verdict.seen.newest_at,
            "checked_at": at,
            "due_at": at + (EVERY_BROKEN if state == "broken" else EVERY),
            "since": before.since if before and was == state else at,
            "good_at": at if state == "well" else before.good_at if before else None,
            "failures": failures,
        },
    )
    LinkCheck.objects.create(
        link=link,
        at=at,
        state=state,
        faults=faults,
        rows=verdict.seen.rows,
        newest_at=verdict.seen.newest_at,
        took_ms=took_ms,
    )
    _forget_old(link)
    if was != state:
        _tell(link, was, health, by=by, at=at)
    return health


def _forget_old(link: Link) -> None:
    old = LinkCheck.objects.filter(link=link).order_by("-pk").values_list("pk", flat=True)[KEPT : KEPT + 50]
    LinkCheck.objects.filter(pk__in=list(old)).delete()


def _tell(link: Link, was: str, health: LinkHealth, *, by: Actor, at: datetime) -> None:
    """An entry in the journal for every change, by which the search index follows; alerts for breaking and healing."""
    code = link.resource.code
    details = {"state": health.state, "was": was, "faults": health.faults}
    record("resource.link_seen", by=by, at=at, subject=Subject("resource", code), details=details)
    about = {"resource": code, "name": link.resource.name, "department": link.resource.provider.name}
    if was in _BAD:
        for alert in Alert.objects.filter(
            code__in=["link_broken", "link_stale"], seen_at__isnull=True, details__resource=code
        ):
            settle_alert(alert, by=by, at=at)
    if health.state in _BAD:
        why = sorted({str(fault["code"]) for fault in health.faults})
        raise_alert(f"link_{health.state}", {**about, "why": ", ".join(why)}, by=by, at=at)
    elif was in _BAD and health.state == "well":
        raise_alert("link_healed", {**about, "since": at.isoformat(timespec="seconds")}, by=by, at=at)

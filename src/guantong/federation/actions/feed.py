"""The catalogue's feed, sending: numbered changes pushed to each neighbour, resumable and idempotent.

A neighbour is told of every node that does not lie in its own direction, so on a tree each change reaches each
node once. The position moves to where the neighbour's signed answer says that it stands.
"""

from datetime import datetime, timedelta
from urllib.parse import urljoin

import msgspec
from django.db import transaction

from guantong.catalog import actions as catalog
from guantong.catalog import queries as catalog_queries
from guantong.catalog.models import ResourceVersion
from guantong.catalog.types import Change
from guantong.courier.client import SyncCourier
from guantong.federation import queries
from guantong.federation.errors import AnswerWrong, PeerFailed, PeerRefused
from guantong.federation.feed import chunks
from guantong.federation.keys import node_key
from guantong.federation.models import FeedPosition, Node
from guantong.journal.actions import raise_alert, record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.kit.settings import Settings

PATH = "/federation/feed"
TIMEOUT_S = 60
LONGEST_WAIT_S = 60
# A neighbour that is only down is waited for; after about five minutes a person hears of it.
ALERT_AFTER = 8
# A run is one flow of chunks; after a pause of so long the next one counts, and is timed, by itself.
PAUSE_S = 60


def push(neighbour: Node, *, settings: Settings, by: Actor, at: datetime) -> int:
    """Send the next chunk of changes to ``neighbour``; how many numbers it has gone on. Nothing moves unless it answered.

    A failure is noted for the page of feeds, told to a person, and raised; until it is time to try again, 0.
    """
    catalog.number_changes(by=by, at=at)
    position, _ = FeedPosition.objects.get_or_create(
        neighbour=neighbour.code, defaults={"series": clock.rfc3339(at)}
    )
    if position.next_attempt_at and position.next_attempt_at > at:
        return 0
    seen = max(position.looked_to, position.number)
    changes, looked_to = catalog_queries.changes_after(
        seen, nodes=queries.told_to(neighbour.code), limit=chunks.MOST_ENTRIES
    )
    if not changes:
        # Unless somebody has begun anew meanwhile.
        FeedPosition.objects.filter(pk=position.pk, series=position.series).update(looked_to=looked_to)
        return looked_to - seen
    head, body = _next_chunk(position, changes, looked_to, settings=settings, at=at)
    try:
        answer = _post(chunks.seal(head, body, node_key(settings)), head, neighbour)
    except GuantongError as error:
        _note_failure(position, error, by=by, at=at)
        raise
    return _note_answer(position, head, answer, by=by, at=at)


@transaction.atomic
def tell_again(neighbour: Node, *, by: Actor, at: datetime) -> FeedPosition:
    """Begin a new series: tell the neighbour everything again, from the first change on. What it has stays as it is."""
    FeedPosition.objects.get_or_create(neighbour=neighbour.code)
    position = FeedPosition.objects.select_for_update().get(neighbour=neighbour.code)
    position.series = clock.rfc3339(at)
    position.number = position.looked_to = position.sent = position.failures = 0
    position.run_began_at = position.next_attempt_at = None
    position.save()
    record("feed.restarted", by=by, at=at, subject=Subject("node", neighbour.code))
    return position


@transaction.atomic
def note_refused(
    neighbour: Node, refused: int, some: list[chunks.Refusal], *, by: Actor, at: datetime
) -> None:
    """The neighbour tells how many of our entries it keeps refused now."""
    told = [chunks.as_json(each) for each in some[: chunks.MOST_TOLD]]
    FeedPosition.objects.filter(neighbour=neighbour.code).update(refused=refused, refused_some=told)
    record("feed.told", by=by, at=at, subject=Subject("node", neighbour.code), details={"refused": refused})


@transaction.atomic
def try_again(neighbour: Node, *, by: Actor, at: datetime) -> None:
    """Push again now, without waiting for the next attempt."""
    FeedPosition.objects.filter(neighbour=neighbour.code).update(next_attempt_at=None)
    record("feed.retried", by=by, at=at, subject=Subject("node", neighbour.code))


def _next_chunk(
    position: FeedPosition,
    changes: list[ResourceVersion],
    looked_to: int,
    *,
    settings: Settings,
    at: datetime,
) -> tuple[chunks.Head, bytes]:
    lines = _within(chunks.LARGEST_UNPACKED, [msgspec.json.encode(_change(each)) for each in changes])
    lines = lines[: chunks.MOST_ENTRIES]
    body, size, digest = chunks.pack(lines, settings.suite)
    head = chunks.Head(
        sender=settings.node,
        to=position.neighbour,
        series=position.series or clock.rfc3339(at),
        after=position.number,
        until=looked_to if len(lines) == len(changes) else changes[len(lines) - 1].number or 0,
        newest=max(catalog_queries.newest_number(), looked_to),
        entries=len(lines),
        size=size,
        digest=digest,
        sent_at=clock.rfc3339(at),
    )
    return head, body


def _within(limit: int, lines: list[bytes]) -> list[bytes]:
    """As many of the lines, from the first on, as ``limit`` bytes hold; at least one."""
    size = 0
    for count, line in enumerate(lines):
        size += len(line) + 1
        if size > limit and count:
            return lines[:count]
    return lines


def _change(version: ResourceVersion) -> Change:
    provider = version.resource.provider
    return Change(
        number=version.number or 0,
        node=version.resource.node,
        version=version.version,
        is_withdrawal=version.is_withdrawal,
        content=version.content,
        provider_name=provider.name,
        provider_division=provider.division,
        provider_is_synthetic=provider.is_synthetic,
        published_at=clock.rfc3339(version.published_at),
    )


def _post(raw: bytes, head: chunks.Head, neighbour: Node) -> chunks.Answer:
    """Hand a chunk over; the answer may say that it was refused. Errors as of a message."""
    status, answer = post(raw, neighbour)
    keys = queries.keys_of(neighbour).now()
    if status in {200, 409}:
        try:
            return chunks.read_answer(answer, about=head.digest, node=neighbour.code, keys=keys)
        except AnswerWrong:
            if status == 200:
                raise
    is_final = 400 <= status < 500 and status not in {408, 425, 429}
    refused = PeerRefused if is_final else PeerFailed
    raise refused(node=neighbour.code, status=status, answer=answer.decode(errors="replace")[:300])


def post(raw: bytes, neighbour: Node) -> tuple[int, bytes]:
    """The wire: status and body of the neighbour's answer."""
    with SyncCourier([neighbour.web_url], timeout_s=TIMEOUT_S) as courier:
        reply = courier.send("POST", urljoin(neighbour.web_url, PATH), body=raw, peer=neighbour.code)
    return reply.status, reply.body


@transaction.atomic
def _note_answer(
    position: FeedPosition, head: chunks.Head, answer: chunks.Answer, *, by: Actor, at: datetime
) -> int:
    """Go to where the neighbour says it stands; how many numbers that is from where we thought."""
    position = FeedPosition.objects.select_for_update().get(pk=position.pk)
    if position.series not in {"", head.series}:
        return 1  # meanwhile somebody began anew
    position.series = head.series
    if answer.refusal is None:
        return _note_taken(position, head, answer, by=by, at=at)
    if answer.refusal.code != "feed_gap" or answer.number >= position.number:
        _note(position, chunks.as_json(answer.refusal), is_refusal=True, by=by, at=at)
        return 0
    details = {"number": answer.number, "was": position.number}
    record("feed.resynchronised", by=by, at=at, subject=Subject("node", position.neighbour), details=details)
    moved = position.number - answer.number
    position.number = position.looked_to = answer.number
    position.save()
    return moved


def _note_taken(
    position: FeedPosition, head: chunks.Head, answer: chunks.Answer, *, by: Actor, at: datetime
) -> int:
    moved = head.until - position.number
    is_new = position.pushed_at is None or (at - position.pushed_at).total_seconds() > PAUSE_S
    if is_new or position.run_began_at is None:
        position.run_began_at, position.run_entries = at, 0
    position.run_entries += head.entries
    position.number = position.looked_to = head.until
    position.sent += head.entries
    position.refused = answer.refused
    told = [chunks.as_json(each) for each in answer.refused_some]
    position.refused_some = told or (position.refused_some if answer.refused else [])
    position.pushed_at, position.failures, position.next_attempt_at = at, 0, None
    position.save()
    subject = Subject("node", position.neighbour)
    details = {"changes": head.entries, "number": head.until, "refused": len(told)}
    record("catalog.pushed", by=by, at=at, subject=subject, details=details)
    if told:
        raise_alert("entries_refused_there", {"node": position.neighbour}, by=by, at=at)
    return moved


@transaction.atomic
def _note_failure(position: FeedPosition, error: GuantongError, *, by: Actor, at: datetime) -> None:
    position = FeedPosition.objects.select_for_update().get(pk=position.pk)
    failure = chunks.as_json(chunks.refusal_of(error))
    _note(position, failure, is_refusal=isinstance(error, PeerRefused | AnswerWrong), by=by, at=at)


def _note(
    position: FeedPosition, failure: dict[str, str], *, is_refusal: bool, by: Actor, at: datetime
) -> None:
    """Keep the failure for the page; a refusal is told to a person at once, a neighbour that is down after a while."""
    position.failure, position.failed_at = failure, at
    position.next_attempt_at = at + timedelta(seconds=min(2**position.failures, LONGEST_WAIT_S))
    position.failures += 1
    position.save()
    about = {"node": position.neighbour, "code": failure["code"], "error": failure["zh"]}
    if is_refusal:
        raise_alert("feed_refused", about, by=by, at=at)
    elif position.failures == ALERT_AFTER:
        raise_alert("feed_stuck", about, by=by, at=at)
    if position.failures == 1:
        record("feed.failed", by=by, at=at, subject=Subject("node", position.neighbour), details=failure)

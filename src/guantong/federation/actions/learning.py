"""The catalogue's feed, receiving: a chunk taken in together with the position, once; what cannot be is kept and told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from guantong.catalog import actions as catalog
from guantong.catalog.types import Change, ResourceContent
from guantong.federation import queries
from guantong.federation.errors import (
    ChunkWrong,
    EntryNotKept,
    FeedGap,
    FeedStale,
    FeedStopped,
    MessageNotEntitled,
    NodeUnknown,
)
from guantong.federation.feed import chunks
from guantong.federation.keys import node_key
from guantong.federation.models import Node, ReceivedFeed, RefusedEntry, Relation
from guantong.identity.actions import register_organisation
from guantong.identity.errors import OrganisationUnknown
from guantong.identity.models import Organisation
from guantong.journal.actions import enqueue, raise_alert, record
from guantong.journal.types import Actor, Subject
from guantong.kit.errors import GuantongError
from guantong.kit.settings import Settings
from guantong.sharing.models import Grant

PAUSE_S = 60
T = TypeVar("T")


def receive(raw: bytes, *, settings: Settings, at: datetime) -> tuple[chunks.Answer, bytes]:
    """Take in a chunk, or say signed why not; the answer, and its bytes.

    :class:`ChunkWrong`, :class:`NodeUnknown` if it is not a neighbour's word at all.
    """
    sealed, head, body = chunks.split(raw)
    sender = queries.confirmed(head.sender)
    if sender.relation not in {Relation.PARENT, Relation.CHILD} or head.to != settings.node:
        raise ChunkWrong(
            why_zh="不是相邻节点发给本节点的", why_en="it is not from a neighbour, or not for this node"
        )
    chunks.believe(sealed, head, body, queries.keys_of(sender).now())
    by = Actor("node", sender.code, sender.title, sender.code)
    try:
        answer = _take_in(head, body, sender, by=by, at=at)
    except (FeedGap, FeedStale, FeedStopped, ChunkWrong) as error:
        answer = _refuse(head, error, by=by, at=at)
    return answer, chunks.seal_answer(answer, node_key(settings))


@transaction.atomic
def _take_in(head: chunks.Head, body: bytes, sender: Node, *, by: Actor, at: datetime) -> chunks.Answer:
    ReceivedFeed.objects.get_or_create(sender=sender.code)
    feed = ReceivedFeed.objects.select_for_update().get(sender=sender.code)
    if feed.answer and (feed.series, feed.digest, feed.number) == (head.series, head.digest, head.until):
        # The very same chunk: our answer was lost on the way.
        return msgspec.convert(feed.answer, chunks.Answer)
    _demand_next(feed, head)
    lines = chunks.unpack(head, body)
    if head.series != feed.series:
        feed.series, feed.taken, feed.unchanged = head.series, 0, 0
    told, refused = _apply(list(enumerate(lines, start=head.after + 1)), sender, by=by, at=at)
    _run(feed, head.entries, at=at)
    feed.number, feed.newest, feed.sent_at, feed.digest = head.until, head.newest, head.sent_at, head.digest
    feed.taken += len(told.changed)
    feed.unchanged += told.unchanged
    feed.received_at = at
    answer = chunks.Answer(
        sender=head.to,
        to=head.sender,
        series=head.series,
        about=head.digest,
        number=head.until,
        taken=len(told.changed),
        unchanged=told.unchanged,
        refused=RefusedEntry.objects.filter(sender=sender.code).count(),
        refused_some=refused[: chunks.MOST_TOLD],
    )
    feed.answer = msgspec.to_builtins(answer)
    feed.save()
    return answer


def _demand_next(feed: ReceivedFeed, head: chunks.Head) -> None:
    """The chunk must follow what was received: nothing left out, and nothing from yesterday."""
    if feed.stopped_at:
        raise FeedStopped(node=head.to, because=feed.stopped_because)
    if head.series < feed.series or head.sent_at < feed.sent_at:
        raise FeedStale(sent_at=max(feed.series, feed.sent_at))
    number = feed.number if head.series == feed.series else 0
    if head.after > number:
        raise FeedGap(number=number, after=head.after)
    if head.until <= head.after:
        raise ChunkWrong(why_zh="编号倒退", why_en="its numbers run backwards")


@transaction.atomic
def _refuse(head: chunks.Head, error: GuantongError, *, by: Actor, at: datetime) -> chunks.Answer:
    """A neighbour's chunk as a whole was refused: kept for the page, and told to a person unless it cures itself."""
    refusal = chunks.refusal_of(error)
    ReceivedFeed.objects.get_or_create(sender=head.sender)
    feed = ReceivedFeed.objects.select_for_update().get(sender=head.sender)
    if not isinstance(error, FeedStopped):
        feed.failure, feed.failed_at = chunks.as_json(refusal), at
        feed.save()
        subject = Subject("node", head.sender)
        record("feed.refused", by=by, at=at, subject=subject, details=chunks.as_json(refusal))
    if isinstance(error, ChunkWrong | FeedStale):
        about = {"node": head.sender, "code": refusal.code, "error": refusal.zh}
        raise_alert("feed_refused", about, by=by, at=at)
    number = feed.number if head.series == feed.series else 0
    return chunks.Answer(
        sender=head.to, to=head.sender, series=head.series, about=head.digest, number=number, refusal=refusal
    )


def _run(feed: ReceivedFeed, entries: int, *, at: datetime) -> None:
    is_new = feed.received_at is None or (at - feed.received_at).total_seconds() > PAUSE_S
    if is_new or feed.run_began_at is None:
        feed.run_began_at, feed.run_entries = at, 0
    feed.run_entries += entries


# ── the entries of a chunk ──


def _apply(
    lines: Sequence[tuple[int, bytes]], sender: Node, *, by: Actor, at: datetime
) -> tuple[catalog.TakenIn, list[chunks.Refusal]]:
    """Take in what can be of lines, each with the number that it goes by if it cannot be read; the rest is kept as
    refused. An entry's newer word settles its earlier refusal."""
    reading = _Reading(sender, by=by, at=at)
    for place, line in lines:
        reading.read(line, place)
    reading.find_providers()
    told = _taken(reading.arrived, by=by, at=at)
    reading.refused += [
        _kept(sender, reading.lines[number], error, number=number, at=at)
        for number, error in told.refused.items()
    ]
    keys = {each.content.code for each in reading.arrived} | {each.key for each in reading.refused}
    for slab in _slabs(sorted(keys)):
        RefusedEntry.objects.filter(sender=sender.code, key__in=slab).delete()
    newest = {each.key: each for each in reading.refused}
    RefusedEntry.objects.bulk_create(newest.values())
    if newest:
        raise_alert("entries_refused", {"node": sender.code}, by=by, at=at)
        details = {"refused": len(newest), "of": len(lines)}
        record("entries.refused", by=by, at=at, subject=Subject("node", sender.code), details=details)
    if any(Grant.objects.filter(resource__in=slab).exists() for slab in _slabs(told.changed)):
        enqueue("bundle.stale", {"because": "resource.published"}, by=by, at=at)
    return told, [chunks.Refusal(each.code, each.zh, each.en, each.key) for each in newest.values()]


def _taken(arrived: Sequence[catalog.Arrived], *, by: Actor, at: datetime) -> catalog.TakenIn:
    """All at once; if the database will not have that, one by one, so that one entry does not hold up the others."""
    try:
        with transaction.atomic():
            return catalog.take_in(arrived, by=by, at=at)
    except DatabaseError:
        told = catalog.TakenIn()
        for each in arrived:
            try:
                with transaction.atomic():
                    one = catalog.take_in([each], by=by, at=at)
            except DatabaseError as error:
                told.refused[each.change.number] = EntryNotKept(why=str(error)[:200])
            else:
                told.changed += one.changed
                told.unchanged += one.unchanged
                told.refused |= one.refused
        return told


class _Reading:
    """The lines of a chunk on their way to entries: read, checked, then with their departments."""

    def __init__(self, sender: Node, *, by: Actor, at: datetime) -> None:
        self._sender, self._by, self._at = sender, by, at
        self._behind = set(queries.behind(sender.code))
        self._read: list[tuple[Change, ResourceContent]] = []
        self.lines: dict[int, bytes] = {}
        self.arrived: list[catalog.Arrived] = []
        self.refused: list[RefusedEntry] = []

    def read(self, line: bytes, place: int) -> None:
        """One line: among those that were read, or among the refused."""
        try:
            change = self._change(line)
            self._read.append((change, catalog.read_content(change.content)))
        except GuantongError as error:
            self.refused.append(_kept(self._sender, line, error, number=place, at=self._at))
        else:
            self.lines[change.number] = line

    def find_providers(self) -> None:
        """Give what was read its departments as its node tells them: registered, or brought up to date."""
        codes = sorted({content.provider for _, content in self._read})
        known = {
            row.code: row for slab in _slabs(codes) for row in Organisation.objects.filter(code__in=slab)
        }
        found: dict[tuple[object, ...], Organisation | GuantongError] = {}
        for change, content in self._read:
            told = (content.provider, change.node, *_department(change))
            if told not in found:
                found[told] = self._provider(known.get(content.provider), content.provider, change)
            provider = found[told]
            if isinstance(provider, Organisation):
                self.arrived.append(catalog.Arrived(change, content, provider))
            else:
                number = change.number
                kept = _kept(self._sender, self.lines[number], provider, number=number, at=self._at)
                self.refused.append(kept)

    def _change(self, line: bytes) -> Change:
        # No database column and no page has a use for NUL.
        if b"\\u0000" in line:
            raise ChunkWrong(why_zh="含有空字符", why_en="it holds a NUL character")
        try:
            change = msgspec.json.decode(line, type=Change)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ChunkWrong(
                why_zh=f"条目格式有误（{error}）", why_en=f"an entry's form is wrong ({error})"
            ) from error
        if change.node not in self._behind:
            queries.confirmed(change.node)
            raise MessageNotEntitled(node=self._sender.code, topic="catalog.changed")
        return change

    def _provider(
        self, known: Organisation | None, code: str, change: Change
    ) -> Organisation | GuantongError:
        name, division, is_synthetic = _department(change)
        said = (change.node, name, division, is_synthetic)
        if known and (known.node, known.name, known.division, known.is_synthetic) == said:
            return known
        if not code:
            return OrganisationUnknown(organisation=code)
        try:
            with transaction.atomic():
                return register_organisation(
                    code,
                    name,
                    node=change.node,
                    division=division,
                    is_synthetic=is_synthetic,
                    by=self._by,
                    at=self._at,
                )
        except GuantongError as error:
            return error


def _department(change: Change) -> tuple[str, str, bool]:
    return change.provider_name, change.provider_division, change.provider_is_synthetic


class _Told(msgspec.Struct):
    """What can be read of a refused line, for the list."""

    number: int = 0
    node: str = ""
    content: dict[str, Any] = {}


def _kept(sender: Node, line: bytes, error: GuantongError, *, number: int, at: datetime) -> RefusedEntry:
    try:
        told = msgspec.json.decode(line, type=_Told)
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = _Told(number=number)
    code, name = (_word(told.content.get(key)) for key in ("code", "name"))
    return RefusedEntry(
        sender=sender.code,
        key=code[:64] or f"#{told.number or number}",
        node=_word(told.node)[:6],
        name=name[:200],
        number=min(max(told.number or number, 0), 2**53),
        change=line.decode(errors="replace"),
        code=error.code,
        zh=error.sentence("zh").replace("\0", ""),
        en=error.sentence("en").replace("\0", ""),
        refused_at=at,
    )


def _word(value: object) -> str:
    return value.replace("\0", "") if isinstance(value, str) else ""


def _slabs(values: Sequence[T]) -> list[Sequence[T]]:
    return [values[start : start + 500] for start in range(0, len(values), 500)]


# ── acts of people ──


@transaction.atomic
def retry_refused(sender: Node, *, by: Actor, at: datetime) -> tuple[int, int]:
    """Try to take in what was refused of a neighbour's feed; how many entries came in, and how many are refused still."""
    return _retry(sender, RefusedEntry.objects.filter(sender=sender.code), by=by, at=at)


@transaction.atomic
def welcome(*, by: Actor, at: datetime) -> int:
    """Take in entries that came before the card of their node did; how many. Only the worker calls this."""
    known = Node.objects.filter(is_confirmed=True).values_list("code", flat=True)
    early = RefusedEntry.objects.filter(code=NodeUnknown.code, node__in=known)
    senders = list(early.order_by().values_list("sender", flat=True).distinct())
    return sum(
        _retry(queries.confirmed(sender), early.filter(sender=sender), by=by, at=at)[0] for sender in senders
    )


def _retry(sender: Node, rows: QuerySet[RefusedEntry], *, by: Actor, at: datetime) -> tuple[int, int]:
    held = RefusedEntry.objects.filter(sender=sender.code)
    before = held.count()
    for slab in _slabs(list(rows.values_list("pk", flat=True))):
        again = RefusedEntry.objects.select_for_update().filter(pk__in=slab)
        _apply([(row.number, row.change.encode()) for row in again], sender, by=by, at=at)
    after = held.count()
    details = {"taken": before - after, "refused": after}
    record("entries.retried", by=by, at=at, subject=Subject("node", sender.code), details=details)
    _tell(sender, by=by, at=at)
    return before - after, after


@transaction.atomic
def ask_again(sender: Node, *, by: Actor, at: datetime) -> None:
    """Ask a neighbour to tell its whole feed again, and take it in again from then on."""
    ReceivedFeed.objects.get_or_create(sender=sender.code)
    ReceivedFeed.objects.filter(sender=sender.code).update(
        stopped_at=None, stopped_by="", stopped_because="", failure=None, number=0, answer=None
    )
    payload = {"to": sender.code, "topic": "feed.wanted", "payload": {}}
    enqueue("node.message", payload, by=by, at=at)
    record("feed.wanted", by=by, at=at, subject=Subject("node", sender.code))


def _tell(sender: Node, *, by: Actor, at: datetime) -> None:
    """Tell the sender what is refused still, so that its page says the truth, too."""
    rows = RefusedEntry.objects.filter(sender=sender.code)
    some = [chunks.as_json(chunks.Refusal(e.code, e.zh, e.en, e.key)) for e in rows[: chunks.MOST_TOLD]]
    told = {"refused": rows.count(), "refused_some": some}
    payload = {"to": sender.code, "topic": "feed.told", "payload": told}
    enqueue("node.message", payload, by=by, at=at)

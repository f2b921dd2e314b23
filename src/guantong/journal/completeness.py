"""Are a grant's receipts all there? Chain by chain, found by the database; and one side's calls against the other's.

Numbers that are missing or there twice and links that do not fit are found by a window over ``(chain, number)``, so that a
grant with a million receipts is read once and nothing of it is held. What looks broken is looked at again in the signed bytes,
which may name the receipt before by the digest of either suite.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from django.db.models import Count, F, Max, Min, Q, QuerySet, Window
from django.db.models.functions import Lag

from guantong.evidence import marks
from guantong.evidence.chains import Flaw, examine, link_of
from guantong.journal.models import Receipt
from guantong.kit.errors import GuantongError

MOST_FLAWS = 500
"""Flaws that are named one by one; beyond them a chain is told as badly damaged."""
MOST_LINKS = 20_000
"""Links by SM3 that are checked in the signed bytes: the newest."""

Side = Literal["provider", "consumer", "relay"]


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain of a grant's receipts as this node has it."""

    name: str
    roles: tuple[str, ...]
    present: int
    """Different numbers that are there."""
    last: int
    """The number up to which it goes, as far as anybody here knows."""
    since: datetime | None
    until: datetime | None
    flaws: tuple[Flaw, ...]

    @property
    def missing(self) -> int:
        """How many numbers are missing."""
        return sum(flaw.last - flaw.first + 1 for flaw in self.flaws if flaw.kind == "missing")


class Call(NamedTuple):
    """A call as one side has it."""

    call: str
    role: str
    decision: str
    reason: str
    at: str


def chains_of(
    grant: str, ends: Mapping[str, int], *, since: datetime | None = None, until: datetime | None = None
) -> list[Chain]:
    """The chains of a grant with their flaws; ``ends`` says how far each goes at least, as by :func:`ends_of`.

    With ``since`` or ``until`` (not included) only what lies between the first and the last receipt of that time is judged.
    """
    rows = _chained(grant, since, until)
    if since or until:
        ends = {}
    told = {
        row["chain"]: row
        for row in rows.order_by()
        .values("chain")
        .annotate(
            present=Count("number", distinct=True),
            first=Min("number"),
            last=Max("number"),
            since=Min("at"),
            until=Max("at"),
        )
    }
    roles: dict[str, list[str]] = {}
    for name, role in rows.order_by().values_list("chain", "role").distinct():
        roles.setdefault(name, []).append(role)
    flaws = _flaws(rows)
    found = []
    for name in sorted({*told, *(each for each in ends if each.startswith(f"{grant}/"))}):
        row: dict[str, Any] = dict(
            told.get(name, {"present": 0, "first": 1, "last": 0, "since": None, "until": None})
        )
        own = [flaw for flaw in flaws if flaw.chain == name]
        if row["first"] > 1 and not since:
            own.insert(0, Flaw(name, "missing", 1, row["first"] - 1))
        if ends.get(name, 0) > row["last"]:
            own.append(Flaw(name, "missing", row["last"] + 1, ends[name]))
        last = max(row["last"], ends.get(name, 0))
        names = tuple(sorted(roles.get(name, [])))
        found.append(Chain(name, names, row["present"], last, row["since"], row["until"], tuple(own)))
    return found


def ends_of(folder: Path, grant: str) -> dict[str, int]:
    """How far this node's writers had got with a grant's chains when they last noted it (at a start or an orderly end)."""
    return marks.ends(folder, of=f"{grant}/")


def calls_of(grant: str, *, most: int) -> dict[str, Call]:
    """The newest calls of a grant as this node has them, by call."""
    rows = Receipt.objects.filter(grant=grant).order_by("-at", "-id")
    found = rows.values_list("call", "role", "decision", "reason", "at")[:most]
    return {
        call: Call(call, role, decision, reason, at.isoformat()) for call, role, decision, reason, at in found
    }


def one_sided(ours: Mapping[str, Call], theirs: Mapping[str, Call]) -> tuple[list[Call], list[Call]]:
    """The calls that only we have, and those that only they have, each oldest first."""
    only_ours = [ours[call] for call in ours.keys() - theirs.keys()]
    only_theirs = [theirs[call] for call in theirs.keys() - ours.keys()]
    return sorted(only_ours, key=lambda each: each.at), sorted(only_theirs, key=lambda each: each.at)


def _chained(grant: str, since: datetime | None, until: datetime | None) -> QuerySet[Receipt]:
    """The numbered receipts of a grant. Refusals of what was no grant then are in the chain ``-``, not in the grant's."""
    rows = Receipt.objects.filter(grant=grant, chain__startswith=f"{grant}/", number__gt=0)
    rows = rows.filter(at__gte=since) if since else rows
    return rows.filter(at__lt=until) if until else rows


def _flaws(within: QuerySet[Receipt]) -> list[Flaw]:
    order: dict[str, Any] = {"partition_by": [F("chain")], "order_by": [F("number"), F("id")]}
    rows = within.annotate(
        before=Window(Lag("number"), **order),
        before_digest=Window(Lag("digest"), **order),
        before_content=Window(Lag("content"), **order),
        before_id=Window(Lag("id"), **order),
    )
    is_next = Q(number=F("before") + 1)
    odd = rows.filter(
        Q(number__gt=F("before") + 1)
        | Q(number=F("before"))
        | (
            is_next
            & ~Q(previous=F("before_digest"))
            & ~Q(previous=F("before_content"))
            & ~Q(previous__startswith="sm3:")
        )
    )
    columns = ("chain", "number", "id", "before", "before_id")
    found = []
    for chain, number, own, before, before_id in odd.order_by("chain", "number").values_list(*columns)[
        :MOST_FLAWS
    ]:
        if number > before + 1:
            found.append(Flaw(chain, "missing", before + 1, number - 1))
        elif number == before:
            found.append(Flaw(chain, "repeated", number, number))
        elif not _fits(before_id, own):
            found.append(Flaw(chain, "broken", number, number))
    found += _broken_by_sm3(within)
    return sorted(set(found), key=lambda flaw: (flaw.chain, flaw.first, flaw.kind))


def _fits(before: int, after: int) -> bool:
    """Whether the signed bytes of one receipt name those of the other."""
    raws = {row.pk: bytes(row.raw) for row in Receipt.objects.filter(pk__in=[before, after]).only("raw")}
    try:
        one, other = link_of(raws[before]), link_of(raws[after])
    except (GuantongError, KeyError):
        return False  # bytes that cannot be read name nothing: the link is told as broken
    return one is not None and other is not None and other.prev in one.digests


def _broken_by_sm3(within: QuerySet[Receipt]) -> Iterable[Flaw]:
    """Links that name the receipt before by SM3: the newest are looked at in the signed bytes."""
    named = within.filter(previous__startswith="sm3:")
    if not named.exists():
        return []
    rows = within.order_by("-at", "-id").only("raw")[:MOST_LINKS]
    links = []
    for row in rows:
        with suppress(
            GuantongError
        ):  # bytes that were tampered with: the gap they leave is named by its number
            link = link_of(bytes(row.raw))
            if link:
                links.append(link)
    # What comes before the newest is not there to compare with: only links within what was read are judged.
    read = {(link.chain, link.n) for link in links}
    flaws = examine(sorted(links, key=lambda link: (link.chain, link.n)))
    return [flaw for flaw in flaws if flaw.kind == "broken" and (flaw.chain, flaw.first - 1) in read]

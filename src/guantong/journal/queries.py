"""Searching what was done (acts) and what was used (receipts), newest first, quick however much there is.

Pages follow each other by a *cursor* (the last row's place), never by counting rows from the beginning. Counts and facets are
taken over the newest :data:`BOUND` matches, and say so. A search by organisation reads two indexes side by side (consumer
and provider) instead of leaving one database or the other to sort all of its rows.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any, Literal, NamedTuple

from django.db.models import Q, QuerySet

from guantong.journal.errors import CursorUnreadable
from guantong.journal.field_sets import sets_with
from guantong.journal.models import Entry, Receipt

Kind = Literal["act", "use"]

BOUND = 10_000
"""Matches that are counted."""

_USES = ("decision", "mode", "resource", "consumer_organisation", "purpose")
_MOST_VALUES = 12
_CURSOR = "%Y%m%dT%H%M%S.%f"


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for. Empty or None: everything. ``own`` bounds it to receipts of which an organisation is a party."""

    about: Literal["", "uses", "acts"] = ""
    own: str = ""
    actors: tuple[str, ...] | None = None
    organisations: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    fields: tuple[str, ...] | None = None
    purposes: tuple[str, ...] | None = None
    grant: str = ""
    case: str = ""
    mode: str = ""
    decision: str = ""
    role: str = ""
    call: str = ""
    act: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None
    """The first moment that is not included."""


class Found(NamedTuple):
    """One row of the record, an act or a use of data; the other is None."""

    at: datetime
    kind: Kind
    pk: int
    use: Receipt | None
    act: Entry | None


class Tally(NamedTuple):
    """How much was found, and how it is spread over each facet's values, the most frequent first."""

    total: int
    is_bounded: bool
    """Whether there is more than was counted."""
    facets: dict[str, list[tuple[str, int]]]


class Cursor(NamedTuple):
    """The place of a row; what follows is older."""

    at: datetime
    kind: str
    pk: int

    @classmethod
    def of(cls, row: Found) -> "Cursor":
        """The place of ``row``."""
        return cls(row.at, row.kind, row.pk)

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """The place that an address names; CursorUnreadable."""
        moment, _, rest = text.partition("~")
        kind, _, number = rest.partition("~")
        try:
            at = datetime.strptime(f"{moment}+0000", f"{_CURSOR}%z")
            place = cls(at, kind, int(number))
        except ValueError:
            raise CursorUnreadable from None
        if kind not in {"act", "use"} or not 0 <= place.pk < 2**63:
            raise CursorUnreadable
        return place

    def text(self) -> str:
        """The place as it stands in an address."""
        return f"{self.at.strftime(_CURSOR)}~{self.kind}~{self.pk}"


def only_uses(search: Search) -> Search:
    """The same search without acts."""
    return replace(search, about="uses")


def page(search: Search, *, after: Cursor | None, size: int) -> list[Found]:
    """Up to ``size`` rows that come after that place, newest first."""
    parts = []
    for kind, stream in _streams(search):
        rows = _after(stream, kind, after)[:size]
        parts.append([_found(kind, row) for row in rows])
    return list(islice(merge(*parts, key=_order), size))


def everything(search: Search, *, most: int, batch: int = 2000) -> Iterator[Found]:
    """Up to ``most`` rows, read in batches: nothing but a batch is held in memory, and no transaction is kept open."""
    after, left = None, most
    while left > 0 and (rows := page(search, after=after, size=min(batch, left))):
        yield from rows
        after, left = Cursor.of(rows[-1]), left - len(rows)


def tally(search: Search, *, bound: int = BOUND) -> Tally:
    """Counts over the newest ``bound`` uses and the newest ``bound`` acts that match."""
    uses: list[tuple[Any, ...]] = []
    acts: list[tuple[Any, ...]] = []
    is_bounded = False
    for kind, stream in _streams(search):
        names = _USES if kind == "use" else ("act",)
        found = list(stream.values_list("at", *names)[: bound + 1])
        is_bounded |= len(found) > bound
        (uses if kind == "use" else acts).extend(found)
    uses.sort(key=lambda row: row[0], reverse=True)
    is_bounded |= len(uses) > bound
    uses, acts = uses[:bound], acts[:bound]
    facets = {name: _spread(row[number] for row in uses) for number, name in enumerate(_USES, start=1)}
    facets["act"] = _spread(row[1] for row in acts)
    return Tally(len(uses) + len(acts), is_bounded, facets)


def count(search: Search, *, most: int) -> int:
    """How many rows match, counted no further than ``most``."""
    return min(most, sum(stream[:most].count() for _, stream in _streams(search)))


def _streams(search: Search) -> list[tuple[Kind, QuerySet[Any]]]:
    """Querysets, each ordered by one index, that together hold every match once."""
    found: list[tuple[Kind, QuerySet[Any]]] = []
    listed = search.fields is not None or search.purposes is not None
    is_of_uses = listed or search.mode or search.decision or search.role or search.call
    is_of_acts = search.act or search.actors is not None or search.subject
    if search.about != "uses" and not is_of_uses and not search.own:
        found.append(("act", _acts(search)))
    if search.about != "acts" and not is_of_acts:
        found += [("use", stream) for stream in _parties(search, _uses(search))]
    return found


def _uses(search: Search) -> QuerySet[Receipt]:
    exact = ("grant", "case", "mode", "decision", "role", "call")
    rows = Receipt.objects.filter(
        **{name: value for name in exact if (value := getattr(search, name))}, **_moments(search)
    )
    if search.resources is not None:
        rows = rows.filter(_one_of("resource", search.resources))
    if search.purposes is not None:
        rows = rows.filter(_one_of("purpose", search.purposes))
    if search.fields is not None:
        rows = rows.filter(_one_of("field_set", sets_with(search.fields)))
    return rows.defer("raw").order_by("-at", "-id")


def _parties(search: Search, rows: QuerySet[Receipt]) -> list[QuerySet[Receipt]]:
    """``rows`` of the organisations: as consumer, and as provider without those where it is the consumer, too."""
    if search.own and search.organisations is not None:
        either = _one_of("consumer_organisation", search.organisations)
        rows = rows.filter(either | _one_of("provider_organisation", search.organisations))
    sides = (search.own,) if search.own else search.organisations
    if sides is None:
        return [rows]
    consuming = _one_of("consumer_organisation", sides)
    return [rows.filter(consuming), rows.filter(_one_of("provider_organisation", sides)).exclude(consuming)]


def _acts(search: Search) -> QuerySet[Entry]:
    rows = Entry.objects.filter(**_moments(search))
    if search.act:
        is_group = search.act.endswith(".")
        rows = rows.filter(**{"act__startswith" if is_group else "act": search.act})
    if search.actors is not None:
        rows = rows.filter(_one_of("actor_id", search.actors))
    if search.organisations is not None:
        rows = rows.filter(_one_of("actor_organisation", search.organisations))
    for name in ("grant", "case"):
        if value := getattr(search, name):
            rows = rows.filter(subject_id=value)
    if search.subject:
        rows = rows.filter(subject_id=search.subject)
    if search.resources is not None:
        rows = rows.filter(_one_of("subject_id", search.resources))
    return rows.order_by("-at", "-id")


def _one_of(name: str, values: Any) -> Q:
    listed = list(values)
    return Q(**{name: listed[0]}) if len(listed) == 1 else Q(**{f"{name}__in": listed})


def _moments(search: Search) -> dict[str, datetime]:
    found = {"at__gte": search.since, "at__lt": search.until}
    return {name: moment for name, moment in found.items() if moment}


def _after(rows: QuerySet[Any], kind: Kind, place: Cursor | None) -> QuerySet[Any]:
    if place is None:
        return rows
    if kind < place.kind:
        return rows.filter(at__lt=place.at)
    rows = rows.filter(at__lte=place.at)
    return rows if kind > place.kind else rows.filter(Q(at__lt=place.at) | Q(pk__lt=place.pk))


def _found(kind: Kind, row: Any) -> Found:
    return Found(row.at, kind, row.pk, row if kind == "use" else None, row if kind == "act" else None)


def _order(row: Found) -> tuple[float, str, int]:
    return (-row.at.timestamp(), row.kind, -row.pk)


def _spread(values: Iterator[str]) -> list[tuple[str, int]]:
    return [(value, number) for value, number in Counter(values).most_common(_MOST_VALUES) if value]

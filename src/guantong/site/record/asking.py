"""From what somebody typed to what is looked for: names of people, organisations, entries and items become codes."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from guantong.catalog.models import Resource
from guantong.counter.models import ServiceItem
from guantong.federation.models import Node
from guantong.identity.models import Application, Organisation, Person
from guantong.journal.models import FieldName, Receipt
from guantong.journal.queries import Search
from guantong.pages.filters import chosen, moments
from guantong.site.names import Names

FILTERS = (
    "about",
    "person",
    "organisation",
    "resource",
    "field",
    "grant",
    "case",
    "purpose",
    "mode",
    "decision",
    "role",
    "call",
    "act",
    "subject",
    "since",
    "until",
)
MOST_CODES = 200
_RECENT = 10_000


@dataclass(frozen=True, slots=True)
class Question:
    """What was typed (``typed``), and the search that it comes to."""

    typed: dict[str, str]
    search: Search

    @property
    def sought(self) -> dict[str, Any]:
        """What the journal notes of it: the filters that were filled in, and whose receipts it is bounded to."""
        own = {"own": self.search.own} if self.search.own else {}
        return {**{name: value for name, value in self.typed.items() if value}, **own}


def read_question(request: HttpRequest, *, own: str = "") -> Question:
    """The question of an address. ``own``: only receipts of which that organisation is a party, and no acts."""
    typed = chosen(request, FILTERS)
    since, until = moments(since=typed["since"], until=typed["until"])
    return Question(
        typed,
        Search(
            about="uses" if own else {"uses": "uses", "acts": "acts"}.get(typed["about"], ""),  # type: ignore[arg-type]
            own=own,
            actors=_actors(typed["person"]),
            organisations=_organisations(typed["organisation"]),
            resources=_named(typed["resource"], Resource),
            fields=_items(typed["field"]),
            purposes=_named(typed["purpose"], ServiceItem),
            grant=typed["grant"],
            case=typed["case"],
            mode=typed["mode"],
            decision=typed["decision"],
            role=typed["role"],
            call=typed["call"],
            act=typed["act"],
            subject=typed["subject"],
            since=since,
            until=until,
        ),
    )


def _actors(text: str) -> tuple[str, ...] | None:
    """People, programs and nodes of that name; what was typed may be an identifier itself."""
    if not text:
        return None
    people = Person.objects.filter(Q(full_name__icontains=text) | Q(username=text)).values_list(
        "uuid", flat=True
    )
    programs = Application.objects.filter(name__icontains=text).values_list("code", flat=True)
    nodes = Node.objects.filter(title__icontains=text).values_list("code", flat=True)
    found = [str(each) for rows in (people, programs, nodes) for each in rows[:MOST_CODES]]
    return tuple(dict.fromkeys([*found, text]))


def _organisations(text: str) -> tuple[str, ...] | None:
    return _named(text, Organisation)


def _named(
    text: str, model: type[Organisation] | type[Resource] | type[ServiceItem]
) -> tuple[str, ...] | None:
    """The codes of what has that name or code; what was typed counts as a code of another node's, too."""
    if not text:
        return None
    if model.objects.filter(code=text).exists():
        return (text,)
    found = model.objects.filter(name__icontains=text).values_list("code", flat=True)[:MOST_CODES]
    return tuple(dict.fromkeys([*found, text]))


def _items(text: str) -> tuple[str, ...] | None:
    """Items by name, or by the label that the entries used lately give them."""
    if not text:
        return None
    if FieldName.objects.filter(name=text).exists():
        return (text,)
    recent = Receipt.objects.order_by("-at", "-id").values_list("resource", flat=True)[:_RECENT]
    names = Names()
    found = [
        name
        for code in list(dict.fromkeys(recent))[:MOST_CODES]
        for name, label in names.labels(code).items()
        if text in label
    ]
    return tuple(dict.fromkeys([*found, text]))

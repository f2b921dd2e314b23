"""What the page that links an entry is filled with and what it gives: source, place, columns for items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from guantong.bundle.files import NAMES
from guantong.catalog.harvesting import reading
from guantong.catalog.harvesting.errors import SourceUnknown
from guantong.catalog.links import fitting, probing
from guantong.catalog.links.errors import LinkUnfit
from guantong.catalog.links.types import INTERFACE, Kind, Seen, SeenColumn, Verdict
from guantong.catalog.models import Link
from guantong.catalog.types import ItemContent
from guantong.courier.client import origin_of
from guantong.courier.errors import DestinationNotAllowed

_DIALECTS: Mapping[str, str] = {"http": INTERFACE, "https": INTERFACE, "file": "folder"}


def dialect_of(address: str) -> str:
    """What an address leads to; empty for what entries are not linked to on this page."""
    scheme = address.partition("://")[0]
    if scheme in {"http", "https"}:
        try:
            for each in address.split():
                origin_of(each)
        except DestinationNotAllowed:
            return ""
    return reading.dialect(address) or _DIALECTS.get(scheme, "")


def sources_for(known: Mapping[str, str], provider: int) -> dict[str, str]:
    """The sources that an entry of this department (by key) may be linked to, by name: their dialect.

    A source that serves another department's entries is that department's.
    """
    theirs = set(Link.objects.exclude(resource__provider=provider).values_list("source", flat=True))
    told = {name: dialect_of(address) for name, address in known.items() if name not in theirs}
    return {name: dialect for name, dialect in sorted(told.items()) if dialect}


@dataclass(frozen=True)
class Place:
    """What an entry is to be linked to."""

    source: str
    dialect: str
    table: str
    fresh: str = ""

    @property
    def kind(self) -> Kind:
        """Table, interface or file."""
        return "interface" if self.dialect == INTERFACE else "file" if self.dialect == "folder" else "table"


def see(place: Place, known: Mapping[str, str]) -> Seen:
    """What stands there now; :class:`LinkUnfit` or :class:`SourceUnknown` where nothing does."""
    if place.source not in known:
        raise SourceUnknown(source=place.source)
    seen = probing.look(place, known)
    if isinstance(seen, Verdict):
        what = f"{place.source} {place.table} ({', '.join(fault.code for fault in seen.faults)})"
        raise LinkUnfit(why_zh=f"{what} 无法读取", why_en=f"{what} cannot be read")
    return seen


@dataclass(frozen=True)
class Line:
    """One item on the page: its column, what was suggested, and whether they fit."""

    item: ItemContent
    column: str
    is_suggested: bool
    seen: SeenColumn | None
    is_fit: bool
    is_gone: bool


def lines(
    items: Sequence[ItemContent], columns: Sequence[SeenColumn] | None, chosen: Mapping[str, str] | None
) -> list[Line]:
    """The items with what was chosen for each, or, where nothing was chosen yet, what is suggested."""
    known = {column.name: column for column in columns or ()}
    mapped = fitting.suggest(items, columns or ()) if chosen is None else chosen
    made = []
    for item in items:
        name = mapped.get(item.name, "")
        seen = known.get(name)
        is_fit = seen is None or fitting.is_fit(item.type, seen.type)
        is_gone = bool(name) and columns is not None and seen is None
        made.append(Line(item, name, chosen is None and bool(name), seen, is_fit, is_gone))
    return made


def checked(
    items: Sequence[ItemContent], place: Place, mapped: Mapping[str, str], seen: Seen
) -> dict[str, str]:
    """The mapping as it is kept; :class:`LinkUnfit` if it names what is not there, does not fit, or maps nothing."""
    if place.dialect == "folder":
        return {name: name for name in NAMES}
    kept = {item.name: mapped[item.name] for item in items if mapped.get(item.name)}
    if not kept:
        raise LinkUnfit(why_zh="至少对应一个信息项", why_en="at least one item needs a column")
    faults = fitting.misfits(items, kept, seen.columns)
    if faults:
        told = ", ".join(f"{fault.item}: {fault.column}" for fault in faults)
        raise LinkUnfit(
            why_zh=f"下列字段不存在或类型不符：{told}", why_en=f"not there, or of another type: {told}"
        )
    return kept

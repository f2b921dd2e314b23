"""Whether columns fit items, which column an item probably is, and whether data is as fresh as declared. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from guantong.catalog.harvesting.guessing import guess_item, word
from guantong.catalog.harvesting.types import FoundColumn
from guantong.catalog.links.types import Fault, Seen, SeenColumn, Verdict
from guantong.catalog.types import ItemContent

_NUMBERS: Final = frozenset("NYBIF")
_TEXTS: Final = frozenset("CM")
# Item's letter → letters of columns whose values can be told as such. Text is read whatever it stands for.
_TAKEN: Final[Mapping[str, frozenset[str]]] = {
    "C": frozenset("CMNYBIFDTL"),
    "M": frozenset("CMNYBIFDTL"),
    "N": _NUMBERS,
    "Y": _NUMBERS,
    "B": _NUMBERS,
    "F": _NUMBERS,
    "I": frozenset("IN"),
    "D": frozenset("DT"),
    "T": frozenset("DT"),
    "L": frozenset("LI"),
    "G": frozenset("GCM"),
}
# How old data may be under each declared cycle: the cycle itself and some grace, in days.
GRACE_DAYS: Final[Mapping[str, int]] = {
    "real_time": 1,
    "daily": 2,
    "weekly": 9,
    "ten_days": 13,
    "monthly": 36,
    "quarterly": 100,
    "half_yearly": 195,
    "yearly": 380,
}


def is_fit(item_type: str, column_type: str) -> bool:
    """Whether a column of one letter can serve an item of the other; what nobody knows is not held against it."""
    return not column_type or column_type in _TEXTS or column_type in _TAKEN.get(item_type, frozenset())


def misfits(
    items: Iterable[ItemContent], mapped: Mapping[str, str], columns: Sequence[SeenColumn] | None
) -> list[Fault]:
    """Mapped columns that are not there, or of another type than their item; nothing where columns are unknown."""
    if columns is None:
        return []
    known = {column.name: column for column in columns}
    types = {item.name: item.type for item in items}
    faults = []
    for item, name in mapped.items():
        column = known.get(name)
        if column is None:
            faults.append(Fault("column_gone", item, name))
        elif item in types and not is_fit(types[item], column.type):
            faults.append(Fault("type_unfit", item, name, column.declared or column.type))
    return faults


def unserved(items: Iterable[ItemContent], mapped: Mapping[str, str]) -> list[str]:
    """Items that no column stands for."""
    return [item.name for item in items if not mapped.get(item.name)]


def suggest(items: Sequence[ItemContent], columns: Sequence[SeenColumn]) -> dict[str, str]:
    """For each item the column that it probably is: the same word, the same name in the comment, the same kind."""
    guessed = {
        column.name: guess_item(FoundColumn(column.name, column.declared, column.comment))["label"]
        for column in columns
    }
    found: dict[str, str] = {}
    for reads in (
        lambda item, column: column.name == item.name,
        lambda item, column: word(column.name) == item.name,
        lambda item, column: bool(column.comment) and item.label in column.comment,
        lambda item, column: bool(item.label) and guessed[column.name] == item.label,
    ):
        for item in items:
            if item.name in found:
                continue
            free = (c.name for c in columns if c.name not in found.values() and reads(item, c))
            if column := next(free, ""):
                found[item.name] = column
    return found


def fresh_column(columns: Sequence[SeenColumn]) -> str:
    """The column that probably says when a row was last written; empty if none does."""
    words = ("update", "modif", "gxsj", "gxrq", "etl", "sync", "更新", "修改")
    told = (c.name for c in columns if any(w in c.name.lower() or w in c.comment for w in words))
    return next((name for name in told), "")


def is_overdue(newest_at: datetime | None, cycle: str, *, at: datetime) -> bool:
    """Whether data is older than its declared update cycle allows; never where either is unknown."""
    days = GRACE_DAYS.get(cycle)
    return newest_at is not None and days is not None and at - newest_at > timedelta(days=days)


def judge(
    seen: Seen, items: Sequence[ItemContent], mapped: Mapping[str, str], *, cycle: str, at: datetime
) -> Verdict:
    """What a look means: columns gone or of another type break a link, old data makes it stale."""
    faults = tuple(misfits(items, mapped, seen.columns))
    if faults:
        return Verdict("broken", faults, seen)
    if is_overdue(seen.newest_at, cycle, at=at):
        return Verdict("stale", (Fault("overdue", detail=cycle),), seen)
    return Verdict("well", (), seen)

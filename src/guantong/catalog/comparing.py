"""Two wordings of an entry, side by side: what was added, taken away and changed, item by item."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from guantong.catalog.types import ResourceContent

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class Difference:
    """One difference. ``item`` is the item's word and label, empty for what the entry itself says."""

    kind: Kind
    field: str
    before: Any
    after: Any
    item: str = ""


def differences(before: ResourceContent | None, after: ResourceContent | None) -> list[Difference]:
    """Every difference, the entry's own fields first, then item by item; an item is known by its word in calls."""
    old, new = _built(before), _built(after)
    found = [
        Difference("changed", field, old.get(field), new.get(field))
        for field in ResourceContent.__struct_fields__
        if field not in {"items", "extension", "operations"}
        and _said(old.get(field)) != _said(new.get(field))
    ]
    found += _extension(old.get("extension") or {}, new.get("extension") or {})
    found += _operations(old.get("operations") or {}, new.get("operations") or {})
    return [*found, *_items(old.get("items", []), new.get("items", []))]


def _extension(old: dict[str, Any], new: dict[str, Any]) -> list[Difference]:
    return [
        Difference("changed", f"extension.{name}", old.get(name), new.get(name))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]


def _operations(old: dict[str, Any], new: dict[str, Any]) -> list[Difference]:
    """Of the interface: each operation, and of one that changed each part; parameters and places one by one."""
    found = []
    for name in dict.fromkeys([*old, *new]):
        was, now = old.get(name), new.get(name)
        if was is None or now is None:
            found.append(Difference("removed" if now is None else "added", "operation", was, now, name))
            continue
        found += [
            Difference("changed", f"operation.{part}", was.get(part), now.get(part), name)
            for part in dict.fromkeys([*was, *now])
            if _said(was.get(part)) != _said(now.get(part))
        ]
    return found


def _items(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[Difference]:
    before, after = ({item["name"]: item for item in items} for items in (old, new))
    found = []
    for name in dict.fromkeys([*before, *after]):
        was, now = before.get(name), after.get(name)
        called = f"{(now or was or {}).get('label', '')} {name}".strip()
        if was is None or now is None:
            found.append(Difference("removed" if now is None else "added", "", was, now, called))
            continue
        found += [
            Difference("changed", field, was[field], now[field], called)
            for field in now
            if was[field] != now[field]
        ]
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        found.append(Difference("changed", "order", list(before), list(after)))
    return found


def _built(content: ResourceContent | None) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(content) if content else {}
    return built


def _said(value: Any) -> Any:
    """Nothing said is nothing said, however it is written."""
    return value or None

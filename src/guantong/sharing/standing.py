"""授权的变更, in terms alone: what a grant's terms become, and that no change of them gives more. Nothing is written here."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from guantong.catalog.types import ResourceContent
from guantong.kit import clock
from guantong.sharing.errors import NarrowingWidens
from guantong.sharing.narrowing import demand_within, hides_more
from guantong.sharing.types import OPEN_LIMITS, GrantTerms, Narrowing

CHANGING = (
    "fields", "modes", "masks", "per_second", "per_day", "max_rows", "condition", "not_after", "agreement",
    *OPEN_LIMITS,
)  # fmt: skip
"""The terms that a change can touch."""

_LIMITS = (
    ("per_day", "每日上限", "calls a day"),
    ("per_second", "每秒上限", "calls a second"),
    ("max_rows", "每次行数", "rows an answer"),
    ("concurrent", "并发数", "calls at one time"),
    ("rows_per_day", "每日行数", "rows a day"),
    ("per_key_per_day", "每键每日次数", "look-ups of a key a day"),
)


def standing_terms(terms: Mapping[str, Any]) -> dict[str, Any]:
    """The changing terms as they stand; a limit that is not named is none."""
    return {name: terms.get(name, 0) if name in OPEN_LIMITS else terms.get(name) for name in CHANGING}


def less(terms: GrantTerms, by: Narrowing, *, at: datetime) -> dict[str, Any]:
    """The changing terms after ``by``; ``days`` counts from ``at``. NarrowingWidens."""
    wanted = msgspec.to_builtins(by)
    fields = terms.fields if by.fields is None else by.fields
    masks = {**terms.masks, **by.masks}
    ends = clock.rfc3339(at + timedelta(days=by.days)) if by.days else terms.not_after
    then = {
        **{name: wanted.get(name) or getattr(terms, name) for name, _, _ in _LIMITS},
        "fields": list(fields),
        "modes": list(terms.modes if by.modes is None else by.modes),
        "masks": {name: mask for name, mask in masks.items() if name in fields},
        "condition": msgspec.to_builtins([*terms.condition, *by.condition]),
        "not_after": ends,
        "agreement": terms.agreement,
    }
    unknown = sorted(set(by.masks) - set(terms.fields))
    if unknown or clock.parse(ends) > clock.parse(terms.not_after):
        what = "、".join(unknown)
        raise NarrowingWidens(what_zh=what or "期限", what_en=what or "its end")
    demand_not_wider(terms, then)
    then["masks"] = {name: mask for name, mask in masks.items() if name in fields and mask != "none"}
    return then


def demand_not_wider(now: GrantTerms, then: Mapping[str, Any]) -> None:
    """NarrowingWidens if ``then`` gives anything that ``now`` does not; its dates apart."""
    content = msgspec.convert(now.resource_content, ResourceContent)
    items = {item.name: item.mask for item in content.items}
    demand_within("信息项", "items", then["fields"], now.fields)
    demand_within("使用方式", "modes", then["modes"], now.modes)
    for name, zh, en in _LIMITS:
        before, after = getattr(now, name), then.get(name, 0)
        is_wider = bool(before) and (not after or after > before) if name in OPEN_LIMITS else after > before
        if is_wider:
            raise NarrowingWidens(what_zh=f"{zh} {after}", what_en=f"{after} {en}")
    for name in then["fields"]:
        usual = items.get(name, "none")
        before, after = now.masks.get(name, usual), then["masks"].get(name, usual)
        if not hides_more(before, after):
            raise NarrowingWidens(what_zh=f"{name} 的脱敏 {after}", what_en=f"the mask {after} of {name}")
    conditions = msgspec.to_builtins(now.condition)
    if [each for each in conditions if each not in then["condition"]]:
        raise NarrowingWidens(what_zh="行条件", what_en="fewer conditions of rows")
    strangers = {each["item"] for each in then["condition"]} - set(items)
    if strangers:
        what = ", ".join(sorted(strangers))
        raise NarrowingWidens(what_zh=f"条件中的信息项 {what}", what_en=f"items of the condition {what}")

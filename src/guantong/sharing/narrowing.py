"""缩减: an approver may grant less than was asked, never more. Pure but for the request it reads."""

from collections.abc import Iterable

import msgspec

from guantong.catalog.types import ResourceContent
from guantong.sharing.errors import NarrowingWidens
from guantong.sharing.models import Request
from guantong.sharing.types import Mode, Narrowing

MAX_ROWS = 20
"""Rows an answer may have where nobody has said fewer."""


class Scope(msgspec.Struct, frozen=True):
    """What a request comes to: as asked, less what approvers have taken away."""

    fields: list[str]
    modes: list[Mode]
    per_day: int
    per_second: int
    days: int
    narrowing: Narrowing


def scope(request: Request) -> Scope:
    """What would be granted now."""
    left = msgspec.convert(request.narrowing, Narrowing)
    return Scope(
        fields=list(request.fields) if left.fields is None else left.fields,
        modes=list(request.modes) if left.modes is None else left.modes,
        per_day=left.per_day or request.per_day,
        per_second=left.per_second or request.per_second,
        days=left.days or request.days,
        narrowing=left,
    )


def narrowed(request: Request, by: Narrowing, content: ResourceContent) -> Narrowing:
    """The narrowing of ``request`` after ``by``. NarrowingWidens if anything in it is more than there was."""
    now = scope(request)
    items = {item.name: item for item in content.items}
    demand_within("信息项", "items", by.fields, now.fields)
    demand_within("使用方式", "modes", by.modes, now.modes)
    for zh, en, wanted, most in (
        ("每日上限", "calls a day", by.per_day, now.per_day),
        ("每秒上限", "calls a second", by.per_second, now.per_second),
        ("期限", "days", by.days, now.days),
        ("每次行数", "rows an answer", by.max_rows, now.narrowing.max_rows or MAX_ROWS),
        ("并发数", "calls at one time", by.concurrent, now.narrowing.concurrent),
        ("每日行数", "rows a day", by.rows_per_day, now.narrowing.rows_per_day),
        ("每键每日次数", "look-ups of a key a day", by.per_key_per_day, now.narrowing.per_key_per_day),
    ):
        if wanted is not None and most is not None and wanted > most:
            raise NarrowingWidens(what_zh=f"{zh} {wanted}", what_en=f"{wanted} {en}")
    masks = dict(now.narrowing.masks)
    for name, mask in by.masks.items():
        if name not in items or not hides_more(masks.get(name, items[name].mask), mask):
            raise NarrowingWidens(what_zh=f"{name} 的脱敏 {mask}", what_en=f"the mask {mask} of {name}")
        masks[name] = mask
    demand_within("条件中的信息项", "items of the condition", [each.item for each in by.condition], items)
    return Narrowing(
        fields=by.fields if by.fields is not None else now.narrowing.fields,
        modes=by.modes if by.modes is not None else now.narrowing.modes,
        per_day=by.per_day or now.narrowing.per_day,
        per_second=by.per_second or now.narrowing.per_second,
        days=by.days or now.narrowing.days,
        masks=masks,
        # Every condition holds, so one more leaves fewer rows.
        condition=[*now.narrowing.condition, *by.condition],
        max_rows=by.max_rows or now.narrowing.max_rows,
        concurrent=by.concurrent or now.narrowing.concurrent,
        rows_per_day=by.rows_per_day or now.narrowing.rows_per_day,
        per_key_per_day=by.per_key_per_day or now.narrowing.per_key_per_day,
    )


def demand_within(zh: str, en: str, wanted: Iterable[str] | None, known: Iterable[str]) -> None:
    """NarrowingWidens if ``wanted`` has anything beyond ``known``, or nothing at all where something must be left."""
    if wanted is None:
        return
    wanted = list(wanted)
    beyond = sorted(set(wanted) - set(known))
    if beyond:
        raise NarrowingWidens(what_zh=f"{zh} {'、'.join(beyond)}", what_en=f"{en} {', '.join(beyond)}")
    if not wanted and en in {"items", "modes"}:
        raise NarrowingWidens(what_zh=f"{zh}为空", what_en=f"no {en}")


def hides_more(now: str, then: str) -> bool:
    """Whether ``then`` shows nothing that ``now`` hides: anything after none, nothing at all, fewer characters."""
    if now in {then, "none"} or then == "null":
        return True
    kind, _, count = now.partition(":")
    wanted, _, fewer = then.partition(":")
    return kind == wanted and count.isdecimal() and fewer.isdecimal() and int(fewer) <= int(count)

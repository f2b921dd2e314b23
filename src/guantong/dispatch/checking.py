"""Does a declaration hold together, and does the grant allow it? The data plane judges again before every chunk."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from guantong.bundle.contradictions import contradiction, unknown_items
from guantong.bundle.deciding import listed
from guantong.bundle.jobs import Check
from guantong.bundle.refusals import FieldsNotGranted, LevelAboveClearance, ModeNotGranted
from guantong.dispatch.errors import (
    ApplicationNotGranted,
    CheckWrong,
    JobItemsUnknown,
    ScheduleWrong,
    TargetNotYours,
    TargetWrong,
    WritingWrong,
)
from guantong.dispatch.models import Target
from guantong.dispatch.types import Declaration, TargetDeclaration
from guantong.identity.models import Application
from guantong.sharing.errors import GrantNotInForce
from guantong.sharing.models import Grant, GrantState
from guantong.sharing.types import BATCHES, jobs_mode

LONGEST_PATTERN = 500
SHORTEST_INTERVAL_S = 60
# Linear time has its price: the data plane's expressions look neither ahead nor back.
_NOT_LINEAR = ("(?=", "(?!", "(?<=", "(?<!", "\\1", "\\2", "(?P=")


def demand_granted(declaration: Declaration, grant: Grant, *, at: datetime) -> None:
    """Refuse what the grant does not allow: when, how, by which application, which fields, which levels."""
    if grant.state != GrantState.ACTIVE or not grant.not_before <= at < grant.not_after:
        raise GrantNotInForce(grant=grant.code)
    if BATCHES.isdisjoint(grant.terms["modes"]):
        raise ModeNotGranted(grant=grant.code, mode="batch")
    application = Application.objects.filter(
        code=declaration.application, organisation__code=grant.consumer, is_active=True
    ).first()
    named = {each["code"] for each in grant.terms["applications"]}
    if application is None or application.code not in named:
        raise ApplicationNotGranted(application=declaration.application, grant=grant.code)
    beyond = [field for field in declaration.fields if field not in grant.terms["fields"]]
    if beyond:
        raise FieldsNotGranted(grant=grant.code, fields=listed(beyond))
    levels = {item["name"]: item.get("level", 1) for item in grant.terms["resource_content"]["items"]}
    above = [field for field in declaration.fields if levels.get(field, 4) > application.clearance]
    if above:
        raise LevelAboveClearance(fields=listed(above))


def demand_items(declaration: Declaration, known: Iterable[str]) -> None:
    """Refuse keys, watermark, conversions and checks that name what the resource does not have."""
    for where_zh, where_en, items in unknown_items(declaration, set(known)):
        raise JobItemsUnknown(where_zh=where_zh, where_en=where_en, items=listed(items))


def demand_writing(declaration: Declaration, masks: Mapping[str, str]) -> None:
    """Refuse ways of reading and writing that cannot keep the target equal to the source."""
    if found := contradiction(declaration, masks):
        raise WritingWrong(why_zh=found[0], why_en=found[1])


def demand_checks(checks: Iterable[Check]) -> None:
    """Refuse checks that lack what they compare with."""
    for check in checks:
        for is_wrong, why_zh, why_en in _faults(check):
            if is_wrong:
                raise CheckWrong(rule=check.rule, items=listed(check.items), why_zh=why_zh, why_en=why_en)


def _faults(check: Check) -> list[tuple[bool, str, str]]:
    has_bound = check.low is not None or check.high is not None
    is_pair = check.rule in {"order", "born_on"}
    is_linear = len(check.pattern) <= LONGEST_PATTERN and not any(p in check.pattern for p in _NOT_LINEAR)
    return [
        (not check.items, "没有信息项", "it names no items"),
        (check.rule == "pattern" and not check.pattern, "没有正则表达式", "it has no pattern"),
        (not is_linear, "正则表达式过长或含前瞻、回引", "its pattern is too long or looks ahead or back"),
        (check.rule == "codes" and not check.codes, "没有代码", "it has no codes"),
        (check.rule in {"length", "range"} and not has_bound, "没有上下限", "it has no bound"),
        (
            check.rule == "length" and not all(isinstance(b, int | None) for b in (check.low, check.high)),
            "长度须为整数",
            "lengths are whole numbers",
        ),
        (is_pair and len(check.items) != 2, "需要两个信息项", "it needs two items"),
    ]


def demand_schedule(declaration: Declaration) -> None:
    """Refuse a timetable that would never rest."""
    schedule = declaration.schedule
    if schedule.kind == "interval" and schedule.every_s < SHORTEST_INTERVAL_S:
        raise ScheduleWrong(
            why_zh=f"间隔不得少于 {SHORTEST_INTERVAL_S} 秒",
            why_en=f"an interval is {SHORTEST_INTERVAL_S} seconds at least",
        )


def demand_columns(declaration: TargetDeclaration) -> None:
    """Refuse a target without columns, or with one column for two items."""
    columns = list(declaration.columns.values())
    if not columns or not all(column.strip() for column in columns):
        raise TargetWrong(why_zh="没有写明列", why_en="it names no columns")
    if len(set(columns)) != len(columns):
        raise TargetWrong(why_zh="两个信息项对应同一列", why_en="two items go into one column")


def demand_target(declaration: Declaration, target: Target, consumer: str) -> None:
    """Refuse a target of somebody else's, or one that has no column for a field."""
    if target.organisation != consumer:
        raise TargetNotYours(target=target.code)
    bare = [field for field in declaration.fields if field not in target.columns]
    if bare:
        raise TargetWrong(
            why_zh=f"信息项 {listed(bare)} 没有对应的列", why_en=f"it has no column for {listed(bare)}"
        )


def demand_mode(grant: Grant, target: Target) -> None:
    """Refuse a target of a kind that is not granted: files or events only, where no whole tables are."""
    if jobs_mode(grant.terms["modes"], target.dialect) is None:
        raise ModeNotGranted(grant=grant.code, mode=f"batch → {target.dialect}")


def masks_of(grant: Grant) -> dict[str, str]:
    """What is left of each item under the grant."""
    usual = {item["name"]: item.get("mask", "none") for item in items_of(grant)}
    return {**usual, **grant.terms["masks"]}


def items_of(grant: Grant) -> list[dict[str, Any]]:
    """The items of the resource, as granted."""
    return msgspec.convert(grant.terms["resource_content"]["items"], list[dict[str, Any]])

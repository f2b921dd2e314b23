"""The words of an agreement: masks, modes and row conditions in Chinese, as people would say them."""

from collections.abc import Mapping, Sequence

from guantong.bundle.types import Condition
from guantong.sharing.types import GrantTerms

_MASKS = {
    "none": "原值",
    "null": "不可见",
    "hash": "单向散列值",
    "year": "仅年份",
    "division": "仅到市级",
}
_MODES = {"query": "查询", "verify": "核验", "batch": "批量交换", "file": "文件", "subscription": "订阅"}
_OPERATORS = {"eq": "等于", "ne": "不等于", "in": "属于", "ge": "不小于", "le": "不大于"}


def mask_words(mask: str) -> str:
    """What a mask leaves of a value."""
    kind, _, count = mask.partition(":")
    if kind in {"keep_head", "keep_tail"}:
        return f"{'前' if kind == 'keep_head' else '后'} {count} 位"
    return _MASKS.get(mask, mask)


def mode_words(mode: str) -> str:
    """A way of using data."""
    return _MODES.get(mode, mode)


def condition_words(conditions: Sequence[Condition], labels: Mapping[str, str]) -> str:
    """A row condition as a sentence: all of it must hold."""
    if not conditions:
        return "无（全部记录）"
    told = []
    for each in conditions:
        value = "、".join(map(str, each.value)) if isinstance(each.value, list) else str(each.value)
        told.append(f"{labels.get(each.item, each.item)}{_OPERATORS[each.op]}“{value}”")
    return "仅限同时符合下列条件的记录：" + "；".join(told)


def limit_words(terms: GrantTerms) -> str:
    """How much: the limits that every grant has, and those that this one has besides."""
    said = [f"每秒 {terms.per_second} 次，每日 {terms.per_day} 次，每次至多 {terms.max_rows} 行"]
    if terms.concurrent:
        said.append(f"同时至多 {terms.concurrent} 次")
    if terms.rows_per_day:
        said.append(f"每日至多 {terms.rows_per_day} 行")
    if terms.per_key_per_day:
        said.append(f"同一查询键每日至多 {terms.per_key_per_day} 次")
    return "，".join(said)

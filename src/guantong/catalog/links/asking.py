"""How an interface is to be asked, as somebody typed it on the page that links an entry."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from guantong.catalog.links.errors import LinkUnfit
from guantong.catalog.links.types import ServiceTerms

NUMBERS: Final[Mapping[str, tuple[int, int, str, str]]] = {
    "timeout_ms": (100, 60_000, "应答时限（毫秒）", "the milliseconds to answer"),
    "attempts": (1, 5, "尝试次数", "the attempts"),
    "breaker_failures": (1, 100, "连续失败次数", "the failures in a row"),
    "breaker_rest_s": (1, 600, "暂停秒数", "the seconds of rest"),
    "answer_limit_kb": (1, 1_048_576, "最大响应（KB）", "the largest answer (KB)"),
    "body_limit_kb": (1, 1_048_576, "最大请求体（KB）", "the largest request body (KB)"),
}
"""The numbers of the page: least, most, and what they are called."""

_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_MOST_HEADERS = 20


def read_terms(typed: Mapping[str, str], headers: str) -> ServiceTerms:
    """The terms that ``typed`` numbers (empty: as usual) and names of headers make; LinkUnfit with what is wrong."""
    numbers = {name: _number(name, text) for name, text in typed.items() if text}
    names = headers.replace(",", " ").split()
    if len(names) > _MOST_HEADERS or not all(map(_HEADER.fullmatch, names)):
        raise LinkUnfit(
            why_zh="响应头最多 20 个，名称由字母、数字和 - 组成",
            why_en="there are at most 20 headers, and their names have letters, digits and -",
        )
    return msgspec.convert({**numbers, "response_headers": names}, ServiceTerms)


def _number(name: str, text: str) -> int:
    least, most, zh, en = NUMBERS[name]
    value = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else -1
    if not least <= value <= most:
        raise LinkUnfit(
            why_zh=f"{zh}应为 {least} 至 {most} 的整数",
            why_en=f"{en} must be a whole number from {least} to {most}",
        )
    return value

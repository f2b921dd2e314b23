"""The rules that the platform ships, as they stand in ``rules/default.json``."""

from functools import cache
from pathlib import Path

import msgspec

from guantong.risk.types import AnyRule


@cache
def shipped() -> tuple[AnyRule, ...]:
    """The shipped rules, in the order in which they are shown."""
    raw = (Path(__file__).parent / "rules" / "default.json").read_bytes()
    return tuple(msgspec.json.decode(raw, type=list[AnyRule]))

"""合并: which signals are the same alert going on."""

from typing import Any

from guantong.risk.types import Signal

QUIET_HOURS = 7 * 24
"""After so many hours without a signal, the next one is a new alert."""


def continues(signal: Signal, since: int, until: int) -> bool:
    """Whether a signal belongs to the alert about the hours from ``since`` to ``until``."""
    return signal.since <= until + QUIET_HOURS and signal.until >= since - QUIET_HOURS


def is_old_news(signal: Signal, until: int) -> bool:
    """Whether a signal says nothing about hours that a person has not decided on already."""
    return signal.until <= until


Family = tuple[str, ...]
"""What rules have in common that say the same by other windows."""


def family_of(terms: dict[str, Any]) -> Family:
    """The family of a rule: its kind, and what it counts."""
    counted = terms.get("metric") or terms.get("part") or terms.get("what") or terms.get("by") or ""
    return (terms["kind"], counted, *terms.get("reasons", ()))


def kin_of(terms: dict[str, Any]) -> Family:
    """The family, and what is raised with it by the same calls: many calls are many rows."""
    if terms["kind"] == "volume" and terms["metric"] in {"calls", "rows"}:
        return ("volume", "use")
    return family_of(terms)

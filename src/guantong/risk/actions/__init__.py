"""What people and the worker do about risks."""

from guantong.risk.actions.deciding import decide, end_exemption, look_at, suspend_grant
from guantong.risk.actions.raising import keep, raise_findings, ship_rules, tend, watch_unused
from guantong.risk.actions.ruling import change_rule

__all__ = [
    "change_rule",
    "decide",
    "end_exemption",
    "keep",
    "look_at",
    "raise_findings",
    "ship_rules",
    "suspend_grant",
    "tend",
    "watch_unused",
]

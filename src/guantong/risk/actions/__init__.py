"""What people and the worker do about risks."""

from guantong.risk.actions.deciding import decide, end_exemption, look_at, suspend_grant
from guantong.risk.actions.raising import keep, raise_findings, ship_rules, tend, watch_unused
from guantong.risk.actions.ruling import (
    change_for_grant,
    change_rule,
    end_for_grant,
    import_rules,
    restore_rule,
)

__all__ = [
    "change_for_grant",
    "change_rule",
    "decide",
    "end_exemption",
    "end_for_grant",
    "import_rules",
    "keep",
    "look_at",
    "raise_findings",
    "restore_rule",
    "ship_rules",
    "suspend_grant",
    "tend",
    "watch_unused",
]

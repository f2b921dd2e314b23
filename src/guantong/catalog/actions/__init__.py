"""The only writers of the catalogue: draft, review, publish, withdraw, link, import, and take in what others publish."""

from guantong.catalog.actions.bulk import Outcome, together
from guantong.catalog.actions.drafting import draft, read_content
from guantong.catalog.actions.fields import declare_field, retire_field
from guantong.catalog.actions.importing import hand_in, run_import, run_imports
from guantong.catalog.actions.linking import draft_from_table, link, unlink
from guantong.catalog.actions.publishing import number_changes, take_in
from guantong.catalog.actions.reviewing import approve, publish, send_back, submit, undo, withdraw
from guantong.catalog.actions.standards import (
    claim,
    load_standards,
    route,
    settle,
    state_needs,
    take_in_codes,
)
from guantong.catalog.actions.watching import check_link, watch_links

__all__ = [
    "Outcome",
    "approve",
    "check_link",
    "claim",
    "declare_field",
    "draft",
    "draft_from_table",
    "hand_in",
    "link",
    "load_standards",
    "number_changes",
    "publish",
    "read_content",
    "retire_field",
    "route",
    "run_import",
    "run_imports",
    "send_back",
    "settle",
    "state_needs",
    "submit",
    "take_in",
    "take_in_codes",
    "together",
    "undo",
    "unlink",
    "watch_links",
    "withdraw",
]

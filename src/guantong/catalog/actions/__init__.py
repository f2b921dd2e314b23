"""The only writers of the catalogue: draft, review, publish, withdraw, link, import, and take in what others publish."""

from guantong.catalog.actions.bulk import Outcome, together
from guantong.catalog.actions.drafting import draft, read_content
from guantong.catalog.actions.importing import hand_in, run_import, run_imports
from guantong.catalog.actions.linking import link
from guantong.catalog.actions.publishing import number_changes, take_in
from guantong.catalog.actions.reviewing import approve, publish, send_back, submit, undo, withdraw

__all__ = [
    "Outcome",
    "approve",
    "draft",
    "hand_in",
    "link",
    "number_changes",
    "publish",
    "read_content",
    "run_import",
    "run_imports",
    "send_back",
    "submit",
    "take_in",
    "together",
    "undo",
    "withdraw",
]

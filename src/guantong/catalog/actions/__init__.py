"""The only writers of the catalogue: draft, review, publish, withdraw, link, import, and take in what others publish."""

from guantong.catalog.actions.bulk import Outcome, together
from guantong.catalog.actions.directories import (
    import_listings,
    keep_listing,
    merge_elements,
    restore_listing,
    retire_listing,
)
from guantong.catalog.actions.drafting import draft, read_content
from guantong.catalog.actions.fields import declare_field, retire_field
from guantong.catalog.actions.freshening import tell_updated
from guantong.catalog.actions.harvested import note_tables
from guantong.catalog.actions.importing import hand_in, run_import, run_imports
from guantong.catalog.actions.judging import tend_conformance
from guantong.catalog.actions.learning import Arrived, TakenIn, take_back, take_in
from guantong.catalog.actions.linking import draft_from_table, link, unlink
from guantong.catalog.actions.needs import (
    answer,
    confirm_fit,
    declare_item_needs,
    drop_need,
    escalate_needs,
    route,
    state_needs,
    tend_needs,
)
from guantong.catalog.actions.publishing import number_changes
from guantong.catalog.actions.reviewing import approve, publish, send_back, submit, undo, withdraw
from guantong.catalog.actions.standards import (
    claim,
    give_up_claim,
    load_standards,
    settle,
    take_in_codes,
)
from guantong.catalog.actions.standards_below import take_in_code_list, take_in_element
from guantong.catalog.actions.watching import check_link, watch_links

__all__ = [
    "Arrived",
    "Outcome",
    "TakenIn",
    "answer",
    "approve",
    "check_link",
    "claim",
    "confirm_fit",
    "declare_field",
    "declare_item_needs",
    "draft",
    "draft_from_table",
    "drop_need",
    "escalate_needs",
    "give_up_claim",
    "hand_in",
    "import_listings",
    "keep_listing",
    "link",
    "load_standards",
    "merge_elements",
    "note_tables",
    "number_changes",
    "publish",
    "read_content",
    "restore_listing",
    "retire_field",
    "retire_listing",
    "route",
    "run_import",
    "run_imports",
    "send_back",
    "settle",
    "state_needs",
    "submit",
    "take_back",
    "take_in",
    "take_in_code_list",
    "take_in_codes",
    "take_in_element",
    "tell_updated",
    "tend_conformance",
    "tend_needs",
    "together",
    "undo",
    "unlink",
    "watch_links",
    "withdraw",
]

"""The only writers of divisions, organisations, people and applications."""

from guantong.identity.actions.applications import name_requester, register_application
from guantong.identity.actions.credentials import (
    add_key,
    drop_key,
    end_former_secret,
    end_overlaps,
    issue_secret,
    revoke_secret,
)
from guantong.identity.actions.registering import (
    ImportReport,
    Problem,
    forget_day,
    import_divisions,
    import_organisations,
    note_days,
    note_failed_sign_in,
    note_sign_in,
    register_organisation,
    register_person,
    suspend_person,
)

__all__ = [
    "ImportReport",
    "Problem",
    "add_key",
    "drop_key",
    "end_former_secret",
    "end_overlaps",
    "forget_day",
    "import_divisions",
    "import_organisations",
    "issue_secret",
    "name_requester",
    "note_days",
    "note_failed_sign_in",
    "note_sign_in",
    "register_application",
    "register_organisation",
    "register_person",
    "revoke_secret",
    "suspend_person",
]

"""What is said at this door, both ways. The OpenAPI document is made of these, so that it cannot say anything else."""

from typing import Annotated, Any

import msgspec

from guantong.sharing.types import (
    Code,
    Days,
    GrantTerms,
    Line,
    Mode,
    Narrowing,
    Particulars,
    PerDay,
    PerSecond,
    Uuid,
)

Long = Annotated[str, msgspec.Meta(max_length=400, pattern=r"^[^\x00]*$")]
Text = Annotated[str, msgspec.Meta(max_length=4000, pattern=r"^[^\x00]*$")]
Items = Annotated[list[Code], msgspec.Meta(max_length=500)]


class EntryAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry that is asked for: its items, and how they are had."""

    resource: Code
    fields: Items = []
    modes: Annotated[list[Mode], msgspec.Meta(max_length=5)] = []


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request for one entry or several. What is empty and must not be is told at once, not one by one.

    ``key`` is a UUID of the caller's choice: the same form under the same key is filed once. ``pledge`` is the digest
    of the pledge's text as ``/pledge`` gives it, ``pledged_by`` the official who signed it.
    """

    key: Uuid
    entries: Annotated[list[EntryAsked], msgspec.Meta(max_length=10)] = []
    purpose: Line = ""
    purpose_text: Long = ""
    legal_basis: Long = ""
    applications: Annotated[list[Code], msgspec.Meta(max_length=20)] = []
    per_day: PerDay = 10_000
    per_second: PerSecond = 50
    days: Days = 365
    particulars: Particulars = Particulars()
    pledge: Line = ""
    pledged_by: Line = ""


class Addition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was missing. What is left out stays as it is; ``fields`` may only become fewer."""

    purpose_text: Long | None = None
    legal_basis: Long | None = None
    fields: Items | None = None
    particulars: Particulars | None = None
    note: Text = ""


class Withdrawing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the request is no longer needed."""

    reason: Text = ""


class Pledge(msgspec.Struct, frozen=True):
    """The pledge in force, and its digest."""

    text: str
    digest: str


class StepTold(msgspec.Struct, frozen=True):
    """One decision on the way, with its clock. ``decision`` is empty while it waits; days are working days' dates."""

    position: int
    kind: str
    decider: str
    decider_name: str
    decision: str
    ground: str
    reason: str
    decided_by: str
    decided_at: str | None
    due_on: str | None
    is_late: bool
    extended_because: str
    paper_number: str


class RequestTold(msgspec.Struct, frozen=True):
    """A request, how far it has come, and what is missing. ``grant`` is empty until it is granted.

    ``supplement_by`` is the day by which what is missing should be there, while the request is sent back.
    """

    uuid: str
    number: str
    state: str
    resource: str
    resource_name: str
    provider: str
    provider_name: str
    provider_node: str
    fields: list[str]
    modes: list[str]
    purpose: str
    purpose_text: str
    legal_basis: str
    applications: list[str]
    per_day: int
    per_second: int
    days: int
    particulars: Particulars
    narrowing: Narrowing
    batch: str | None
    filed_at: str
    filed_by: str
    pledged_by: str
    decided_at: str | None
    missing: str
    supplement_by: str | None
    steps: list[StepTold]
    grant: str
    url: str


class Filed(msgspec.Struct, frozen=True):
    """What came of a form: one request an entry. ``is_repeat``: it had been filed before, nothing was done."""

    key: str
    is_repeat: bool
    requests: list[RequestTold]


class Requests(msgspec.Struct, frozen=True):
    """Requests of the caller's organisation, oldest first; ``next`` goes on, empty at the end."""

    requests: list[RequestTold]
    next: str


class GrantTold(msgspec.Struct, frozen=True):
    """A grant to the caller's organisation, with all its terms. ``is_in_force``: now."""

    code: str
    request: str | None
    resource: str
    state: str
    is_in_force: bool
    not_before: str
    not_after: str
    issued_at: str
    revoked_at: str | None
    revoked_because: str
    terms: GrantTerms
    url: str


class Grants(msgspec.Struct, frozen=True):
    """Grants to the caller's organisation, oldest first; ``next`` goes on, empty at the end."""

    grants: list[GrantTold]
    next: str


class Fault(msgspec.Struct, frozen=True):
    """A refusal: code for machines, both sentences for people; ``details`` name what it is about."""

    code: str
    message: dict[str, str]
    details: dict[str, Any]


class Refusal(msgspec.Struct, frozen=True):
    """What every refused call gets."""

    error: Fault

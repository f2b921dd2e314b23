"""What nodes tell each other of corrections and disputes."""

from typing import Annotated, Literal

import msgspec

from guantong.sharing.types import Code, Line, NodeCode, OrganisationCode, Uuid

CorrectionKind = Literal["catalogue", "resource", "authorisation", "use", "content"]
"""目录、资源、授权、使用、内容: the entry, the data set behind it, a grant, how data are used, a value."""
KINDS: tuple[CorrectionKind, ...] = ("catalogue", "resource", "authorisation", "use", "content")
Side = Literal["asker", "provider", "authority", "superior"]
StatementAct = Literal[
    "raised", "said", "conceded", "settled", "taken_up", "ruled", "carried_out", "withdrawn"
]

Said = Annotated[str, msgspec.Meta(min_length=1, max_length=400, pattern=r"^[^\x00]*$")]
Open = Annotated[str, msgspec.Meta(max_length=400, pattern=r"^[^\x00]*$")]
Long = Annotated[str, msgspec.Meta(min_length=1, max_length=4000, pattern=r"^[^\x00]*$")]
Digest = Annotated[str, msgspec.Meta(max_length=80, pattern=r"^[a-z0-9:-]*$")]
PaperNumber = Annotated[str, msgspec.Meta(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")]
Word = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Day = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Moment = Annotated[str, msgspec.Meta(max_length=40)]


class CorrectionFiling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A correction as the asker's node tells the provider's. Whose the resource is, the provider's node knows."""

    uuid: Uuid
    number: Annotated[str, msgspec.Meta(pattern=r"^JH[0-9]{18,36}$")]
    kind: CorrectionKind
    resource: Code
    item: Word
    grant: Word
    call: Word
    key_tail: Annotated[str, msgspec.Meta(max_length=4, pattern=r"^[0-9A-Za-z]*$")]
    key_digest: Digest
    words: Said
    proof_number: PaperNumber
    proof_digest: Digest
    asker: Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$")]
    asker_name: Line
    asker_node: NodeCode
    filed_at: Moment


class CorrectionAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the provider's node answers."""

    uuid: Uuid
    state: Literal["waiting", "returned", "corrected", "rejected"]
    due_on: Day | None = None
    missing: Open = ""
    answer: Open = ""
    answered_by: Line = ""
    reopened_because: Open = ""


class CorrectionMove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the asker does next: add what was missing, judge the answer (and have it looked at again), withdraw."""

    uuid: Uuid
    act: Literal["added", "judged", "withdrawn"]
    words: Open = ""
    is_satisfied: bool | None = None
    is_reopened: bool = False


class ValueCorrected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To every node with a grant in force: something of a resource was put right; ask again. Whose, it does not say."""

    uuid: Uuid
    number: Annotated[str, msgspec.Meta(pattern=r"^JH[0-9]{18,36}$")]
    resource: Code
    item: Word


class StatementTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One statement, as its author's node tells the others."""

    uuid: Uuid
    side: Side
    act: StatementAct
    organisation_name: Line
    person: Line
    words: Long
    at: Moment
    paper_number: PaperNumber = ""
    paper_digest: Digest = ""


class DisputeTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dispute with all that was said: from the asker's node as it begins, and to the node that is to decide."""

    uuid: Uuid
    number: Annotated[str, msgspec.Meta(pattern=r"^ZY[0-9]{18,36}$")]
    about: Literal["request", "narrowing", "correction"]
    about_uuid: Uuid
    about_number: Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[A-Z]{2}[0-9]{18,36}$")]
    answer: Annotated[str, msgspec.Meta(max_length=4000, pattern=r"^[^\x00]*$")]
    resource: Code
    resource_name: Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
    asker: OrganisationCode
    asker_name: Line
    asker_node: NodeCode
    provider: OrganisationCode
    provider_name: Line
    provider_node: NodeCode
    raised_at: Moment
    statements: Annotated[list[StatementTerms], msgspec.Meta(min_length=1, max_length=200)]


class DisputeSaid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A further statement, and what it changes: it depends on who says it; see ``disputing.receive_said``."""

    uuid: Uuid
    statement: StatementTerms
    ruling: Literal["", "asker", "provider"] = ""
    due_on: Day | None = None
    stage: Literal["", "authority", "superior"] = ""
    """To whom it was taken up."""


class DisputeDue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By when the node above both means to decide."""

    uuid: Uuid
    due_on: Day

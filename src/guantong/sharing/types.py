"""What a request asks, and what a grant's terms are."""

from typing import Annotated, Any, Literal

import msgspec

Mode = Literal["query", "verify", "batch"]

PLEDGE = """数据安全承诺
一、仅将获得的数据用于申请所列用途和事项，不超范围使用，不提供给第三方。
二、按最小必要原则调用，每次调用注明事项和办件。
三、采取技术和管理措施保护数据，发现泄露立即报告并配合处置。
四、接受数据提供方、主管部门和审计机关对使用情况的监督，调用凭证可作为依据。
"""


# No control characters: what another node writes ends up in our pages, files and database.
Line = Annotated[str, msgspec.Meta(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=400, pattern=r"^[^\x00]*$")]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
OrganisationCode = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$")]
Purpose = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]
NodeCode = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$")]
Uuid = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Fields = Annotated[list[Code], msgspec.Meta(min_length=1, max_length=500)]
Modes = Annotated[list[Mode], msgspec.Meta(min_length=1, max_length=3)]
PerSecond = Annotated[int, msgspec.Meta(ge=1, le=5_000)]
PerDay = Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]
Days = Annotated[int, msgspec.Meta(ge=1, le=1095)]


class ApplicationTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An application as the grant names it; ``clearance`` is what its own node vouches for."""

    code: Code
    name: Line
    public_key: Annotated[str, msgspec.Meta(max_length=240)]
    clearance: Annotated[int, msgspec.Meta(ge=1, le=4)]


Applications = Annotated[list[ApplicationTerms], msgspec.Meta(max_length=20)]


class GrantTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that the nodes on the route need in order to honour a grant. Moments are RFC 3339."""

    code: Code
    request: Uuid
    resource: Code
    resource_version: Annotated[int, msgspec.Meta(ge=1, le=2_000_000_000)]
    resource_content: dict[str, Any]
    provider: OrganisationCode
    provider_name: Line
    provider_node: NodeCode
    consumer: OrganisationCode
    consumer_name: Line
    consumer_node: NodeCode
    applications: Applications
    modes: Modes
    fields: Fields
    masks: dict[str, str]
    purpose: Purpose
    purpose_text: Words
    per_second: PerSecond
    per_day: PerDay
    max_rows: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    not_before: str
    not_after: str
    agreement: Annotated[str, msgspec.Meta(max_length=80)]


class Filing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request as the consumer's node tells the provider's. Who provides the resource is not its to say."""

    uuid: Uuid
    number: Annotated[str, msgspec.Meta(pattern=r"^SQ[0-9]{18,36}$")]
    resource: Code
    consumer: OrganisationCode
    consumer_name: Line
    consumer_node: NodeCode
    applications: Annotated[list[ApplicationTerms], msgspec.Meta(min_length=1, max_length=20)]
    fields: Fields
    modes: Modes
    purpose: Purpose
    purpose_text: Words
    legal_basis: Words
    per_day: PerDay
    per_second: PerSecond
    days: Days
    pledge: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    pledged_by: Line
    filed_by: Line
    filed_at: str


class StepTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a request as the provider's node tells the consumer's."""

    position: Annotated[int, msgspec.Meta(ge=0, le=20)]
    kind: Literal["provider", "bureau"]
    decider: OrganisationCode
    decider_name: Line
    decision: Literal["", "approved", "refused"]
    reason: Annotated[str, msgspec.Meta(max_length=4000, pattern=r"^[^\x00]*$")]
    decided_by: Line
    decided_at: str | None


class Decisions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a request has come at the provider's node."""

    uuid: Uuid
    state: Literal["waiting", "granted", "refused"]
    steps: Annotated[list[StepTerms], msgspec.Meta(max_length=20)]


class Revocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The end of a grant, as its issuer tells the nodes of its route."""

    code: Code
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=4000, pattern=r"^[^\x00]*$")]


class Need(msgspec.Struct, frozen=True):
    """What a department asks for: the form of a request, as people and programs fill it in."""

    resource: str
    fields: list[str]
    modes: list[Mode]
    purpose: str
    purpose_text: str
    legal_basis: str
    applications: list[str]
    pledge_signed: bool
    per_day: int = 10_000
    per_second: int = 50
    days: int = 365

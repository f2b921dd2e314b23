"""What a request asks, and what a grant's terms are."""

import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec

from guantong.bundle.types import Condition

Mode = Literal["query", "verify", "batch", "file", "subscription"]
"""批量 (``batch``) is whole tables, to any target; 文件 and 订阅 are batches whose target is files, or events."""
BATCHES: frozenset[Mode] = frozenset({"batch", "file", "subscription"})
"""The modes under which jobs carry data; the data plane knows them all as ``batch``."""
_FILES = frozenset({"folder", "csv", "parquet", "xlsx"})

Role = Literal["consumer", "consumer_bureau", "provider", "bureau"]
"""Whose decision: the department that asks, its node's data bureau, the provider, the provider's node's bureau."""


def jobs_mode(modes: Iterable[str], dialect: str) -> Mode | None:
    """Of the modes granted, the one by which a job may fill a target of that dialect, or None.

    Whoever may have whole tables may have them as files or events too; a grant of files, or of a subscription, is
    for targets of that kind alone.
    """
    wanted: Mode | None = "file" if dialect in _FILES else "subscription" if dialect == "events" else None
    granted = set(modes)
    if "batch" in granted:
        return "batch"
    return wanted if wanted in granted else None


PLEDGE = """数据安全承诺
一、仅将获得的数据用于申请所列用途和事项，不超范围使用，不提供给第三方。
二、按最小必要原则调用，每次调用注明事项和办件。
三、采取技术和管理措施保护数据，发现泄露立即报告并配合处置。
四、接受数据提供方、主管部门和审计机关对使用情况的监督，调用凭证可作为依据。
"""


PLEDGE_DIGEST = "sha-256:" + hashlib.sha256(PLEDGE.encode()).hexdigest()

# No control characters: what another node writes ends up in our pages, files and database.
Line = Annotated[str, msgspec.Meta(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=400, pattern=r"^[^\x00]*$")]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
OrganisationCode = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$")]
Purpose = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]
NodeCode = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$")]
Uuid = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Fields = Annotated[list[Code], msgspec.Meta(min_length=1, max_length=500)]
Modes = Annotated[list[Mode], msgspec.Meta(min_length=1, max_length=5)]
PerSecond = Annotated[int, msgspec.Meta(ge=1, le=5_000)]
PerDay = Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]
MaxRows = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Concurrent = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
RowsPerDay = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
PerKeyPerDay = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Open = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
"""A limit that a grant may have or not: 0 is none."""
OPEN_LIMITS = ("concurrent", "rows_per_day", "per_key_per_day")
"""Calls at one time, rows a day, look-ups of the same keys a day. Terms that do not name them have none."""
Reason = Annotated[str, msgspec.Meta(max_length=4000, pattern=r"^[^\x00]*$")]
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
    max_rows: MaxRows
    not_before: str
    not_after: str
    agreement: Annotated[str, msgspec.Meta(max_length=80)]
    condition: Annotated[list[Condition], msgspec.Meta(max_length=20)] = []
    grace_days: Annotated[int, msgspec.Meta(ge=0, le=30)] = 0
    """How long calls go on after the end while a renewal that was asked for in time waits for its answer."""
    concurrent: Open = 0
    rows_per_day: Open = 0
    per_key_per_day: Open = 0


class Particulars(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the national platform's application form asks besides (数据共享申请单). All of it is optional here."""

    scenario: Annotated[str, msgspec.Meta(max_length=400)] = ""
    """应用场景: what becomes possible, for whom."""
    scope: Line = ""
    """使用范围: who will see the data, where."""
    system: Line = ""
    """使用系统: name of the information system."""
    system_network: Line = ""
    """部署网络."""
    volume: Line = ""
    """预计调用总量 or 数据量."""
    peak: Line = ""
    """高峰时段与频率."""
    result: Annotated[str, msgspec.Meta(max_length=400)] = ""
    """预期成效."""
    item_name: Line = ""
    """办理事项名称."""
    contact: Line = ""
    phone: Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[0-9+() -]*$")] = ""
    department: Line = ""
    """申请处室."""
    security: Annotated[str, msgspec.Meta(max_length=400)] = ""
    """安全保障措施."""


class Narrowing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an approver leaves of a request. Nothing in it can widen: see :func:`guantong.sharing.narrowing.narrowed`."""

    fields: Annotated[list[Code], msgspec.Meta(max_length=500)] | None = None
    modes: Annotated[list[Mode], msgspec.Meta(max_length=5)] | None = None
    per_day: PerDay | None = None
    per_second: PerSecond | None = None
    days: Days | None = None
    masks: dict[str, str] = {}
    condition: Annotated[list[Condition], msgspec.Meta(max_length=20)] = []
    """Rows that do not meet all of it do not exist for the consumer."""
    max_rows: MaxRows | None = None
    concurrent: Concurrent | None = None
    rows_per_day: RowsPerDay | None = None
    per_key_per_day: PerKeyPerDay | None = None


class StepTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a request as the node where it is decided tells the other."""

    position: Annotated[int, msgspec.Meta(ge=0, le=20)]
    kind: Role
    decider: OrganisationCode
    decider_name: Line
    decision: Literal["", "approved", "refused"]
    reason: Annotated[str, msgspec.Meta(max_length=4000, pattern=r"^[^\x00]*$")]
    decided_by: Line
    decided_at: str | None
    ground: Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[a-z_]*$")] = ""
    due_on: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")] | None = None
    paper_number: Annotated[str, msgspec.Meta(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    paper_digest: Annotated[str, msgspec.Meta(max_length=80, pattern=r"^[a-z0-9:-]*$")] = ""


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
    pledge_statement: Annotated[str, msgspec.Meta(max_length=40_000, pattern=r"^[^\x00]*$")] = ""
    particulars: Particulars = Particulars()
    batch: Uuid | None = None
    renews: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """The grant that it asks to prolong."""
    reviews: Annotated[list[StepTerms], msgspec.Meta(max_length=5)] = []
    """What the consumer's own department, and its bureau, have decided before."""


class Decisions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a request has come at the provider's node."""

    uuid: Uuid
    state: Literal["waiting", "returned", "granted", "refused"]
    steps: Annotated[list[StepTerms], msgspec.Meta(max_length=20)]
    missing: Annotated[str, msgspec.Meta(max_length=4000, pattern=r"^[^\x00]*$")] = ""
    """What the consumer should add, told once and at once."""
    narrowing: Narrowing = Narrowing()


class Supplement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the consumer has added to a request that was sent back. It may ask for less, and never for more."""

    uuid: Uuid
    purpose_text: Words
    legal_basis: Words
    particulars: Particulars
    fields: Fields
    note: Annotated[str, msgspec.Meta(max_length=4000, pattern=r"^[^\x00]*$")] = ""


class Withdrawal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The consumer no longer asks."""

    uuid: Uuid
    reason: Annotated[str, msgspec.Meta(max_length=4000, pattern=r"^[^\x00]*$")]


class Revocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The end of a grant, as its issuer tells the nodes of its route."""

    code: Code
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=4000, pattern=r"^[^\x00]*$")]


GrantAct = Literal["narrowed", "suspended", "resumed", "prolonged", "graced", "ended", "revoked"]


class Standing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a grant stands after a change, whole: who hears of revision 4 needs no other. Told by the provider's node.

    A limit that it does not name is none, so a node of an earlier release reads what it can keep.
    """

    code: Code
    revision: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    act: GrantAct
    state: Literal["active", "suspended", "ended", "revoked"]
    reason: Reason
    said_by: Line
    said_at: str
    fields: Fields
    modes: Modes
    masks: dict[str, str]
    per_second: PerSecond
    per_day: PerDay
    max_rows: MaxRows
    condition: Annotated[list[Condition], msgspec.Meta(max_length=20)]
    not_after: str
    agreement: Annotated[str, msgspec.Meta(max_length=80)]
    concurrent: Open = 0
    rows_per_day: Open = 0
    per_key_per_day: Open = 0


class SignedAgreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An agreement on its way from the provider's node to the consumer's; ``document`` in base64."""

    grant: Code
    statement: Annotated[str, msgspec.Meta(max_length=200_000)]
    document: Annotated[str, msgspec.Meta(max_length=1_400_000)]


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the consumer does with a grant of its own accord: use less of it, or end it. Told by the consumer's node."""

    code: Code
    act: Literal["narrow", "return", "fulfil"]
    narrowing: Narrowing
    reason: Reason
    said_by: Line


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
    particulars: Particulars = Particulars()

"""What a request asks, and what a grant's terms are."""

from typing import Any, Literal

import msgspec

Mode = Literal["query", "verify"]

PLEDGE = """数据安全承诺
一、仅将获得的数据用于申请所列用途和事项，不超范围使用，不提供给第三方。
二、按最小必要原则调用，每次调用注明事项和办件。
三、采取技术和管理措施保护数据，发现泄露立即报告并配合处置。
四、接受数据提供方、主管部门和审计机关对使用情况的监督，调用凭证可作为依据。
"""


class ApplicationTerms(msgspec.Struct, frozen=True):
    """An application as the grant names it; ``clearance`` is what its own node vouches for."""

    code: str
    name: str
    public_key: str
    clearance: int


class GrantTerms(msgspec.Struct, frozen=True):
    """Everything that the nodes on the route need in order to honour a grant. Moments are RFC 3339."""

    code: str
    request: str
    resource: str
    resource_version: int
    resource_content: dict[str, Any]
    provider: str
    provider_name: str
    provider_node: str
    consumer: str
    consumer_name: str
    consumer_node: str
    applications: list[ApplicationTerms]
    modes: list[Mode]
    fields: list[str]
    masks: dict[str, str]
    purpose: str
    purpose_text: str
    per_second: int
    per_day: int
    max_rows: int
    not_before: str
    not_after: str
    agreement: str


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

"""What a bundle says. Frozen structures; an unknown field is refused, because it may be a restriction.

Moments are RFC 3339 text. Levels run from 1 (least) to 4 (most sensitive). Divisions have six digits.
"""

from typing import Literal

import msgspec

from guantong.bundle.jobs import Edge, Job, Target
from guantong.bundle.services import Operation, Service
from guantong.bundle.statement import Statement

Mode = Literal["query", "verify", "batch"]
Comparison = Literal["exact", "name", "date", "prefix6"]
Dialect = Literal["sqlite", "postgresql", "mysql", "csv", "parquet", "xlsx", "folder", "other"]
GrantState = Literal["active", "suspended", "revoked"]
Operator = Literal["eq", "ne", "in", "ge", "le"]


class FormerKey(Statement, frozen=True):
    """A key by which a node signed; what it signs is believed ``until`` that moment."""

    key: str
    until: str


class Node(Statement, frozen=True):
    """One node (节点) of the tree. Keys are signed-note vkeys; only self and neighbours have addresses.

    ``coming`` is the key by which it will sign next, empty unless one is announced.
    """

    code: str
    name: str
    key: str
    log_key: str = ""
    witness_key: str = ""
    gateway_url: str = ""
    log_url: str = ""
    exchange_url: str = ""
    coming: str = ""
    former: list[FormerKey] = msgspec.field(default_factory=list)


class Organisation(Statement, frozen=True):
    """One department or other body, with its unified social credit code (USCC, GB 32100)."""

    id: str
    name: str
    uscc: str = ""


class Application(Statement, frozen=True):
    """One program of an organisation, at home on one node, known by its public keys.

    ``secret`` is the digest (``sha-256:<hex>``) of the random secret by which it may prove itself besides, empty if
    it has none; ``rid`` the identifier by which the national platform's convention knows it (请求者标识).
    """

    id: str
    name: str
    organisation: str
    node: str
    keys: list[str]
    clearance: int
    active: bool
    secret: str = ""
    rid: str = ""


class Item(Statement, frozen=True):
    """One data item (信息项): its type letter of the 2017 guide, level, usual mask and how it is verified."""

    name: str
    label: str
    type: str
    level: int
    mask: str = "none"
    comparison: Comparison = "exact"


class Resource(Statement, frozen=True):
    """One data resource, who provides it from where, and by which keys it may be looked up."""

    code: str
    name: str
    provider: str
    node: str
    version: int
    items: dict[str, Item]
    lookups: list[list[str]]
    operations: dict[str, Operation] = msgspec.field(default_factory=dict)
    """What may be asked of the department's own interface, by name; empty for tables."""


class Binding(Statement, frozen=True):
    """What serves a resource: a table of a source whose address and password only the gateway knows."""

    resource: str
    source: str
    dialect: Dialect
    table: str
    columns: dict[str, str]
    max_rows: int


class Condition(Statement, frozen=True):
    """A row condition of a grant: rows that do not meet it do not exist for the consumer."""

    item: str
    op: Operator
    value: str | int | list[str | int]


class Grant(Statement, frozen=True):
    """授权: who may use which fields of a resource, how, for what purpose, how much and how long.

    Limits of 0 are none: ``concurrent`` calls at one time, ``rows_per_day``, ``per_key_per_day`` look-ups of the same
    keys. ``sids`` (服务标识) name what the grant opens in the national platform's convention.
    """

    id: str
    number: str
    resource: str
    provider_node: str
    consumer_node: str
    consumer: str
    applications: list[str]
    modes: list[Mode]
    fields: list[str]
    purpose: str
    per_second: int
    per_day: int
    max_rows: int
    not_before: str
    not_after: str
    state: GrantState
    agreement: str
    masks: dict[str, str] = msgspec.field(default_factory=dict)
    condition: list[Condition] = msgspec.field(default_factory=list)
    concurrent: int = 0
    rows_per_day: int = 0
    per_key_per_day: int = 0
    sids: list[str] = msgspec.field(default_factory=list)


class Bundle(Statement, frozen=True):
    """The whole configuration of one node's data plane at one moment."""

    node: str
    sequence: int
    published_at: str
    suite: str
    nodes: dict[str, Node]
    routes: dict[str, str]
    organisations: dict[str, Organisation]
    applications: dict[str, Application]
    resources: dict[str, Resource]
    bindings: dict[str, Binding]
    grants: dict[str, Grant]
    jobs: dict[str, Job] = msgspec.field(default_factory=dict)
    targets: dict[str, Target] = msgspec.field(default_factory=dict)
    edges: dict[str, Edge] = msgspec.field(default_factory=dict)
    services: dict[str, Service] = msgspec.field(default_factory=dict)
    edge: str = ""
    """The edge for which this bundle is made; empty: the node itself."""

"""What the JSON API answers. The OpenAPI document is made of these, so that it cannot say anything else."""

from typing import Any

import msgspec

from guantong.catalog.types import ItemContent, ResourceContent


class Provider(msgspec.Struct, frozen=True):
    """The department that provides an entry."""

    code: str
    name: str


class Summary(msgspec.Struct, frozen=True):
    """One entry in a list."""

    code: str
    name: str
    summary: str
    provider: Provider
    node: str
    sharing_type: str
    update_cycle: str
    version: int
    published_at: str
    url: str


class EntryPage(msgspec.Struct, frozen=True):
    """One page of entries; ``facets`` count values under all other filters; ``cursor`` goes on, empty at the end."""

    entries: list[Summary]
    total: int
    facets: dict[str, dict[str, int]]
    cursor: str
    next: str
    is_plain: bool
    """True while the index is being built: the database answers, with fewer facets."""


class RelatedEntry(msgspec.Struct, frozen=True):
    """An entry that is related, and why: declared, element, wording, department."""

    code: str
    name: str
    reasons: list[str]
    url: str


class Links(msgspec.Struct, frozen=True):
    """Where the same entry is had otherwise."""

    page: str
    items: str
    versions: str
    turtle: str
    json_ld: str


class Entry(msgspec.Struct, frozen=True):
    """One entry in force, whole. ``linked``: yes, no, broken or stale; null for another node's entry."""

    code: str
    provider: Provider
    node: str
    version: int
    published_at: str
    linked: str | None
    content: ResourceContent
    related: list[RelatedEntry]
    links: Links


class Items(msgspec.Struct, frozen=True):
    """The items of an entry in force."""

    code: str
    version: int
    items: list[ItemContent]


class VersionLine(msgspec.Struct, frozen=True):
    """One version of an entry in a list."""

    version: int
    published_at: str
    is_withdrawal: bool
    url: str


class Versions(msgspec.Struct, frozen=True):
    """All versions of an entry, newest first."""

    code: str
    versions: list[VersionLine]


class Version(msgspec.Struct, frozen=True):
    """What an entry said in one version."""

    code: str
    version: int
    published_at: str
    is_withdrawal: bool
    content: ResourceContent


class Change(msgspec.Struct, frozen=True):
    """One publication or withdrawal. ``number`` grows; a withdrawn entry is to be forgotten by whoever keeps a copy."""

    number: int
    code: str
    version: int
    at: str
    is_withdrawal: bool
    url: str


class Changes(msgspec.Struct, frozen=True):
    """Changes after a number, in order; ask again ``after`` the last one. ``is_more``: at once."""

    changes: list[Change]
    after: int
    is_more: bool
    next: str


class Fault(msgspec.Struct, frozen=True):
    """A refusal: code for machines, both sentences for people."""

    code: str
    message: dict[str, str]
    details: dict[str, Any]


class Refusal(msgspec.Struct, frozen=True):
    """What every refused request gets."""

    error: Fault

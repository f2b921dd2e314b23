"""What a link is, what was seen behind it, and what that means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

Kind = Literal["table", "interface", "file"]

INTERFACE: Final = "http"
"""The dialect of a link to an HTTP interface: its source is the interface's base address, its table the path."""

NO_HEALTH_PATH: Final = "-"
"""What stands for the path of an interface that has none which says whether it is well."""

_Header = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class ServiceTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a department's interface is asked; the meanings are those of :class:`guantong.bundle.services.Service`.

    ``answer_limit_kb`` and ``body_limit_kb`` count 1,024 bytes as one. An answer is held whole, with its receipt, before
    it leaves: in memory, or on disk where it is large and passes unread.
    """

    timeout_ms: Annotated[int, msgspec.Meta(ge=100, le=60_000)] = 5_000
    attempts: Annotated[int, msgspec.Meta(ge=1, le=5)] = 2
    breaker_failures: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
    breaker_rest_s: Annotated[int, msgspec.Meta(ge=1, le=600)] = 10
    answer_limit_kb: Annotated[int, msgspec.Meta(ge=1, le=1_048_576)] = 4_096
    body_limit_kb: Annotated[int, msgspec.Meta(ge=1, le=1_048_576)] = 128
    response_headers: Annotated[list[_Header], msgspec.Meta(max_length=20)] = []


_KINDS: Final[Mapping[str, Kind]] = {INTERFACE: "interface", "folder": "file"}


def kind_of(dialect: str) -> Kind:
    """Table, interface or file."""
    return _KINDS.get(dialect, "table")


@dataclass(frozen=True)
class SeenColumn:
    """A column, or a field of an interface's rows. ``type`` is the guide's letter, empty where nothing tells it."""

    name: str
    type: str = ""
    declared: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Seen:
    """What stood behind a link. ``columns`` is None where they cannot be told; ``rows`` counts rows or files."""

    columns: tuple[SeenColumn, ...] | None = None
    rows: int | None = None
    newest_at: datetime | None = None


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: ``code`` for machines and the word list; item, column and detail where they matter."""

    code: str
    item: str = ""
    column: str = ""
    detail: str = ""

    def as_json(self) -> dict[str, str]:
        """Without what is empty."""
        told = {"code": self.code, "item": self.item, "column": self.column, "detail": self.detail}
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True)
class Verdict:
    """How a link stands: ``well``, ``broken``, ``stale`` (older than the declared cycle), ``unwatched``."""

    state: str
    faults: tuple[Fault, ...] = ()
    seen: Seen = field(default_factory=Seen)

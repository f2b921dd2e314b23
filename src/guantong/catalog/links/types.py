"""What a link is, what was seen behind it, and what that means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

Kind = Literal["table", "interface", "file"]

INTERFACE: Final = "http"
"""The dialect of a link to an HTTP interface: its source is the interface's base address, its table the path."""

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

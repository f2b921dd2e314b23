"""What a job and a target say when a person or a program declares them."""

from typing import Annotated, Literal

import msgspec

from guantong.bundle.jobs import Check, Limits, Reading, TargetDialect, Writing
from guantong.sharing.types import Code, Line

ScheduleKind = Literal["manual", "interval", "daily", "weekdays", "workdays", "monthly"]
Item = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Name = Annotated[
    str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f]$")
]
SourceName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
Clock = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a job runs: only when asked, every so many seconds, or at a time of the day (Beijing time).

    ``weekdays`` are Monday to Friday; ``workdays`` leave out public holidays and have the days that are worked
    in their place; ``monthly`` is the ``day`` of the month (0: its last).
    """

    kind: ScheduleKind = "manual"
    every_s: Annotated[int, msgspec.Meta(ge=0, le=31_536_000)] = 0
    at: Clock = "02:00"
    day: Annotated[int, msgspec.Meta(ge=0, le=31)] = 1


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job as it is declared. ``grant``, ``target`` and ``depends_on`` are codes."""

    name: Name
    grant: Code
    application: Code
    target: Code
    fields: Annotated[list[Item], msgspec.Meta(min_length=1, max_length=500)]
    writing: Writing = "replace"
    reading: Reading = "full"
    key: Annotated[list[Item], msgspec.Meta(max_length=16)] = []
    watermark: Annotated[str, msgspec.Meta(max_length=64)] = ""
    overlap_s: Annotated[int, msgspec.Meta(ge=0, le=31_536_000)] = 0
    conversions: dict[Item, dict[str, str]] = {}
    checks: Annotated[list[Check], msgspec.Meta(max_length=200)] = []
    limits: Limits = Limits()
    staged: bool = False
    schedule: Schedule = Schedule()
    depends_on: Annotated[list[Code], msgspec.Meta(max_length=20)] = []
    retry_limit: Annotated[int, msgspec.Meta(ge=0, le=20)] = 3
    longest_minutes: Annotated[int, msgspec.Meta(ge=0, le=43_200)] = 0
    """A run that takes longer is stopped, the job paused, and a person told; 0: no limit."""


class EdgeDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An edge as it is declared: ``sources`` are the names of what it reads and fills."""

    name: Name
    sources: Annotated[list[SourceName], msgspec.Meta(min_length=1, max_length=50)]


class TargetDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A target as it is declared: a table of a source that the node's secrets name."""

    name: Name
    source: SourceName
    dialect: TargetDialect
    table: Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]
    columns: dict[Item, Line]

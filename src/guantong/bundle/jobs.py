"""What batch exchange (批量交换) is told to do: jobs and the tables they fill. One declaration for every engine.

A job says what, not how: the local engine compiles it to columns in memory, a cluster could do the same.
Nothing here holds a fraction, since canonical JSON has none; shares are parts per million.
"""

from typing import Literal

import msgspec

from guantong.bundle.statement import Statement

Writing = Literal["replace", "append", "upsert"]
Reading = Literal["full", "watermark", "compare", "changes"]
Rule = Literal[
    "not_null", "pattern", "length", "range", "codes", "resident_id", "uscc", "unique", "order", "born_on"
]
TargetDialect = Literal[
    "sqlite", "postgresql", "mysql", "csv", "parquet", "xlsx", "folder", "events", "other"
]


class Target(Statement, frozen=True, omit_defaults=False):
    """落地表: where a job's rows go. The address of ``source`` is known to its node alone.

    ``columns`` maps item → column of ``table``. For files ``table`` is the file's name below the address.
    ``reader`` is the vkey that chunks are sealed for; empty: the node's own.
    """

    id: str
    node: str
    organisation: str
    source: str
    dialect: TargetDialect
    table: str
    columns: dict[str, str]
    reader: str = ""


class Edge(Statement, frozen=True, omit_defaults=False):
    """边缘代理: an exchange process inside a department's network, which only dials out, to its node.

    What its ``sources`` name is read, and written, there and nowhere else.
    """

    id: str
    name: str
    organisation: str
    key: str
    sources: list[str]


class Check(Statement, frozen=True, omit_defaults=False):
    """One rule of the quality gate. Absent values pass every rule but ``not_null``.

    - ``not_null``: each of ``items`` is there;
    - ``pattern``: the text matches the regular expression (Rust syntax, linear time), anywhere unless anchored;
    - ``length``: between ``low`` and ``high`` characters;
    - ``range``: between ``low`` and ``high``, numbers, or moments as ISO 8601 text;
    - ``codes``: one of ``codes``;
    - ``resident_id`` (GB 11643), ``uscc`` (GB 32100): alphabet, date and check digit hold;
    - ``unique``: ``items`` together occur once within a chunk (the later ones are refused);
    - ``order``: the first of two items is not after the second;
    - ``born_on``: the first item, a resident ID, holds the day that the second one says.
    """

    rule: Rule
    items: list[str]
    pattern: str = ""
    low: int | str | None = None
    high: int | str | None = None
    codes: list[str] = msgspec.field(default_factory=list)


class Limits(Statement, frozen=True, omit_defaults=False):
    """How much bad data stops a job, and how large a chunk (块) may be."""

    bad_rows: int = 1000
    """More refused rows than this stop the run …"""
    bad_ppm: int = 10_000
    """… if they are also more than this share of the rows read so far (parts per million)."""
    chunk_rows: int = 25_000
    chunk_bytes: int = 4_000_000
    rows: int = 0
    """A run of more rows than this is stopped; 0: no limit."""


class Job(Statement, frozen=True, omit_defaults=False):
    """作业: under this grant, for this application, these items of the resource go to that target.

    ``key`` names the items that find a row in the target (upsert) and put the rows of the source in order,
    so that a broken run goes on where it stopped. ``conversions`` maps item → code → code (代码转换).
    """

    id: str
    name: str
    grant: str
    application: str
    purpose: str
    target: str
    fields: list[str]
    writing: Writing = "replace"
    reading: Reading = "full"
    key: list[str] = msgspec.field(default_factory=list)
    watermark: str = ""
    overlap_s: int = 0
    conversions: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    checks: list[Check] = msgspec.field(default_factory=list)
    limits: Limits = Limits()
    staged: bool = False
    every_s: int = 0
    """Seconds between the starts of two runs; 0: only when asked."""
    active: bool = True

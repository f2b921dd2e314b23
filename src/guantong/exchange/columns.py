"""Kinds of values in flight, alike for every database and file.

An item's letter (数据类型 of the 2017 guide) and the column found at the source give the kind that travels;
the column found at the target says whether it fits, before the first row moves.
"""

from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

Kind = Literal[
    "text", "integer", "decimal", "number", "float", "boolean", "date", "moment", "instant", "binary", "other"
]
"""``number`` is a decimal number of unknown scale, kept as its digits; ``moment`` a wall-clock time,
``instant`` a point in time; ``other`` a type of one database only, written and read as text."""

GONE = "~gone"
"""A boolean column beside the items, in the modes that find deletions: true in a tombstone, of which only the key
is told."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as found, or as it travels. 0 means: unknown or unlimited."""

    kind: Kind
    precision: int = 0
    scale: int = 0
    length: int = 0
    """The most characters that a text has."""
    bits: int = 64
    has_nul: bool = True
    """Whether its texts may hold the character NUL."""
    is_nullable: bool = True
    declared: str = ""
    """The database's own name of the type, for sentences."""

    @property
    def dtype(self) -> pl.DataType:
        """How it is held in memory."""
        if self.kind == "decimal":
            return pl.Decimal(self.precision, self.scale)
        return _DTYPES[self.kind]

    def as_body(self, name: str) -> dict[str, Any]:
        """For a manifest."""
        body: dict[str, Any] = {"name": name, "kind": self.kind}
        return body | ({"precision": self.precision, "scale": self.scale} if self.kind == "decimal" else {})

    def __str__(self) -> str:
        return self.declared or self.kind


_DTYPES: dict[str, pl.DataType] = {
    "text": pl.String(),
    "other": pl.String(),
    "number": pl.String(),
    "integer": pl.Int64(),
    "float": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "moment": pl.Datetime("us"),
    "instant": pl.Datetime("us", "UTC"),
    "binary": pl.Binary(),
}
_LETTERS: dict[str, Kind] = {"D": "date", "L": "boolean", "I": "integer", "F": "float", "B": "float"}


def travelling(letter: str, found: Column) -> Column:
    """The kind in which an item of the catalogue's type ``letter`` travels, coming from a column ``found``."""
    if letter in _LETTERS:
        return Column(_LETTERS[letter])
    if letter == "T":
        return Column("instant" if found.kind == "instant" else "moment")
    if letter in {"N", "Y"}:
        if found.kind in {"integer", "decimal", "float"}:
            return Column(found.kind, precision=found.precision, scale=found.scale, bits=found.bits)
        return Column("number")
    if found.kind == "text":
        return Column("text", length=found.length, has_nul=found.has_nul)
    return Column("binary" if found.kind == "binary" else "text")


def column_of(body: dict[str, Any]) -> Column:
    """The column that a manifest names."""
    return Column(body["kind"], precision=body.get("precision", 0), scale=body.get("scale", 0))

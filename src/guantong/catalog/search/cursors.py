"""Places in a list of hits: all that is needed to go on stands in the cursor, so any process can.

Sorted by name, time or use, a cursor is the last key. By relevance there is no such key, since the weight of a word
changes with the index; so the cursor names what was seen, and the next page is the best of the rest. Nothing comes
twice, and nothing that stays is skipped, whatever is published meanwhile.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from guantong.catalog.search.errors import CursorUnreadable
from guantong.catalog.search.types import Asked

MOST_SEEN: Final = 1_000
"""By relevance one goes so deep; whoever wants all sorts by name, or exports."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """``question`` ties it to one search; ``after`` is the last key; ``seen`` the keys so far, as differences."""

    question: bytes
    after: str = ""
    seen: tuple[int, ...] = ()


def question_of(asked: Asked) -> bytes:
    """What a cursor belongs to: the same words, filters and order."""
    chosen = sorted((name, sorted(values)) for name, values in asked.chosen.items() if values)
    parts = repr((asked.text, chosen, asked.sort)).encode()
    return hashlib.sha256(parts).digest()[:6]


def write_seen(asked: Asked, seen: Sequence[int]) -> str:
    """A cursor after these keys; none when one has gone deep enough."""
    if len(seen) >= MOST_SEEN:
        return ""
    ordered = sorted(seen)
    steps = tuple(key - before for before, key in zip([0, *ordered], ordered, strict=False))
    return _write(Cursor(question_of(asked), seen=steps))


def write_after(asked: Asked, key: str | int) -> str:
    """A cursor after this sorting key."""
    return _write(Cursor(question_of(asked), after=str(key)))


def _write(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def read(asked: Asked) -> tuple[str, set[int]]:
    """The last key and the keys seen; empty at the beginning. Raises :class:`CursorUnreadable`."""
    if not asked.cursor:
        return "", set()
    try:
        packed = base64.urlsafe_b64decode(asked.cursor + "=" * (-len(asked.cursor) % 4))
        cursor = msgspec.msgpack.decode(packed, type=Cursor)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise CursorUnreadable from None
    is_key = cursor.after.isascii() and (not cursor.after or cursor.after.isalnum())
    if cursor.question != question_of(asked) or not is_key or len(cursor.seen) > MOST_SEEN:
        raise CursorUnreadable
    seen, key = set(), 0
    for step in cursor.seen:
        key += step
        seen.add(key)
    return cursor.after, seen

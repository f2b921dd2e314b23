"""A body that is too large to be held in memory: what may be asked of one, wherever it is kept."""

from collections.abc import Iterator
from typing import Protocol


class Parts(Protocol):
    """Bytes that can be read again and again, part by part."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def content_digest(self) -> str:
        """The value of ``Content-Digest`` (RFC 9530) for them."""

    def __iter__(self) -> Iterator[bytes]:
        """Its parts, from the beginning each time."""

    def close(self) -> None:
        """They are not needed any more."""

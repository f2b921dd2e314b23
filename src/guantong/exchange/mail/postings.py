"""邮件: a signed manifest and, unless it closes a run, the sealed chunk that belongs to it.

Everything that names a posting stands in its manifest, so that nobody on the way has to be believed about it.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guantong.exchange.errors import PostingMisshapen
from guantong.exchange.manifests import KIND
from guantong.kit import envelope
from guantong.kit.envelope import Envelope
from guantong.kit.errors import GuantongError

LARGEST = 96 << 20
"""Bytes of a manifest and its chunk together."""
LARGEST_MANIFEST = 1 << 20
CLOSING = 0
"""The number of the manifest that ends a run."""
_BOX = re.compile(r"[0-9a-f]{24}")
_RUN = re.compile(r"[0-9]{13}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """Which posting: the box of its job, the run, the chunk (0: the run's end)."""

    box: str
    run: str
    chunk: int

    @property
    def folder(self) -> str:
        """Where the run's postings lie in the store."""
        return f"mail/{self.box}/{self.run}"

    @property
    def manifest(self) -> str:
        """Where the manifest lies."""
        return f"{self.folder}/{'closing' if self.chunk == CLOSING else f'{self.chunk:06d}'}.manifest"

    @property
    def sealed(self) -> str:
        """Where the chunk lies."""
        return f"{self.folder}/{self.chunk:06d}.chunk"

    def __str__(self) -> str:
        return f"{self.box}/{self.run}/{self.chunk}"

    @classmethod
    def read(cls, box: str, run: str, chunk: str) -> "Name":
        """A name from its parts as text; PostingMisshapen."""
        if not (_BOX.fullmatch(box) and _RUN.fullmatch(run) and chunk.isdecimal() and len(chunk) <= 9):
            raise PostingMisshapen(why_zh="名称不合规定", why_en="its name is not one")
        return cls(box, run, int(chunk))


@dataclass(frozen=True, slots=True)
class Posting:
    """A posting as it lies in a store. Nothing in it has been believed yet."""

    name: Name
    raw: bytes
    statement: Envelope
    sealed: bytes | None
    """The chunk; None for the end of a run, or where the store no longer has it."""

    @property
    def body(self) -> Mapping[str, Any]:
        """What the manifest says."""
        return self.statement.body

    def packed(self) -> bytes:
        """For the way: the manifest's length, the manifest, the chunk."""
        return len(self.raw).to_bytes(4) + self.raw + (self.sealed or b"")


def box_of(node: str, job: str) -> str:
    """The box of a job whose rows come from ``node``."""
    return hashlib.sha256(f"{node}\n{job}".encode()).hexdigest()[:24]


def posting_of(raw: bytes, sealed: bytes | None) -> Posting:
    """A posting from its manifest and chunk. PostingMisshapen."""
    try:
        statement = envelope.read(raw)
        body = statement.body
        name = Name.read(box_of(str(body["node"]), str(body["job"])), str(body["run"]), str(body["chunk"]))
    except (GuantongError, LookupError) as fault:
        raise PostingMisshapen(why_zh="清单无法读取", why_en="its manifest cannot be read") from fault
    if statement.kind != KIND:
        raise PostingMisshapen(why_zh="不是块清单", why_en="it is not a chunk's manifest")
    return Posting(name, raw, statement, sealed)


def unpacked(data: bytes) -> Posting:
    """What :meth:`Posting.packed` wrote. PostingMisshapen."""
    length = int.from_bytes(data[:4])
    if len(data) < 4 + length or length > LARGEST_MANIFEST:
        raise PostingMisshapen(why_zh="长度不符", why_en="its lengths do not fit")
    sealed = data[4 + length :]
    posting = posting_of(data[4 : 4 + length], sealed or None)
    if bool(sealed) == (posting.name.chunk == CLOSING):
        raise PostingMisshapen(why_zh="块与清单不配套", why_en="its chunk does not go with its manifest")
    return posting

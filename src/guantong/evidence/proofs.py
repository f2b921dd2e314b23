"""Proof files (https://c2sp.org/tlog-proof): that a record is in a log, checkable with public keys alone.

A leaf holds only the digest of a record, so tiles may be public. Our proof files carry the record itself as
the format's ``extra`` data: one file says what happened, who signed it, and that it cannot be undone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeVar

from guantong.evidence.checkpoints import CheckpointMalformed, read_size
from guantong.evidence.merkle import HASH_BYTES, Hash, leaf_hash
from guantong.kit.canonical import NotCanonical, from_base64, to_base64
from guantong.kit.errors import GuantongError

ENTRY_PREFIX = b"guantong/entry@v1\n"
ENTRY_BYTES = len(ENTRY_PREFIX) + HASH_BYTES

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_LONGEST_PATH = 63

_Read = TypeVar("_Read")
_Found = TypeVar("_Found")


class ProofMalformed(GuantongError):
    """Bytes that are no proof file."""

    code = "proof_malformed"
    zh = "证明文件格式不正确：{why}。"
    en = "The proof file is malformed: {why}."


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof as read: leaf ``index``, inclusion ``path``, the signed ``checkpoint``, and ``extra`` data."""

    index: int
    path: tuple[Hash, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def to_bytes(self) -> bytes:
        """The proof file."""
        extra = [] if self.extra is None else [f"extra {to_base64(self.extra)}"]
        lines = [_FIRST_LINE, *extra, f"index {self.index}", *map(to_base64, self.path), "", ""]
        return "\n".join(lines).encode() + self.checkpoint

    def with_record(self, record: bytes) -> "Proof":
        """The same proof carrying the record that it proves."""
        return replace(self, extra=record)


def entry_of(record: bytes) -> bytes:
    """The log entry of a record: it names the record by digest and discloses nothing."""
    return ENTRY_PREFIX + sha256(record).digest()


def leaf_of(record: bytes) -> Hash:
    """The Merkle leaf hash of a record's entry."""
    return leaf_hash(entry_of(record))


@dataclass(frozen=True, slots=True)
class Sketch:
    """What could be made out of a proof file, whole or not; None for what could not be read."""

    index: int | None
    path: tuple[Hash, ...] | None
    checkpoint: bytes | None
    extra: bytes | None
    faults: tuple[ProofMalformed, ...]
    """Everything that is wrong with the form, in the order of the file."""


def read_proof(data: bytes) -> Proof:
    """The proof in ``data``; :class:`ProofMalformed` otherwise. The checkpoint is not looked into."""
    sketch = survey(data)
    if sketch.faults or sketch.index is None or sketch.path is None or sketch.checkpoint is None:
        raise next(iter(sketch.faults), ProofMalformed(why="it is not complete"))
    return Proof(sketch.index, sketch.path, sketch.checkpoint, sketch.extra)


def survey(data: bytes) -> Sketch:
    """Read as much of a proof file as there is; one fault does not hide the next."""
    head, blank, checkpoint = data.partition(b"\n\n")
    faults: list[ProofMalformed] = []
    if not blank:
        faults.append(ProofMalformed(why="no blank line before the checkpoint"))
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        faults.append(ProofMalformed(why="not ASCII"))
        return Sketch(None, None, checkpoint if blank else None, None, tuple(faults))
    if lines.pop(0) != _FIRST_LINE:
        faults.append(ProofMalformed(why=f"the first line is not {_FIRST_LINE}"))
    extra, index, path = None, None, None
    if lines and lines[0].startswith("extra "):
        extra = _kept(faults, from_base64, lines.pop(0)[len("extra ") :])
    if lines and lines[0].startswith("index "):
        index = _kept(faults, read_size, lines.pop(0)[len("index ") :])
    else:
        faults.append(ProofMalformed(why="no index"))
    path = _kept(faults, _path, lines)
    return Sketch(index, path, checkpoint if blank else None, extra, tuple(faults))


def _kept(faults: list[ProofMalformed], read: Callable[[_Read], _Found], written: _Read) -> _Found | None:
    try:
        return read(written)
    except (NotCanonical, CheckpointMalformed, ProofMalformed) as fault:
        faults.append(ProofMalformed(why=fault.details["why"]))
        return None


def _path(lines: Sequence[str]) -> tuple[Hash, ...]:
    path = tuple(from_base64(line) for line in lines)
    if len(path) > _LONGEST_PATH or any(len(sibling) != HASH_BYTES for sibling in path):
        raise ProofMalformed(why="a path hash is not 32 bytes, or the path is too long")
    return path

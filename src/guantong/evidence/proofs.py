"""Proof files (https://c2sp.org/tlog-proof): that a record is in a log, checkable with public keys alone.

A leaf holds only the digest of a record, so tiles may be public. Our proof files carry the record itself as
the format's ``extra`` data: one file says what happened, who signed it, and that it cannot be undone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from guantong.evidence.checkpoints import CheckpointMalformed, read_size
from guantong.evidence.merkle import HASH_BYTES, Hash, leaf_hash
from guantong.kit.canonical import NotCanonical, from_base64, to_base64
from guantong.kit.errors import GuantongError

ENTRY_PREFIX = b"guantong/entry@v1\n"
ENTRY_BYTES = len(ENTRY_PREFIX) + HASH_BYTES

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_LONGEST_PATH = 63


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


def read_proof(data: bytes) -> Proof:
    """The proof in ``data``; :class:`ProofMalformed` otherwise. The checkpoint is not looked into."""
    head, blank, checkpoint = data.partition(b"\n\n")
    if not blank:
        raise ProofMalformed(why="no blank line before the checkpoint")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as fault:
        raise ProofMalformed(why="not ASCII") from fault
    if lines.pop(0) != _FIRST_LINE:
        raise ProofMalformed(why=f"the first line is not {_FIRST_LINE}")
    try:
        extra = (
            from_base64(lines.pop(0)[len("extra ") :]) if lines and lines[0].startswith("extra ") else None
        )
        if not lines or not lines[0].startswith("index "):
            raise ProofMalformed(why="no index")
        index = read_size(lines.pop(0)[len("index ") :])
        path = _path(lines)
    except (NotCanonical, CheckpointMalformed) as fault:
        raise ProofMalformed(why=fault.details["why"]) from fault
    return Proof(index, path, checkpoint, extra)


def _path(lines: Sequence[str]) -> tuple[Hash, ...]:
    path = tuple(from_base64(line) for line in lines)
    if len(path) > _LONGEST_PATH or any(len(sibling) != HASH_BYTES for sibling in path):
        raise ProofMalformed(why="a path hash is not 32 bytes, or the path is too long")
    return path

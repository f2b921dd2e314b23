"""Checkpoints (https://c2sp.org/tlog-checkpoint) and cosignatures v1 (https://c2sp.org/tlog-cosignature)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from guantong.evidence.merkle import HASH_BYTES, Hash
from guantong.evidence.notes import Note, NoteSignature
from guantong.kit.canonical import NotCanonical, from_base64, to_base64
from guantong.kit.errors import GuantongError
from guantong.kit.suites import SigningKey, VerifyKey

LARGEST_SIZE = 2**63 - 1
_TIME_BYTES = 8


class CheckpointMalformed(GuantongError):
    """A text that is no checkpoint."""

    code = "checkpoint_malformed"
    zh = "检查点格式不正确：{why}。"
    en = "The checkpoint is malformed: {why}."


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: the log ``origin`` had ``size`` leaves with the Merkle root ``root``."""

    origin: str
    size: int
    root: Hash
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The note text that is signed."""
        return "".join(
            f"{line}\n" for line in (self.origin, self.size, to_base64(self.root), *self.extensions)
        )


def read_checkpoint(text: str) -> Checkpoint:
    """The checkpoint that a note's text holds; :class:`CheckpointMalformed` otherwise."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):
        raise CheckpointMalformed(why="not three non-empty lines")
    origin, size, root, *extensions = lines
    try:
        root_hash = from_base64(root)
    except NotCanonical as fault:
        raise CheckpointMalformed(why="the root is not base64") from fault
    if len(root_hash) != HASH_BYTES:
        raise CheckpointMalformed(why="the root is not 32 bytes")
    return Checkpoint(origin, read_size(size), root_hash, tuple(extensions))


def read_size(text: str) -> int:
    """A decimal number without leading zeros, below 2^63; :class:`CheckpointMalformed` otherwise."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 19 or str(int(text)) != text:
        raise CheckpointMalformed(why="a number is not plain decimal")
    if int(text) > LARGEST_SIZE:
        raise CheckpointMalformed(why="a number beyond 2^63")
    return int(text)


def cosign(text: str, key: SigningKey, at_s: int) -> NoteSignature:
    """The witness's statement, at ``at_s`` seconds since 1970, that this is the largest tree it has seen."""
    signature = key.sign(_cosigned(text, at_s))
    return NoteSignature(key.public.ref, at_s.to_bytes(_TIME_BYTES) + signature)


def cosigned_at(text: str, signature: NoteSignature, key: VerifyKey) -> int | None:
    """When ``key`` cosigned ``text`` (seconds since 1970), or None if this is not its cosignature."""
    if signature.ref != key.ref or not key.is_cosigner or len(signature.value) <= _TIME_BYTES:
        return None
    at_s = int.from_bytes(signature.value[:_TIME_BYTES])
    fits = at_s <= LARGEST_SIZE and key.verify(_cosigned(text, at_s), signature.value[_TIME_BYTES:])
    return at_s if fits else None


def cosigners(note: Note, witnesses: Iterable[VerifyKey]) -> dict[str, int]:
    """Which of ``witnesses`` cosigned ``note``, each with its time (seconds since 1970), by key reference."""
    keys: Mapping[str, VerifyKey] = {key.ref: key for key in witnesses}
    found: dict[str, int] = {}
    for signature in note.signatures:
        key = keys.get(signature.ref)
        at_s = cosigned_at(note.text, signature, key) if key else None
        if at_s is not None:
            found[signature.ref] = at_s
    return found


def _cosigned(text: str, at_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()

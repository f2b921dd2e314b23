"""Signed notes (https://c2sp.org/signed-note): a text, a blank line, and signature lines."""

from collections.abc import Mapping
from dataclasses import dataclass

from guantong.kit.canonical import NotCanonical, from_base64, to_base64
from guantong.kit.errors import GuantongError
from guantong.kit.suites import SigningKey, VerifyKey

MOST_SIGNATURES = 100
LONGEST_NOTE = 1 << 20


class NoteMalformed(GuantongError):
    """Bytes that are not a signed note."""

    code = "note_malformed"
    zh = "签名文本格式不正确：{why}。"
    en = "The signed note is malformed: {why}."


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: who claims to have signed (``<name>+<key id>``) and the signature."""

    ref: str
    value: bytes

    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        name, key_id = self.ref.rsplit("+", 1)
        return f"— {name} {to_base64(bytes.fromhex(key_id) + self.value)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note as read; nothing in it is to be believed before its signatures are checked."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def to_bytes(self) -> bytes:
        """The note's bytes."""
        lines = "".join(signature.line() for signature in self.signatures)
        return f"{self.text}\n{lines}".encode()

    def signed_by(self, keys: Mapping[str, VerifyKey]) -> set[str]:
        """The references of those of ``keys`` whose plain signature over the text is there and fits."""
        data = self.text.encode()
        return {
            signature.ref
            for signature in self.signatures
            if (key := keys.get(signature.ref)) and not key.is_cosigner and key.verify(data, signature.value)
        }


def sign(text: str, *keys: SigningKey) -> Note:
    """``text`` (ending in a newline) signed by each of ``keys``."""
    if not text.endswith("\n") or _has_controls(text):
        raise NoteMalformed(why="a text ends with a newline and has no control characters")
    data = text.encode()
    return Note(text, tuple(NoteSignature(key.public.ref, key.sign(data)) for key in keys))


def read(data: bytes) -> Note:
    """The note in ``data``; :class:`NoteMalformed` if it is none. At most 100 signatures, at most 1 MiB."""
    if len(data) > LONGEST_NOTE:
        raise NoteMalformed(why="longer than 1 MiB")
    try:
        written = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise NoteMalformed(why="not UTF-8") from fault
    if _has_controls(written):
        raise NoteMalformed(why="control characters")
    text, blank, lines = written.rpartition("\n\n")
    if not blank:
        raise NoteMalformed(why="no blank line before the signatures")
    return Note(text + "\n", read_signatures(lines))


def read_signatures(lines: str) -> tuple[NoteSignature, ...]:
    """Signature lines, each with its newline, at least one; :class:`NoteMalformed` otherwise."""
    if not lines.endswith("\n"):
        raise NoteMalformed(why="no newline at the end")
    found = [_signature(line) for line in lines[:-1].split("\n")]
    if len(found) > MOST_SIGNATURES:
        raise NoteMalformed(why="more than 100 signatures")
    return tuple(found)


def _signature(line: str) -> NoteSignature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—" or not _is_name(parts[1]):
        raise NoteMalformed(why="a signature line is not three parts")
    try:
        blob = from_base64(parts[2])
    except NotCanonical as fault:
        raise NoteMalformed(why="a signature is not base64") from fault
    if len(blob) < 5:
        raise NoteMalformed(why="a signature is too short")
    return NoteSignature(f"{parts[1]}+{blob[:4].hex()}", blob[4:])


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


def _has_controls(text: str) -> bool:
    return any(character < " " and character != "\n" for character in text)

"""A chunk of the feed as it travels: a signed head, a line feed, and the changes, one a line, compressed.

The head's signature covers the digest of the compressed bytes, so a chunk is believed before it is unpacked, and one
that unpacks to more than its head announces is not unpacked further. The answer is signed, too: by it the sender
moves its position.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from guantong.federation.errors import AnswerWrong, ChunkWrong
from guantong.kit import envelope
from guantong.kit.errors import GuantongError
from guantong.kit.suites import SigningKey, Suite, VerifyKey, suite
from guantong.sharing.types import NodeCode

CHUNK = "guantong/feed-chunk@v1"
ANSWER = "guantong/feed-answer@v1"
# Bytes of a body, and of its changes unpacked.
LARGEST = 4_000_000
LARGEST_UNPACKED = 3_000_000
MOST_ENTRIES = 1_000
MOST_TOLD = 20

_MOMENT = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_SPEED = 1  # of zlib: a fifth of the size for a hundredth of a second


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"sender": "from"}):
    """What a chunk holds: all changes for the addressee after number ``after`` up to ``until``.

    ``series`` is the moment from which the sender tells its feed from the beginning; ``newest`` its last number.
    """

    sender: NodeCode
    to: NodeCode
    series: _MOMENT
    after: _Number
    until: _Number
    newest: _Number
    entries: Annotated[int, msgspec.Meta(ge=1, le=MOST_ENTRIES)]
    size: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_UNPACKED + 400_000)]
    digest: Annotated[str, msgspec.Meta(max_length=80)]
    sent_at: _MOMENT


class Refusal(msgspec.Struct, frozen=True):
    """Why something was refused: for programs, and in both languages."""

    code: str
    zh: str
    en: str
    entry: str = ""


class Answer(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """What became of a chunk (named by its digest): where the feed stands now, and what was not taken in.

    ``refused`` is how many entries the answerer keeps refused in all; ``refused_some`` are the first of this chunk.
    ``refusal`` says why the whole chunk was refused.
    """

    sender: NodeCode
    to: NodeCode
    series: str
    about: str
    number: int
    taken: int = 0
    unchanged: int = 0
    refused: int = 0
    refused_some: list[Refusal] = []
    refusal: Refusal | None = None


def refusal_of(error: GuantongError, entry: str = "") -> Refusal:
    """The refusal that an error is."""
    return Refusal(error.code, error.sentence("zh")[:1000], error.sentence("en")[:1000], entry)


def pack(lines: Sequence[bytes], suite_name: str) -> tuple[bytes, int, str]:
    """The body of a chunk, its size unpacked, and its digest."""
    plain = b"\n".join(lines)
    body = zlib.compress(plain, _SPEED)
    return body, len(plain), envelope.digest(body, suite(suite_name))


def seal(head: Head, body: bytes, key: SigningKey) -> bytes:
    """The chunk as it goes out."""
    return envelope.seal(CHUNK, msgspec.to_builtins(head), key) + b"\n" + body


def split(raw: bytes) -> tuple[envelope.Envelope, Head, bytes]:
    """The parts of a chunk that came; nothing in them is to be believed before the signature is checked."""
    try:
        first, _, body = raw.partition(b"\n")
        sealed = envelope.read(first)
        if sealed.kind != CHUNK:
            raise ChunkWrong(why_zh="不是目录推送包", why_en="it is not a chunk of a feed")
        return sealed, msgspec.convert(sealed.body, Head), body
    except msgspec.ValidationError as error:
        raise ChunkWrong(why_zh=f"包头有误（{error}）", why_en=f"its head is wrong ({error})") from error
    except envelope.NotAnEnvelope as error:
        raise ChunkWrong(why_zh=error.sentence("zh"), why_en=error.sentence("en")) from error


def believe(sealed: envelope.Envelope, head: Head, body: bytes, keys: Mapping[str, VerifyKey]) -> None:
    """:class:`ChunkWrong` unless one of ``keys`` signed the head and the head speaks of this body."""
    try:
        sealed.check(keys)
    except GuantongError as error:
        raise ChunkWrong(why_zh=error.sentence("zh"), why_en=error.sentence("en")) from error
    if envelope.digest(body, _suite_of(head.digest)) != head.digest:
        raise ChunkWrong(why_zh="内容与包头的摘要不符", why_en="its content is not what its head announces")


def unpack(head: Head, body: bytes) -> list[bytes]:
    """The lines of a believed chunk."""
    inflating = zlib.decompressobj()
    try:
        plain = inflating.decompress(body, head.size + 1)
    except zlib.error as error:
        raise ChunkWrong(why_zh="无法解压", why_en="it cannot be unpacked") from error
    lines = plain.split(b"\n")
    if len(plain) != head.size or not inflating.eof or inflating.unused_data or len(lines) != head.entries:
        raise ChunkWrong(
            why_zh="内容的长度或条数与包头不符", why_en="its length or count is not as announced"
        )
    return lines


def seal_answer(answer: Answer, key: SigningKey) -> bytes:
    """The answer, signed."""
    return envelope.seal(ANSWER, msgspec.to_builtins(answer), key)


def read_answer(raw: bytes, *, about: str, node: str, keys: Mapping[str, VerifyKey]) -> Answer:
    """The neighbour's answer to the chunk of that digest; :class:`AnswerWrong` if it is not that."""
    try:
        sealed = envelope.read(raw)
        sealed.check(keys)
        answer = msgspec.convert(sealed.body, Answer)
    except (GuantongError, msgspec.ValidationError) as error:
        raise AnswerWrong(node=node) from error
    if (sealed.kind, answer.about, answer.sender) != (ANSWER, about, node):
        raise AnswerWrong(node=node)
    return answer


def as_json(refusal: Refusal) -> dict[str, Any]:
    """The refusal as it is kept."""
    kept: dict[str, Any] = msgspec.to_builtins(refusal)
    return kept


def _suite_of(digest: str) -> Suite:
    name = {"sha-256": "international", "sm3": "national"}.get(digest.partition(":")[0])
    if name is None:
        raise ChunkWrong(why_zh="摘要算法不认识", why_en="its digest is of an unknown kind")
    return suite(name)

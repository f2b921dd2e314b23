"""An accusation: proof that a log signed two histories, which anyone can check offline with the log's public key.

It holds two checkpoints as the log signed them. The larger one's tree is shown, by a consistency proof under its own
signed root, to begin with another root than the one that the log signed at the smaller one's size. With equal sizes the
two roots differ, and nothing more is needed. No leaf is disclosed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from guantong.evidence import notes
from guantong.evidence.checkpoints import Checkpoint, CheckpointMalformed, read_checkpoint
from guantong.evidence.merkle import Hash, ProofWrong, check_consistency
from guantong.evidence.notes import NoteMalformed
from guantong.kit import canonical
from guantong.kit.errors import GuantongError
from guantong.kit.suites import VerifyKey

KIND = "guantong/accusation@v1"
START = b'{"accusation":'


class AccusationWrong(GuantongError):
    """What is called an accusation does not prove that the log signed two histories."""

    code = "accusation_wrong"
    status = 422
    zh = "该指控不成立：{why_zh}。"
    en = "The accusation does not hold: {why_en}."


@dataclass(frozen=True, slots=True)
class Accusation:
    """Two signed notes of one log, the larger tree's first; ``prefix`` is that tree's root at the smaller one's size."""

    larger: bytes
    smaller: bytes
    prefix: Hash
    path: tuple[Hash, ...]

    def to_bytes(self) -> bytes:
        """The file: canonical JSON."""
        return canonical.dumps(
            {
                "accusation": KIND,
                "larger": self.larger.decode(),
                "smaller": self.smaller.decode(),
                "prefix": canonical.to_base64(self.prefix),
                "path": [canonical.to_base64(sibling) for sibling in self.path],
            }
        )


def read_accusation(data: bytes) -> Accusation:
    """The accusation in ``data``; :class:`AccusationWrong` unless it has the form of one."""
    try:
        match canonical.loads(data):
            case {
                "accusation": "guantong/accusation@v1",
                "larger": str() as larger,
                "smaller": str() as smaller,
                "prefix": str() as prefix,
                "path": list() as path,
                **rest,
            } if not rest:
                hashes = tuple(canonical.from_base64(str(sibling)) for sibling in path)
                return Accusation(larger.encode(), smaller.encode(), canonical.from_base64(prefix), hashes)
    except canonical.NotCanonical as fault:
        raise AccusationWrong(why_zh="格式有误", why_en="it is malformed") from fault
    raise AccusationWrong(why_zh="不是指控文件", why_en="it is no accusation")


def check_accusation(accusation: Accusation, keys: Iterable[VerifyKey]) -> tuple[Checkpoint, Checkpoint]:
    """The two checkpoints, larger first, once it is proven that a log with one of ``keys`` signed both.

    :class:`AccusationWrong` says what is not proven.
    """
    known = list(keys)
    larger, smaller = _signed(accusation.larger, known), _signed(accusation.smaller, known)
    if larger.origin != smaller.origin:
        raise AccusationWrong(why_zh="两个检查点出自不同的日志", why_en="the checkpoints are of two logs")
    try:
        check_consistency(smaller.size, accusation.prefix, larger.size, larger.root, accusation.path)
    except ProofWrong as fault:
        raise AccusationWrong(
            why_zh="较大的树不以所称的根开始", why_en="the larger tree does not begin with the root claimed"
        ) from fault
    if accusation.prefix == smaller.root:
        raise AccusationWrong(
            why_zh="两个检查点属于同一段历史", why_en="both checkpoints belong to one history"
        )
    return larger, smaller


def _signed(raw: bytes, keys: list[VerifyKey]) -> Checkpoint:
    try:
        note = notes.read(raw)
        checkpoint = read_checkpoint(note.text)
    except (NoteMalformed, CheckpointMalformed) as fault:
        raise AccusationWrong(why_zh="检查点无法读取", why_en="a checkpoint cannot be read") from fault
    if not note.signed_by({key.ref: key for key in keys if key.name == checkpoint.origin}):
        raise AccusationWrong(
            why_zh="检查点没有该日志的签名", why_en="a checkpoint is not signed by a known key of its log"
        )
    return checkpoint

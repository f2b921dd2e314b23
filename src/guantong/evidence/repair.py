"""A log that is behind what its witnesses have cosigned signs nothing, and is made whole from those who followed it.

After an old backup was restored, the log would sign a second history with the next record. So it asks its witnesses
first; one that has cosigned a larger tree shows that leaves are missing here. Their digests are in the witnesses'
mirrors, under a checkpoint that this log signed itself; nothing else is believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from guantong.evidence.checkpoints import Checkpoint
from guantong.evidence.log import Log
from guantong.evidence.monitor import Get, Reply, mirror_name, read_digests, read_signed
from guantong.evidence.notes import Note
from guantong.kit.errors import GuantongError


class LogBehind(GuantongError):
    """This log was set back: its witnesses have seen a larger tree than it has."""

    code = "log_behind"
    status = 503
    zh = "本日志只有 {size} 条，见证方已会签 {seen} 条：已停止签署，待从留存镜像的一方修复（镜像现有 {mirrored} 条）。"
    en = (
        "This log has {size} entries and its witnesses have cosigned {seen}: it signs nothing until it is repaired from "
        "those who mirror it (they have {mirrored})."
    )


class LogRestored(GuantongError):
    """The log was restored from a backup and no witness has said yet how far it had been."""

    code = "log_restored"
    status = 503
    zh = "本日志由备份恢复，须待见证方应答后才继续签署。"
    en = "This log was restored from a backup and signs nothing before a witness has answered."


@dataclass(frozen=True, slots=True)
class Missing:
    """What a mirror gives back: the digests beyond what is signed here, and the log's own checkpoint over all."""

    digests: Sequence[bytes]
    note: Note
    checkpoint: Checkpoint


async def fetch_missing(log: Log, get: Get) -> Missing:
    """What ``log`` lost, from the mirror of a node whose log process ``get`` asks; :class:`LogBehind` if it has too little.

    Raises LogUnreadable and the courier's errors, too.
    """
    before = log.latest.checkpoint.size if log.latest else 0
    place = f"/mirror/{mirror_name(log.origin)}"

    async def below(path: str) -> Reply:
        return await get(place + path)

    note, checkpoint = await read_signed(below, log.origin, log.keys)
    if checkpoint.size < (log.behind or 0):
        raise LogBehind(size=before, seen=log.behind, mirrored=checkpoint.size)
    batches = [batch async for batch in read_digests(below, log.origin, before, checkpoint.size)]
    return Missing([digest for batch in batches for digest in batch], note, checkpoint)

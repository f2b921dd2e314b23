"""What every keeper of counts promises, whether one machine shares them or many."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from guantong.kit.errors import GuantongError


class CountsUnavailable(GuantongError):
    """Nobody can say how often something was used, so nothing is let through on a guess."""

    code = "counts_unavailable"
    status = 503
    zh = "限流计数暂不可用：{why_zh}，请稍后再试。"
    en = "The counts of use are not available: {why_en}; try again shortly."


class Want(NamedTuple):
    """Raise the count ``name`` by ``amount``, if it then stays within ``limit`` until ``until`` (seconds since 1970).

    A count begins at 0 and is forgotten when its time is over. With ``amount`` 0 nothing is raised, and the want
    is met while the count is below the limit.
    """

    name: bytes
    limit: int
    until: int
    amount: int = 1


class Counts(Protocol):
    """Counts that several processes raise. Names may hold anything; no keeper stores them readably."""

    async def since(self) -> int:
        """Since when (seconds since 1970) everything that was counted is remembered. CountsUnavailable."""

    async def take(self, wants: Sequence[Want], *, now: int) -> int | None:
        """Raise all of ``wants``, or none: the place of the first that would pass its limit. CountsUnavailable."""

    async def add(self, name: bytes, amount: int, *, until: int, now: int) -> None:
        """Raise a count by what turned out to have been used, whatever its limit."""

    async def enter(self, name: bytes, limit: int, *, until: int, now: int) -> bytes | None:
        """One of ``limit`` places, kept until :meth:`leave` or ``until``; None if all are taken.

        The end is for whoever dies inside: a place is not lost with its process.
        """

    async def leave(self, place: bytes) -> None:
        """Give a place back."""

    async def look(self) -> None:
        """CountsUnavailable if nothing could be counted now."""

    async def close(self) -> None:
        """Let go of files and connections."""

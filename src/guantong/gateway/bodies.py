"""A request's body on its way in: read whole where that is small, part by part where it is not.

What has arrived and was not taken yet is bounded: beyond :data:`AHEAD` the connection is not read on.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from guantong.kit.asgi import LARGEST_BODY, BodyTooLarge, BodyTooSlow
from guantong.kit.errors import GuantongError

AHEAD = 256 * 1024


class BodyCutOff(GuantongError):
    """The connection ended before the body did."""

    code = "body_cut_off"
    status = 400
    zh = "请求体尚未到齐，连接已经中断。"
    en = "The connection ended before the body had arrived."


class Body:
    """The body of one request, whose head announced ``length`` bytes (None: nobody knows yet).

    ``wanted`` is called when somebody first waits for it, ``taken`` when there is room for more.
    """

    __slots__ = (
        "_arrived", "_changed", "_is_lost", "_parts", "_taken", "_wanted", "is_forgotten", "is_whole", "length", "waiting",
    )  # fmt: skip

    def __init__(
        self, length: int | None, *, wanted: Callable[[], None] | None = None, taken: Callable[[], None]
    ) -> None:
        self.length = length
        self.waiting = 0
        """Bytes that have arrived and were not taken."""
        self.is_whole = False
        """Whether nothing more comes."""
        self.is_forgotten = False
        """Whether nobody will read it."""
        self._parts: list[bytes] = []
        self._arrived = 0
        self._is_lost = False
        self._changed: asyncio.Future[None] | None = None
        self._wanted = wanted
        self._taken = taken

    # ── from the connection ──

    def arrive(self, part: bytes) -> None:
        """More of it."""
        if self.is_forgotten:
            return
        self._parts.append(part)
        self.waiting += len(part)
        self._tell()

    def end(self) -> None:
        """That was all."""
        self.is_whole = True
        self._tell()

    def lose(self) -> None:
        """The connection is gone; whoever waits hears of it."""
        self._is_lost = not self.is_whole
        self._tell()

    def forget(self) -> None:
        """The answer has left without it."""
        self.is_forgotten = True
        self._parts.clear()
        self.waiting = 0

    def _tell(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    # ── to the call ──

    async def whole(self, deadline: float, *, limit: int = LARGEST_BODY) -> bytes:
        """All of it, at ``deadline`` (of the event loop's clock) at the latest.

        Raises BodyTooLarge as soon as that is known, BodyTooSlow, BodyCutOff.
        """
        self._check(limit)
        if self.is_whole and len(self._parts) < 2 and self.waiting <= limit:
            return self._take()
        return b"".join([part async for part in self.parts(deadline, limit=limit)])

    async def parts(self, deadline: float, *, limit: int) -> AsyncIterator[bytes]:
        """It, as it arrives. Raises what :meth:`whole` raises."""
        self._check(limit)
        loop = asyncio.get_running_loop()
        while True:
            if part := self._take():
                self._arrived += len(part)
                if self._arrived > limit:
                    raise BodyTooLarge(limit=limit)
                yield part
            elif self.is_whole:
                return
            elif self._is_lost:
                raise BodyCutOff
            else:
                self._changed = loop.create_future()
                if self._wanted is not None:
                    self._wanted()
                    self._wanted = None
                timer = loop.call_at(deadline, _give_up, self._changed)
                try:
                    await self._changed
                finally:
                    timer.cancel()
                    self._changed = None

    def _check(self, limit: int) -> None:
        if self.length is not None and self.length > limit:
            raise BodyTooLarge(limit=limit)

    def _take(self) -> bytes:
        parts, self._parts = self._parts, []
        was, self.waiting = self.waiting, 0
        if was > AHEAD:
            self._taken()
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _give_up(changed: "asyncio.Future[None]") -> None:
    if not changed.done():
        changed.set_exception(BodyTooSlow())

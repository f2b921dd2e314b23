"""``GET /ready``: may calls be sent to this process now? Every reason why not is told, in words and as a code."""

import asyncio
import errno
import os
from pathlib import Path

from guantong.bundle.types import Bundle
from guantong.evidence.spool import SpoolFailed
from guantong.gateway.limits.counts import Counts, CountsUnavailable
from guantong.gateway.receipts import Ledger
from guantong.kit.asgi import NotReady, Outgoing, as_json
from guantong.kit.errors import GuantongError

PROBE = "probe"
PROBE_BYTES = 64 << 10
KEPT_S = 1.0
"""A look at the disk serves those who ask within this time."""


class Draining(GuantongError):
    """The process ends; it only finishes what is on its way."""

    code = "draining"
    status = 503
    zh = "网关进程正在停止，只完成在途调用。"
    en = "This gateway process is stopping; it only finishes what is on its way."


class Readiness:
    """Looks at what a call needs before it can be answered: a bundle, a spool that takes receipts, counts."""

    def __init__(self, node: str, folder: Path, ledger: Ledger, counts: Counts) -> None:
        """``folder`` is where this process's receipts go."""
        self._node = node
        self._folder = folder
        self._ledger = ledger
        self._counts = counts
        self._looked_at = float("-inf")
        self._disk: str | None = None

    async def answer(self, bundle: Bundle | None, *, is_draining: bool) -> Outgoing:
        """200, or 503 with all reasons, the first of them as the error."""
        reasons = await self._reasons(bundle, is_draining=is_draining)
        if not reasons and bundle is not None:
            return as_json(200, {"status": "ready", "node": self._node, "bundle": bundle.sequence})
        told = [reason.as_json() for reason in reasons]
        return as_json(503, {"status": "not ready", "node": self._node, "error": told[0], "reasons": told})

    async def _reasons(self, bundle: Bundle | None, *, is_draining: bool) -> list[GuantongError]:
        reasons: list[GuantongError] = []
        if bundle is None:
            reasons.append(NotReady())
        if is_draining:
            reasons.append(Draining())
        if why := self._ledger.spool.broken or await self._disk_fault():
            reasons.append(SpoolFailed(why=why))
        try:
            await self._counts.look()
        except CountsUnavailable as unavailable:
            reasons.append(unavailable)
        return reasons

    async def _disk_fault(self) -> str | None:
        """Why nothing can be written where receipts go; looked at once a second at most, by really writing."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at > KEPT_S:
            self._disk = await asyncio.to_thread(_written, self._folder / PROBE)
            self._looked_at = now
        return self._disk


def _written(path: Path) -> str | None:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            if os.write(file, bytes(PROBE_BYTES)) < PROBE_BYTES:
                return os.strerror(errno.ENOSPC)
            os.fdatasync(file)
        finally:
            os.close(file)
            path.unlink(missing_ok=True)
    except OSError as fault:
        return fault.strerror or str(fault)
    return None

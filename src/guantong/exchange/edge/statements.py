"""陈述: what an edge has done that its node must answer for, kept on disk until the node has written its receipt."""

import json
import threading
from contextlib import suppress
from pathlib import Path

import msgspec

from guantong.exchange.decide import Permit
from guantong.exchange.desk import STATEMENT
from guantong.exchange.receipts import Deed
from guantong.kit import durable, envelope
from guantong.kit.suites import SigningKey, Suite


class Statements:
    """An edge's book of receipts: the node writes them, told by these statements; see ``receipts.Book``.

    What the provider's edge sends is in the posting itself, so only refusals are stated; what the consumer's edge
    has applied is stated when a run is closed.
    """

    def __init__(self, folder: Path, *, key: SigningKey, suite: Suite) -> None:
        self._folder = folder
        self._key = key
        self._suite = suite
        self._lock = threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._closed: dict[str, str] = {}
        # Without it a closed run is stated again, and its node, which knows it, writes no second receipt.
        with suppress(FileNotFoundError, ValueError):
            self._closed = dict(json.loads((folder / "closed.json").read_text("utf-8")))

    def has_closed(self, job: str, run: str) -> bool:
        """See :class:`guantong.exchange.receipts.Book`."""
        return self._closed.get(job) == run

    def write(self, permit: Permit, deed: Deed) -> str:
        """Keep the statement for the node, unless it learns of the matter from the posting; its digest."""
        if deed.role == "provider" and deed.reason is None:
            return ""
        told = {"job": permit.job.id, **msgspec.to_builtins(deed), "rule": deed.rule or permit.rule}
        raw = envelope.seal(STATEMENT, told, self._key)
        with self._lock:
            number = max((int(path.stem) for path in self._folder.glob("*.statement")), default=0) + 1
            durable.replace(self._folder / f"{number:012d}.statement", raw)
            if deed.role == "consumer" and deed.reason is None:
                self._closed[permit.job.id] = str(deed.batch["run"])
                durable.replace(self._folder / "closed.json", json.dumps(self._closed).encode())
        return envelope.digest(raw, self._suite)

    def waiting(self) -> list[Path]:
        """The statements that the node has not got yet, in order."""
        return sorted(self._folder.glob("*.statement"))

    def close(self) -> None:
        """Nothing waits in memory."""

"""A tap between a driver and its server: the driver is given no more than a few megabytes that nobody has asked for.

connectorx reads as fast as the server sends and keeps what is not yet wanted, without a bound; and it holds Python's
lock while it connects, so the tap is a small process of its own. It passes the bytes on unseen and, when enough are
waiting, lets the connection itself hold the server back.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self, TypeVar

PROGRAM = Path(__file__).with_name("tap_process.py")


class Sized(Protocol):
    """A batch that knows how many bytes it takes in memory."""

    @property
    def nbytes(self) -> int:
        """In bytes."""


Batch = TypeVar("Batch", bound=Sized)


class Tap:
    """Passes the connections of one driver on to ``host``:``port``, for as long as this context lasts."""

    def __init__(self, host: str, port: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program, and an address of the node's own
            [sys.executable, "-I", str(PROGRAM), host, str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={},
        )  # fmt: skip
        self.port = int(_line(self._process.stdout))
        """Where the driver is to connect to, on 127.0.0.1."""

    def metered(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches; the server is let send while the next one is waited for, and a little ahead."""
        self._tell("a")
        for batch in batches:
            self._tell(f"r {batch.nbytes}")
            yield batch
            self._tell("a")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def _tell(self, line: str) -> None:
        pipe = self._process.stdin
        with suppress(BrokenPipeError):  # the driver will find that its connection has broken
            if pipe is not None:
                pipe.write(line + "\n")
                pipe.flush()


def _line(pipe: IO[str] | None) -> str:
    return pipe.readline() if pipe is not None else ""

"""A child that integrates all there is and dies by its own hand between the n-th write and the next.

``n`` 0 means: never. Exit 0 when everything is integrated and signed.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from guantong.evidence.log import Log
from guantong.kit.suites import SigningKey


class Fate:
    """Counts writes and strikes at the n-th."""

    def __init__(self, n: int) -> None:
        self.left = n

    def step(self, _: str) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main(home: str, key: str, n: str, for_s: str) -> None:
    fate = Fate(int(n))
    write = os.pwrite

    def pwrite(*arguments: Any) -> int:
        fate.step("pwrite")
        written = write(*arguments)
        fate.step("pwrite")
        return written

    os.pwrite = pwrite
    folder = Path(home)
    log = Log(folder / "log", folder / "spool", SigningKey.from_text(key), step=fate.step)
    deadline = time.monotonic() + float(for_s)
    while True:
        while log.integrate(most=300):
            log.sign()
        log.sign()
        if time.monotonic() > deadline:
            break
    log.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A run in a process of its own, killed at its n-th step: reads its bundle's pieces as JSON on standard input."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
from tests.exchange import cast
from tests.exchange.cast import Exchange

from guantong.bundle.jobs import Job
from guantong.evidence.spool import Spool
from guantong.exchange.receipts import Accounts
from guantong.exchange.run import run
from guantong.exchange.staging import FolderStore
from guantong.exchange.targets.mysql import MySQLTarget
from guantong.exchange.targets.postgresql import PostgreSQLTarget

STEPS: list[tuple[Any, str]] = [
    *(
        (target, name)
        for target in (PostgreSQLTarget, MySQLTarget)
        for name in ("begin", "apply", "close_run")
    ),
    *((target, name) for target in (PostgreSQLTarget, MySQLTarget) for name in ("_enter", "_do", "encode")),
    (PostgreSQLTarget, "_copy"),
    (MySQLTarget, "_load"),
    (Accounts, "write"),
    (Spool, "append_now"),
    (FolderStore, "put"),
    (FolderStore, "delete"),
]


class Countdown:
    """Dies, as by a power cut, before or after the step that it counts down to."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, place: Any, name: str) -> None:
        inner = getattr(place, name)

        def counted(*words: Any, **more: Any) -> Any:
            self.step()
            answer = inner(*words, **more)
            self.step()
            return answer

        setattr(place, name, counted)


def main() -> None:
    told = json.load(sys.stdin)
    countdown = Countdown(told["die_at"])
    if told["die_at"]:
        for place, name in STEPS:
            countdown.around(place, name)
    exchange = Exchange(Path(told["home"]), told["urls"])
    bundle = cast.bundle(
        exchange.key,
        job=msgspec.convert(told["job"], Job),
        grant=cast.grant(),
        source=told["source"],
        target=told["target"],
    )
    run(exchange.here, lambda: bundle, cast.JOB)
    exchange.close()
    print(countdown.left)


if __name__ == "__main__":
    main()

"""``guantong up``: all processes of one node, in one process group; one that dies is started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from guantong.site.node import node_settings

# A process that keeps dying is not restarted more often than this.
RESTART_AFTER_S = 1.0
# After this long a process that does not end is killed; the spools are made for that.
END_WITHIN_S = 10.0
PROCESSES = ("log", "gateway", "exchange", "web", "work")


class Supervisor:
    """Starts the node's processes, writes their ids into ``<home>/run``, starts again what dies."""

    def __init__(self, home: Path, commands: dict[str, list[str]]) -> None:
        """``commands`` maps a name to the words that start its process."""
        self._folder = home / "run"
        self._commands = commands
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started_at: dict[str, float] = {}
        self._is_stopping = False

    def run(self) -> int:
        """Watch until SIGTERM or SIGINT, then end every child and wait for it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        while not self._is_stopping:
            for name in self._commands:
                self._keep(name)
            time.sleep(0.2)
        self._end()
        return 0

    def _end(self) -> None:
        for process in self._running.values():
            process.terminate()
        deadline = time.monotonic() + END_WITHIN_S
        for name, process in self._running.items():
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            (self._folder / f"{name}.pid").unlink(missing_ok=True)

    def _keep(self, name: str) -> None:
        process = self._running.get(name)
        if process is not None and process.poll() is None:
            return
        if time.monotonic() - self._started_at.get(name, -RESTART_AFTER_S) < RESTART_AFTER_S:
            return
        if self._is_held(name):
            return
        started = subprocess.Popen(self._commands[name])  # noqa: S603 - our own words
        self._running[name] = started
        self._started_at[name] = time.monotonic()
        (self._folder / f"{name}.pid").write_text(str(started.pid))

    def _is_held(self, name: str) -> bool:
        """An operator's ``<name>.hold`` file keeps a process down, for maintenance."""
        return (self._folder / f"{name}.hold").exists()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._is_stopping = True


def main(argv: Sequence[str]) -> int:
    """Run web, gateway, exchange, log and background worker; no arguments."""
    del argv
    settings = node_settings()
    commands = {name: [sys.executable, "-m", "guantong", name] for name in PROCESSES}
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    return Supervisor(settings.home, commands).run()

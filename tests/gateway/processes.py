"""A node's gateway or log as a process of its own: ``python -m tests.gateway.processes gateway|log``."""

import contextlib
import logging
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.gateway.town import Station

from guantong.evidence.process import run_log
from guantong.gateway.supervising import run_gateway
from guantong.kit.settings import Settings

ROOT = Path(__file__).parents[2]


def environment(station: Station, **changes: str) -> dict[str, str]:
    settings = station.settings
    given = {
        "GUANTONG_NODE": station.code,
        "GUANTONG_HOME": str(station.home),
        "GUANTONG_DEVELOPMENT": "true",
        "GUANTONG_SUITE": settings.suite,
        "GUANTONG_GATEWAY_PORT": str(settings.gateway_port),
        "GUANTONG_LOG_PORT": str(settings.log_port),
        "GUANTONG_GATEWAY_DRAIN_S": "1",
        **changes,
    }
    return {**os.environ, **given, "PYTHONPATH": f"{ROOT}/src:{ROOT}"}


def started(what: str, station: Station, **changes: str) -> "subprocess.Popen[bytes]":
    """The running process; its output goes to a file in the node's folder."""
    with (station.home / f"{what}.out").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.gateway.processes", what],
            env=environment(station, **changes),
            stdout=output,
            stderr=output,
            cwd=ROOT,
        )


def wait_for(url: str, process: "subprocess.Popen[bytes]", timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        # Not listening yet, or not ready: asked again until the time is over.
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1) as reply:
            if reply.status == 200:
                return
        time.sleep(0.02)
    raise TimeoutError(url)


@contextlib.contextmanager
def gateway(station: Station, **changes: str) -> Iterator["subprocess.Popen[bytes]"]:
    with ended(started("gateway", station, **changes)) as process:
        wait_for(f"{station.url}/ready", process)
        yield process


@contextlib.contextmanager
def log(station: Station) -> Iterator["subprocess.Popen[bytes]"]:
    with ended(started("log", station)) as process:
        wait_for(f"{station.settings.log_url}/health", process)
        yield process


@contextlib.contextmanager
def ended(process: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if os.environ.get("GUANTONG_TEST_DEBUG"):
    # Everything that is ever said, by this process and by those that it starts.
    logging.basicConfig(level=logging.DEBUG)
    logging.getLogger("guantong").debug("everything is said")

if __name__ == "__main__":

    def read() -> Settings:
        return Settings.read(os.environ, lambda path: Path(path).read_text("utf-8"))

    if sys.argv[1] == "gateway":
        run_gateway(read(), read)
    else:
        run_log(read())

"""Nodes as real processes (a web process and a worker each, nothing more), in a row: each the parent of the next.

For the tests that kill them, and for the measurements.
"""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
import psycopg

from guantong.catalog.types import ResourceContent
from tests.databases import free_port
from tests.gateway import processes

ROOT = Path(__file__).parents[2]
CONFIRM = """
from guantong.federation.models import Node
from guantong.federation.actions.joining import confirm
from guantong.journal.types import SYSTEM
confirm(Node.objects.get(code=argument), by=SYSTEM, at=clock.now())
"""


class RealNode:
    """One node in a folder of its own; on SQLite, or in a database of its own on a PostgreSQL server."""

    module = "guantong"
    """What its parts are started by."""

    def __init__(self, folder: Path, code: str, *, postgresql_url: str = "") -> None:
        """Prepare keys and database; nothing runs yet."""
        self.code, self.home = code, folder / code
        self.port = free_port()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._url = self._own_database(postgresql_url) if postgresql_url else ""
        self.home.mkdir()
        self.command("init")

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What its processes are told."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GUANTONG_", "DJANGO_"))}
        return {
            **kept,
            "PYTHONPATH": f"{ROOT}/src:{ROOT}",
            "GUANTONG_NODE": self.code,
            "GUANTONG_TITLE": f"节点{self.code}",
            "GUANTONG_HOME": str(self.home),
            "GUANTONG_DEVELOPMENT": "true",
            "GUANTONG_WEB_PORT": str(self.port),
            "GUANTONG_DATABASE_URL": self._url,
        }

    def command(self, *words: str) -> str:
        """Run a command of the node to its end; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "guantong", *words],
            env=self.environment,
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def script(self, text: str, argument: str = "") -> str:
        """Run Python within the node's applications, with ``argument`` and ``clock``; what it printed."""
        before = (
            "import django, sys; django.setup()\nfrom guantong.kit import clock\nargument = sys.argv[1]\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", before + text, argument],
            env={**self.environment, "DJANGO_SETTINGS_MODULE": "guantong.site.settings"},
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *parts: str) -> None:
        """Start ``web`` and ``work``, or only those named, and wait until pages are answered."""
        for part in parts or ("web", "work"):
            with (self.home / f"{part}.out").open("ab") as out:
                self.running[part] = subprocess.Popen(
                    [sys.executable, "-m", self.module, part],
                    env=self.environment,
                    cwd=ROOT,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
        if "web" in self.running:
            processes.wait_for(f"{self.url}/federation/card", self.running["web"], 60)

    def kill(self, *parts: str) -> None:
        """SIGKILL to parts (all, if none is named) and all that they have started."""
        for part in parts or tuple(self.running):
            process = self.running.pop(part)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Read from its database, past the application."""
        if self._url:
            with psycopg.connect(self._url) as base:
                return list(base.execute(sql))  # type: ignore[call-overload]
        address = f"file:{self.home}/control.sqlite3?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=20)) as lite:
            return lite.execute(sql).fetchall()

    def entries(self) -> Iterator[tuple[Any, ...]]:
        """Every entry as it stands, in the order of codes: what two nodes must have alike."""
        rows = self._rows(
            "SELECT r.code, r.node, r.live_version, r.is_live, r.name, r.summary, r.sharing_type, o.code, o.name,"
            " v.is_withdrawal, CAST(v.content AS text) FROM catalog_resource r"
            " JOIN identity_organisation o ON o.id = r.provider_id"
            " JOIN catalog_resourceversion v ON v.resource_id = r.id AND v.version = r.live_version"
            " ORDER BY r.code"
        )
        for *columns, content in rows:
            yield *columns, msgspec.json.decode(content, type=ResourceContent)

    def _rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Rows one after the other: of a whole catalogue there are too many for the memory."""
        if self._url:
            with psycopg.connect(self._url) as base, base.cursor("rows") as cursor:
                yield from cursor.execute(sql)  # type: ignore[call-overload]
            return
        address = f"file:{self.home}/control.sqlite3?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=20)) as lite:
            yield from lite.execute(sql)

    def _own_database(self, server: str) -> str:
        name = f"node_{self.code}_{self.port}"
        with psycopg.connect(server, autocommit=True) as base:
            base.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        return urlsplit(server)._replace(path=f"/{name}").geturl()


class Row:
    """Nodes one below the other, joined and confirmed; the first is the root."""

    def __init__(self, folder: Path, *codes: str, postgresql_url: str = "") -> None:
        """The nodes, prepared; entering starts them."""
        self.nodes = [RealNode(folder, code, postgresql_url=postgresql_url) for code in codes]

    def __enter__(self) -> Self:
        """Start and join them; those above confirm those below."""
        try:
            for above, below in zip(self.nodes, self.nodes[1:], strict=False):
                above.start("web")
                below.command("join", "--parent", above.url)
                above.script(CONFIRM, below.code)
            for node in self.nodes:
                node.start(*(part for part in ("web", "work") if part not in node.running))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End everything."""
        for node in self.nodes:
            node.kill()


def until(is_so: Callable[[], object], *, about: str, for_s: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + for_s
    while not is_so():
        assert time.monotonic() < deadline, about
        time.sleep(0.05)

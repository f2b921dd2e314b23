"""Real database servers for the tests: private, on free loopback ports, in temporary folders.

``postgresql_url`` and ``mariadb_url`` start their server once per session, when first asked for, and end only
what they started. Both servers refuse to run as root, so root starts them as another user of the machine.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

START_TIMEOUT_S = 60
MISSING = "is not installed; on Debian: apt-get install postgresql mariadb-server"


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The address of an empty PostgreSQL database owned by its superuser."""
    with postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """The address of an empty MariaDB database (utf8mb4) whose root has no password."""
    with mariadb() as url:
        yield url


@contextlib.contextmanager
def postgresql(*, durable: bool = False, **more: str) -> Iterator[str]:
    """Run a PostgreSQL server within the block and give the address of its database.

    ``durable`` leaves everything that makes commits survive a power cut as it is in production (measurements);
    ``more`` are further settings of the server.
    """
    with _folder("postgres") as (folder, before):
        data = folder / "data"
        _do([*before, _program("initdb"), "-D", data, "-A", "trust", "-U", "guantong", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync", "--no-instructions"])  # fmt: skip
        port = free_port()
        options: dict[str, object] = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 60,
        }
        if not durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options |= more
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [*before, _program("postgres"), "-D", data, *settings]
        with _server(command, folder, stop=signal.SIGINT) as process:
            psql = [_program("psql"), "-qX", f"postgresql://guantong@127.0.0.1:{port}/postgres", "-c"]
            _until([*psql, "CREATE DATABASE guantong"], process, folder)
            yield f"postgresql://guantong@127.0.0.1:{port}/guantong"


@contextlib.contextmanager
def mariadb(*, durable: bool = False, words: Sequence[str] = ()) -> Iterator[str]:
    """Run a MariaDB server within the block and give the address of its database; ``durable`` as above."""
    with _folder("mysql") as (folder, before):
        data = folder / "data"
        _do([*before, _program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--skip-test-db",
             "--auth-root-authentication-method=normal", "--skip-name-resolve", "--innodb-log-file-size=8M"],
            cwd=folder)  # fmt: skip
        port = free_port()
        command = [
            *before,
            _program("mariadbd"),
            "--no-defaults",
            f"--datadir={data}",
            f"--port={port}",
            f"--socket={folder}/socket",
            f"--pid-file={folder}/pid",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            *words,
        ]
        if not durable:
            command += [
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-flush-method=nosync",
                "--innodb-log-file-size=8M",
                "--innodb-buffer-pool-size=32M",
            ]
        with _server(command, folder, stop=signal.SIGTERM) as process:
            client = [_program("mariadb"), "--no-defaults", "-h", "127.0.0.1", f"-P{port}", "-uroot", "-e"]
            _until([*client, "CREATE DATABASE guantong"], process, folder)
            yield f"mysql://root@127.0.0.1:{port}/guantong"


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _folder(preferred_user: str) -> Iterator[tuple[Path, list[str]]]:
    """A temporary folder, and the words that go before a command to run it as the folder's owner."""
    folder = Path(tempfile.mkdtemp(prefix="guantong-test-"))
    try:
        yield folder, _given_away(folder, preferred_user) if os.geteuid() == 0 else []
    finally:
        shutil.rmtree(folder)


def _given_away(folder: Path, preferred_user: str) -> list[str]:
    for name in (preferred_user, "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            os.chown(folder, user.pw_uid, user.pw_gid)
            return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
    raise LookupError("no user to run a database server as")


def _program(name: str) -> str:
    places = [os.environ.get("PATH", ""), "/usr/local/bin", "/usr/sbin"]
    places += sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise FileNotFoundError(f"{name} {MISSING}")
    return found


def _do(command: Sequence[object], cwd: Path = Path("/")) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True, cwd=cwd)


@contextlib.contextmanager
def _server(
    command: Sequence[object], folder: Path, *, stop: signal.Signals
) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / "server.log").open("wb") as log:
        words = [str(word) for word in command]
        process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)
        try:
            yield process
        finally:
            process.send_signal(stop)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until(command: Sequence[str], process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while subprocess.run(command, capture_output=True, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError((folder / "server.log").read_text(errors="replace")[-2000:])
        time.sleep(0.05)

"""The staging store in an object store: a real server of S3's language in a process of its own; and full ones."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.exchange.test_process import Node, is_done, slowed
from tests.exchange.test_staged import Way

from guantong.bundle.addresses import SecretsExposed
from guantong.exchange import errors
from guantong.exchange.objects import Address, ObjectStore
from guantong.exchange.staging import FolderStore
from guantong.kit import clock
from guantong.kit.settings import Settings, SettingUnsafe

BIN = Path(sys.executable).parent


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


class Server:
    """moto's S3 server, without a proxy between."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [BIN / "moto_server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                self.ask("PUT", "/staging")
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def ask(self, method: str, path: str) -> bytes:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self.url + path, method=method), timeout=5) as answer:
            body: bytes = answer.read()
            return body

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "s3.json"
    path.write_text(json.dumps({"access_key_id": "guantong", "secret_access_key": "secret"}))
    path.chmod(0o600)
    return path


def url(server: Server, prefix: str) -> str:
    return f"s3://staging/{prefix}?endpoint={server.url}"


@pytest.fixture
def store(server: Server, keys: Path, request: pytest.FixtureRequest) -> ObjectStore:
    return ObjectStore(url(server, request.node.name), keys, quota=0)


def test_it_does_what_a_folder_does(store: ObjectStore, tmp_path: Path) -> None:
    folder = FolderStore(tmp_path / "folder")
    for one in (store, folder):
        one.put("a/b/000001.chunk", b"x" * 1000)
        one.put("a/b/000001.manifest", b"y")
        one.put("ab/c", b"z")
        one.put("a/b/000001.manifest", b"yy")
    for ask in (
        lambda one: one.names("a"),
        lambda one: one.names("a/b"),
        lambda one: one.names("nothing"),
        lambda one: [one.get(name) for name in ("a/b/000001.chunk", "a/b/000001.manifest", "a/nothing")],
        lambda one: one.expire(3600),
        lambda one: (one.delete("ab/c"), one.delete("ab/c"), one.names("ab")),
        lambda one: (one.expire(-10), one.names("a")),
    ):
        assert ask(store) == ask(folder)
    assert store.names("a") == ["a/b/000001.manifest"]
    with pytest.raises(ValueError, match="cannot name"):
        store.put("../x", b"")


def test_more_names_than_one_answer_holds(store: ObjectStore) -> None:
    for number in range(1010):
        store.put(f"many/{number:06d}.manifest", b"x")
    assert len(store.names("many")) == 1010


def test_a_quota_is_kept(server: Server, keys: Path) -> None:
    store = ObjectStore(url(server, "quota"), keys, quota=100)
    store.put("a/1.chunk", b"x" * 60)
    with pytest.raises(errors.StagingFull):
        store.put("a/2.chunk", b"x" * 60)
    store.put("a/taken", b"1")  # what makes room always has room
    again = ObjectStore(url(server, "quota"), keys, quota=100)
    again.delete("a/1.chunk")
    store.put("a/2.chunk", b"x" * 60)
    assert store.names("a") == ["a/2.chunk", "a/taken"]


def test_a_run_goes_through_it(server: Server, keys: Path, tmp_path: Path) -> None:
    way = Way(tmp_path / "home", tmp_path, "international")
    changes = {"staging_url": url(server, "run"), "staging_credentials": str(keys)}
    assert way.run(**changes).rows == 300
    assert way.target.rows() == way.source.rows()
    store = replace(way.here, **changes).store()
    assert isinstance(store, ObjectStore)
    assert not [name for name in store.names("mail") if name.endswith(".chunk")]
    assert not (way.here.folder / "staging").exists()
    way.exchange.close()


def test_a_server_that_is_gone_pauses_and_says_so(keys: Path, tmp_path: Path) -> None:
    server = Server()
    way = Way(tmp_path / "home", tmp_path, "international")
    changes = {"staging_url": url(server, "gone"), "staging_credentials": str(keys)}
    way.run(**changes)
    server.stop()
    way.source.fill(range(301, 401))
    with pytest.raises(errors.StagingUnreachable) as caught:
        way.run(**changes)
    assert caught.value.status == 502
    assert "secret" not in str(caught.value.as_json())
    server.start()
    way.run(**changes)
    assert way.target.rows() == way.source.rows()
    way.exchange.close()
    server.stop()


@pytest.mark.parametrize(
    "wrong",
    [
        "s3://staging/x",
        "s3://user:word@staging/x?endpoint=http://h",
        "s3://staging?endpoint=http://user:word@h",
        "s3://staging?endpoint=http://h&access_key_id=k",
        "https://h/staging",
    ],
)
def test_addresses_that_are_refused(wrong: str) -> None:
    with pytest.raises(errors.StagingMisconfigured):
        Address.read(wrong)


def test_keys_that_others_may_read_are_refused(server: Server, keys: Path) -> None:
    keys.chmod(0o640)
    with pytest.raises(SecretsExposed):
        ObjectStore(url(server, "x"), keys, quota=0)
    keys.chmod(0o600)
    keys.write_text("{}")
    with pytest.raises(errors.StagingMisconfigured):
        ObjectStore(url(server, "x"), keys, quota=0)


class Elsewhere(BaseHTTPRequestHandler):
    """Takes whatever comes, and sends it on if it has somewhere to send it."""

    server: "Door"

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.hits += 1
        self.send_response(307 if self.server.onward else 200)
        if self.server.onward:
            self.send_header("location", self.server.onward)
        self.send_header("etag", '"x"')
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        """Nothing."""


class Door(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, onward: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Elsewhere)
        self.hits, self.onward = 0, onward
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


@pytest.fixture
def other() -> Iterator[Door]:
    other = Door()
    yield other
    other.shutdown()
    other.server_close()


def test_no_other_host_is_dialled_whatever_the_environment_says(
    server: Server, keys: Path, other: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "AWS_ENDPOINT", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, other.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    store = ObjectStore(url(server, "proxied"), keys, quota=0)
    store.put("a/b", b"x")
    assert store.get("a/b") == b"x"
    assert other.hits == 0


def test_a_redirect_is_not_followed(keys: Path, other: Door) -> None:
    first = Door(other.url + "/elsewhere")
    store = ObjectStore(f"s3://staging/x?endpoint={first.url}", keys, quota=0)
    with pytest.raises(errors.StagingUnreachable):
        store.put("a/b", b"x")
    assert (first.hits > 0, other.hits) == (True, 0)
    first.shutdown()
    first.server_close()


def test_production_wants_https() -> None:
    settings: dict[str, Any] = {"node": "511600", "home": Path("/x"), "secret_key": "0123456789abcdef" * 4}
    urls = {f"{part}_url": "https://h" for part in ("web", "gateway", "log", "exchange")}
    with pytest.raises(SettingUnsafe, match="staging_url"):
        Settings(**settings, **urls, name="n", staging_url="s3://b?endpoint=http://h").checked()
    Settings(**settings, **urls, name="n", staging_url="s3://b?endpoint=https://h").checked()


# ── full disks ──


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[None]:
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=False)
    if done.returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_pauses_a_job_and_room_lets_it_go_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "exchange" / "staging", "2m"):
        ballast = tmp_path / "exchange" / "staging" / ".ballast"
        ballast.write_bytes(bytes(1_020_000))
        node = Node(tmp_path)
        try:
            node.publish(staged=True, key=["person_no"], writing="upsert")
            node.order("run")
            told = node.until(lambda told: told["state"] == "paused")
            assert told["error"]["code"] == "staging_full"
            ballast.unlink()
            with clock.frozen(datetime.now(UTC) + timedelta(seconds=31)):
                node.until(is_done)
            assert node.target.rows() == node.source.rows()
        finally:
            node.close()


def test_a_full_quota_pauses_a_job_and_room_lets_it_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowed(monkeypatch)
    node = Node(tmp_path)
    node.settings = replace(node.settings, staging_quota=12_000)
    try:
        node.publish(staged=True, key=["person_no"], writing="upsert")
        node.order("run")
        first = node.until(lambda told: told["state"] == "paused")
        assert first["error"]["code"] == "staging_full"
        # Each time, what waits is applied first, and that makes room.
        for minute in range(1, 60):
            with clock.frozen(datetime.now(UTC) + timedelta(minutes=minute)):
                told = node.until(
                    lambda told, old=first: (
                        told["updated_at"] > old["updated_at"] and told["state"] != "running"
                    )
                )
            first = told
            if is_done(told):
                break
        assert node.target.rows() == node.source.rows()
    finally:
        node.close()

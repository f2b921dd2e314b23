"""Parts die under load: what was answered is on record, what cannot be answered is said truthfully, and it comes back."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from tests import databases
from tests.exchange.test_objects import small_disk
from tests.gateway import cast, processes
from tests.gateway.load import Caller, more, under_load
from tests.gateway.test_processes import check_chains
from tests.gateway.test_stopping import fill
from tests.gateway.town import PEOPLE, Town, built, listening, until

from guantong.evidence import spool
from guantong.evidence.log import Log
from guantong.evidence.standing import standing
from guantong.kit.suites import suite

pytestmark = pytest.mark.town
KILLS = 200
ARCHIVE, G_ARCHIVE = "511600-archive", "G-archive"


@pytest.fixture
async def folders(tmp_path: Path) -> AsyncIterator[Town]:
    town = built(tmp_path)
    yield town
    await town.courier.close()


def answered(callers: list[Caller]) -> list[str]:
    return [call for caller in callers for call in caller.answered]


def failures(callers: list[Caller]) -> set[str]:
    return {fault for caller in callers for fault in caller.failed}


def check_all_on_record(town: Town, calls: list[str]) -> None:
    """Each answered call has one receipt, the chains have no gap, and a log takes all of it in."""
    on_record = check_chains(town.city)
    assert Counter(calls) - on_record == Counter()
    assert set(on_record.values()) == {1}
    place = town.city.settings.spool_folder
    log = Log(town.city.home / "checked", place, suite("international").generate("checked"))
    while log.integrate():
        pass
    records = [one.record for writer in spool.writers(place) for one in spool.read(place, writer)]
    assert log.sign().checkpoint.size == len(records)
    for record in records[:: max(1, len(records) // 50)]:
        assert log.proof(sha256(record).digest())
    log.close()


async def test_hundreds_of_kills_lose_no_receipt_of_an_answered_call(folders: Town) -> None:
    dice = random.Random(20261123)
    process = subprocess.Popen(  # noqa: ASYNC220 - its pipes are read in a thread
        [sys.executable, "-m", "tests.crash.gateway_lives"], env=processes.environment(folders.city),
        cwd=processes.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    lives = process.stdout

    async def kill_again_and_again(callers: list[Caller]) -> None:
        for _ in range(KILLS):
            life = int(await asyncio.to_thread(lives.readline))
            await more(callers, dice.choice([1, 1, 5, 20]))
            await asyncio.sleep(dice.uniform(0, 0.02))  # where in a call it dies is for chance to say
            os.kill(life, signal.SIGKILL)
        await more(callers, 50)

    try:
        callers = await under_load(folders, kill_again_and_again)
    finally:
        process.stdin.close()
        await asyncio.to_thread(process.wait, 20)
        lives.close()
    assert len(answered(callers)) > KILLS
    assert any("Reset" in fault or "Incomplete" in fault for fault in failures(callers)), (
        "kills did hit calls"
    )
    check_all_on_record(folders, answered(callers))


def test_a_receipt_that_is_missing_would_be_noticed(folders: Town) -> None:
    with pytest.raises(AssertionError):
        check_all_on_record(folders, ["a call that nobody wrote down"])


async def test_a_full_disk_refuses_truthfully_and_goes_on_when_there_is_room(folders: Town) -> None:
    place = folders.city.settings.spool_folder

    async def fill_and_make_room(callers: list[Caller]) -> None:
        await more(callers)
        for _ in range(3):
            with pytest.raises(OSError, match="No space"):
                fill(place / ".ballast")
            before = sum(len(caller.failed) for caller in callers)
            await until(lambda before=before: sum(len(caller.failed) for caller in callers) > before + 20)
            (place / ".ballast").unlink()
            await more(callers)

    with small_disk(place, "8m"):
        with processes.gateway(folders.city):
            callers = await under_load(folders, fill_and_make_room)
        assert failures(callers) == {"spool_failed"}
        check_all_on_record(folders, answered(callers))


async def test_the_log_is_down_and_calls_go_on(folders: Town) -> None:
    city = folders.city
    city.with_log()

    def waiting() -> int:
        stands = standing(city.settings.log_folder, city.settings.spool_folder)
        return stands.waiting_bytes if stands else -1

    async def kill_and_start(callers: list[Caller]) -> None:
        with processes.log(city) as log:
            await more(callers)
            log.kill()
            log.wait()
        await more(callers)
        assert waiting() > 0
        with processes.log(city):
            await more(callers)

    with processes.gateway(city):
        callers = await under_load(folders, kill_and_start)
        assert failures(callers) == set()
        with processes.log(city):
            await until(lambda: waiting() == 0)


# ── servers that are killed and come back ──


class Server:
    """A server of the tests that can be killed and started again on the same port and folder."""

    def __init__(self, command: list[str], is_up: Callable[[], bool]) -> None:
        self._command = command
        self._is_up = is_up
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: ASYNC220 - it goes on beside
            self._command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        await until(self._is_up)

    def kill(self) -> None:
        """With all its children: the session is its own."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def succeeds(*command: str) -> Callable[[], bool]:
    return lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[Server, str]]:
    with listening() as place:
        port = place.getsockname()[1]
    (tmp_path / "redis.conf").write_text(f'port {port}\nbind 127.0.0.1\ndir {tmp_path}\nsave ""\n')
    program = shutil.which("redis-server")
    assert program, "redis-server is missing: sh deploy/servers.sh fetches it"
    server = Server([program, str(tmp_path / "redis.conf")], succeeds("redis-cli", "-p", str(port), "ping"))
    yield server, f"redis://127.0.0.1:{port}/0"
    server.kill()


@pytest.fixture
def postgresql() -> Iterator[tuple[Server, str]]:
    with databases._folder("postgres") as (folder, before):
        port = databases.free_port()
        databases._do([*before, databases._program("initdb"), "-D", folder / "data", "-A", "trust", "-U", "guantong",
                       "--locale=C.UTF-8", "--no-sync"])  # fmt: skip
        settings = [
            f"port={port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=40",
        ]
        command = [*before, databases._program("postgres"), "-D", str(folder / "data")]
        command += [word for setting in settings for word in ("-c", setting)]
        url = f"postgresql://guantong@127.0.0.1:{port}/postgres"
        server = Server(command, succeeds(databases._program("psql"), "-qX", url, "-c", "SELECT 1"))
        yield server, url
        server.kill()


async def hurt(callers: list[Caller], server: Server) -> None:
    """Kill the server, let calls fail, start it, let calls be answered; twice."""
    await more(callers)
    for _ in range(2):
        server.kill()
        before = sum(len(caller.failed) for caller in callers)
        await until(lambda before=before: sum(len(caller.failed) for caller in callers) > before + 10)
        await server.start()
        await more(callers)


async def test_a_departments_database_is_killed_and_hurts_no_other(
    folders: Town, postgresql: tuple[Server, str]
) -> None:
    server, url = postgresql
    await server.start()
    rows = ", ".join(
        "(" + ", ".join("NULL" if one is None else f"'{one}'" for one in row) + ")" for row in PEOPLE
    )
    made = f"CREATE TABLE rkjbxx (sfzh text PRIMARY KEY, xm text, csrq text, csd text, dh text); INSERT INTO rkjbxx VALUES {rows}"
    subprocess.run([databases._program("psql"), "-qX", url, "-c", made], check=True)  # noqa: ASYNC221 - at once
    city = folders.city
    sources = msgspec.json.decode((city.home / "sources.json").read_bytes())
    (city.home / "sources.json").write_bytes(msgspec.json.encode(sources | {"archive": url}))
    bound = msgspec.structs.replace(cast.binding(ARCHIVE, "postgresql"), source="archive")
    given = cast.grant(id=G_ARCHIVE, resource=ARCHIVE, provider_node=cast.CITY, number="GA-2026-3")
    city.publish(
        resources={**city.bundle.resources, ARCHIVE: cast.resource(ARCHIVE, cast.CITY, cast.HOUSING)},
        bindings={**city.bundle.bindings, ARCHIVE: bound},
        grants={**city.bundle.grants, G_ARCHIVE: given},
    )
    theirs = [Caller(folders, resource=ARCHIVE, grant=G_ARCHIVE) for _ in range(4)]
    others = [Caller(folders) for _ in range(4)]

    async def hurt_one(_: list[Caller]) -> None:
        await hurt(theirs, server)
        await more(others)

    with processes.gateway(city):
        await under_load(folders, hurt_one, [*theirs, *others])
    assert failures(theirs) == {"source_unavailable"}
    assert failures(others) == set()
    check_all_on_record(folders, answered([*theirs, *others]))


async def test_the_server_of_the_counts_is_killed_and_nothing_is_guessed(
    folders: Town, redis: tuple[Server, str]
) -> None:
    server, url = redis
    await server.start()
    with processes.gateway(folders.city, GUANTONG_LIMITS_URL=url):
        callers = await under_load(folders, lambda callers: hurt(callers, server))
    # Counts that begin anew do not know what was signed before them.
    assert "counts_unavailable" in failures(callers) <= {"counts_unavailable", "signature_replayed"}
    check_all_on_record(folders, answered(callers))

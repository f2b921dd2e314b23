"""Real processes: killed, stopped, several at once; and proofs from real logs."""

import asyncio
import contextlib
import itertools
import os
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.gateway import cast, processes
from tests.gateway.town import Station, Town, built, far, query, until

from guantong.courier.errors import PeerUnreachable
from guantong.evidence import spool
from guantong.evidence.marks import NAME as MARK
from guantong.gateway.receipts import KIND
from guantong.kit import canonical, envelope
from guantong.kit.suites import INTERNATIONAL

pytestmark = pytest.mark.town


@pytest.fixture
async def folders(tmp_path: Path) -> AsyncIterator[Town]:
    town = built(tmp_path)
    yield town
    await town.courier.close()


def check_chains(station: Station, writer: str = "gateway-0") -> Counter[str]:
    """How often each call is on record; every chain must be numbered and linked without a gap."""
    last: dict[str, tuple[int, str | None]] = defaultdict(lambda: (0, None))
    calls: Counter[str] = Counter()
    for spooled in spool.read(station.settings.spool_folder, writer):
        statement = envelope.read(spooled.record)
        if statement.kind != KIND:
            continue
        body = statement.body
        assert (body["n"] - 1, body["prev"]) == last[body["chain"]]
        last[body["chain"]] = (body["n"], envelope.digest(statement.signed))
        calls[body["call"]] += 1
    return calls


@pytest.mark.parametrize("is_marked", [True, False])
async def test_kill_9_loses_no_receipt_and_doubles_none(folders: Town, is_marked: bool) -> None:
    """A gateway is killed again and again in the middle of a thousand calls."""
    city, answered = folders.city, []

    async def call_until_done(left: Iterator[int]) -> None:
        for _ in left:
            try:
                heard = await folders.ask("/v1/query", query())
            except PeerUnreachable:
                await asyncio.sleep(0.05)
                continue
            if heard.status == 200:
                answered.append(heard.json["call"])

    for _ in range(3):
        enough, is_over = len(answered) + 50, asyncio.Event()
        with processes.gateway(city) as process:
            turns = itertools.takewhile(lambda _, over=is_over: not over.is_set(), itertools.count())
            callers = [asyncio.create_task(call_until_done(turns)) for _ in range(16)]
            await until(lambda enough=enough: len(answered) > enough)
            process.kill()
            await asyncio.to_thread(process.wait)
            is_over.set()
            await asyncio.gather(*callers)
        if not is_marked:
            (city.settings.spool_folder / "gateway-0" / MARK).unlink()
    left = iter(range(1000 - len(answered)))
    with processes.gateway(city):
        await asyncio.gather(*(call_until_done(left) for _ in range(16)))
    on_record = check_chains(city)
    assert len(answered) >= 1000
    assert set(answered) <= set(on_record)
    assert set(on_record.values()) == {1}


async def test_a_stopped_province_is_named_within_the_budget(folders: Town) -> None:
    with contextlib.ExitStack() as stack:
        provinces = None
        for station in folders.stations.values():
            process = stack.enter_context(processes.gateway(station))
            provinces = process if station is folders.province else provinces
        assert (await folders.ask("/v1/query", far())).status == 200
        assert provinces is not None
        provinces.send_signal(signal.SIGSTOP)
        began = asyncio.get_running_loop().time()
        heard = await folders.ask("/v1/query", far(), headers={"guantong-budget-ms": "2000"})
        assert asyncio.get_running_loop().time() - began < 2
        assert (heard.status, heard.code) == (504, "peer_timed_out")
        assert heard.json["error"]["details"]["peer"] == cast.PROVINCE
        provinces.send_signal(signal.SIGCONT)
        assert (await folders.ask("/v1/query", far())).status == 200
        provinces.kill()
        provinces.wait()
        heard = await folders.ask("/v1/query", far())
        assert (heard.status, heard.code) == (502, "peer_unreachable")


async def test_a_revoked_grant_is_refused_within_a_second(folders: Town) -> None:
    with processes.gateway(folders.city):
        assert (await folders.ask("/v1/query", query())).status == 200
        revoked = msgspec.structs.replace(folders.city.bundle.grants[cast.G_RESIDENCE], state="revoked")
        folders.city.publish(grants={cast.G_RESIDENCE: revoked})
        began = asyncio.get_running_loop().time()
        while (heard := await folders.ask("/v1/query", query())).status == 200:
            assert asyncio.get_running_loop().time() - began < 1
            await asyncio.sleep(0.02)
        assert heard.code == "grant_revoked"


async def test_a_suspended_grant_is_refused_and_served_again_within_a_second_each(folders: Town) -> None:
    given = folders.city.bundle.grants[cast.G_RESIDENCE]
    with processes.gateway(folders.city):
        assert (await folders.ask("/v1/query", query())).status == 200
        for state in ("suspended", "active", "suspended", "revoked"):
            folders.city.publish(grants={cast.G_RESIDENCE: msgspec.structs.replace(given, state=state)})
            began = asyncio.get_running_loop().time()
            wanted = "" if state == "active" else f"grant_{state}"
            while reason(await folders.ask("/v1/query", query())) != wanted:
                assert asyncio.get_running_loop().time() - began < 1
                await asyncio.sleep(0.02)


def reason(heard: Any) -> str:
    """Why a call was refused; empty: it was not."""
    return "" if heard.status == 200 else str(heard.code)


async def test_several_workers_share_the_calls_and_keep_their_own_chains(folders: Town) -> None:
    with processes.gateway(folders.city, GUANTONG_GATEWAY_WORKERS="2") as supervisor:
        await until(lambda: listeners(folders.city) == 2)
        for _ in range(20):
            heard = await asyncio.gather(*(folders.ask("/v1/query", query()) for _ in range(20)))
            assert {one.status for one in heard} == {200}
        workers = children(supervisor.pid)
        os.kill(workers[-1], signal.SIGKILL)
        # A worker that dies is started again.
        await until(lambda: len(set(children(supervisor.pid)) - {workers[-1]}) == len(workers))
        await until(lambda: listeners(folders.city) == 2)
        supervisor.kill()
        supervisor.wait()
    with processes.gateway(folders.city, GUANTONG_GATEWAY_WORKERS="2"):
        assert (await folders.ask("/v1/query", query())).status == 200, "and a killed supervisor leaves none"
    each = [check_chains(folders.city, f"gateway-{number}") for number in (0, 1)]
    assert all(each)
    assert len(each[0] + each[1]) == 401
    assert set((each[0] + each[1]).values()) == {1}


def listeners(station: Station) -> int:
    """How many sockets listen on the station's port: one a worker."""
    port = f":{station.settings.gateway_port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(port) and row[3] == "0A" for row in rows)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def prove(town: Town, path: str, *, wait: bool = True) -> Any:
    for _ in range(100):
        heard = await town.get(path)
        if heard.status != 404 or not wait:
            return heard
        await asyncio.sleep(0.1)
    raise TimeoutError(path)


async def test_proofs_come_from_ones_own_log_and_along_the_route(folders: Town) -> None:
    with contextlib.ExitStack() as stack:
        for station in folders.stations.values():
            station.with_log()
            stack.enter_context(processes.gateway(station))
            if station is not folders.province:
                stack.enter_context(processes.log(station))
        said = (await folders.ask("/v1/query", far())).json
        for node, receipt in [(cast.CITY, said["countersign"]), (cast.NATION, said["receipt"])]:
            record = canonical.dumps(receipt)
            heard = await prove(folders, f"/v1/proofs/{node}/{sha256(record).hexdigest()}")
            assert heard.status == 200
            assert heard.reply.body.startswith(b"c2sp.org/tlog-proof@v1\n")
            assert heard.is_signed_by(folders.city)
            heard = await prove(folders, f"/v1/nodes/{node}/checkpoint")
            assert heard.reply.body.startswith(f"{node}.guantong.example/log\n".encode())
        unknown = await prove(folders, f"/v1/proofs/{cast.NATION}/{'0' * 64}", wait=False)
        assert (unknown.status, unknown.code) == (404, "not_in_log_yet")
        down = await prove(folders, f"/v1/proofs/{cast.PROVINCE}/{'0' * 64}")
        assert (down.status, down.code) == (502, "peer_unreachable")
        assert (await prove(folders, f"/v1/proofs/{cast.CITY}/nonsense", wait=False)).code == "path_unknown"
        assert (await prove(folders, f"/v1/proofs/999999/{'0' * 64}", wait=False)).code == "path_unknown"
        stranger = INTERNATIONAL.generate("stranger")
        assert (await folders.get(f"/v1/proofs/{cast.CITY}/{'0' * 64}", key=stranger)).status == 401

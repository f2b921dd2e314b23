"""Processes are stopped, started and replaced while calls run: none fails, none is answered without a receipt."""

import asyncio
import json
import os
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.exchange.test_objects import small_disk
from tests.gateway import processes
from tests.gateway.load import Caller, more, under_load
from tests.gateway.test_limits import server as redis_server
from tests.gateway.test_processes import check_chains, children
from tests.gateway.town import Town, built, query, until

from guantong.gateway.readiness import KEPT_S
from guantong.kit.suites import suite

pytestmark = pytest.mark.town
LONG = {"GUANTONG_GATEWAY_DRAIN_S": "8"}


@pytest.fixture
async def folders(tmp_path: Path) -> AsyncIterator[Town]:
    town = built(tmp_path)
    yield town
    await town.courier.close()


def on_record(town: Town, *numbers: int) -> Counter[str]:
    return sum((check_chains(town.city, f"gateway-{number}") for number in numbers), Counter())


async def test_one_of_two_processes_is_stopped_and_started_under_load(folders: Town) -> None:
    with processes.gateway(folders.city, GUANTONG_GATEWAY_WORKERS="2", **LONG) as supervisor:
        await until(lambda: len(workers(supervisor.pid)) == 2)

        async def stop_each(callers: list[Caller]) -> None:
            await more(callers)
            for victim in workers(supervisor.pid):
                os.kill(victim, signal.SIGTERM)
                await until(lambda victim=victim: victim not in children(supervisor.pid))
                await until(lambda: len(workers(supervisor.pid)) == 2)
                await more(callers)

        callers = await under_load(folders, stop_each)
    assert [fault for caller in callers for fault in caller.failed] == []
    assert sum(caller.goodbyes for caller in callers) > 0
    answered = [call for caller in callers for call in caller.answered]
    assert Counter(answered) == on_record(folders, 0, 1)


async def test_processes_are_replaced_with_new_keys_under_load(folders: Town) -> None:
    """SIGHUP: the node's key and the subject key are new, all processes are others, no call fails."""
    city = folders.city
    with processes.gateway(city, GUANTONG_GATEWAY_WORKERS="2", **LONG) as supervisor:
        await until(lambda: len(workers(supervisor.pid)) == 2)
        before = set(workers(supervisor.pid))

        async def renew(callers: list[Caller]) -> None:
            await more(callers)
            city.key = suite("international").generate("511600.guantong.example/node")
            (city.home / "keys/node.key").write_text(city.key.to_text())
            (city.home / "keys/subject.key").write_text("5" * 64)
            nodes = dict(city.bundle.nodes)
            nodes[city.code] = msgspec.structs.replace(nodes[city.code], key=city.key.public.to_text())
            city.publish(nodes=nodes)
            supervisor.send_signal(signal.SIGHUP)
            await until(lambda: before.isdisjoint(children(supervisor.pid)), within_s=60)
            await until(lambda: len(workers(supervisor.pid)) == 2)
            await more(callers)

        callers = await under_load(folders, renew)
        assert (await folders.ask("/v1/query", query())).is_signed_by(city)
    assert [fault for caller in callers for fault in caller.failed] == []
    answered = [call for caller in callers for call in caller.answered]
    assert set(answered) < set(on_record(folders, 0, 1, 2))


async def test_keys_that_do_not_work_do_not_stop_a_single_process(folders: Town) -> None:
    city = folders.city
    with processes.gateway(city) as process:
        (city.home / "keys/subject.key").write_text("short")
        process.send_signal(signal.SIGHUP)
        await until(lambda: "the old ones stay" in (city.home / "gateway.out").read_text())
        assert (await folders.ask("/v1/query", query())).status == 200


async def test_keys_that_do_not_work_change_nothing(folders: Town) -> None:
    city = folders.city
    with processes.gateway(city, GUANTONG_GATEWAY_WORKERS="2") as supervisor:
        await until(lambda: len(workers(supervisor.pid)) == 2)
        before = set(workers(supervisor.pid))
        (city.home / "keys/node.key").write_text("nonsense")
        supervisor.send_signal(signal.SIGHUP)
        await until(lambda: "go on with the old ones" in (city.home / "gateway.out").read_text())
        assert before <= set(children(supervisor.pid))
        assert (await folders.ask("/v1/query", query())).status == 200


async def test_a_single_process_comes_back_with_new_keys(folders: Town) -> None:
    city = folders.city
    with processes.gateway(city) as process:
        city.key = suite("international").generate("511600.guantong.example/node")
        (city.home / "keys/node.key").write_text(city.key.to_text())
        nodes = dict(city.bundle.nodes)
        nodes[city.code] = msgspec.structs.replace(nodes[city.code], key=city.key.public.to_text())
        city.publish(nodes=nodes)
        process.send_signal(signal.SIGHUP)

        async def is_new() -> bool:
            heard = await folders.ask("/v1/query", query())
            try:
                return heard.is_signed_by(city)
            except Exception:  # noqa: BLE001 - a signature by the old key
                return False

        async with asyncio.timeout(20):
            while not await is_new():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert process.poll() is None


def workers(pid: int) -> list[int]:
    """The supervisor's processes that are at work: each holds its receipts' folder."""
    found = []
    for child in children(pid):
        try:
            held = [str(one.readlink()) for one in Path(f"/proc/{child}/fd").iterdir()]
        except OSError:
            continue
        if any("/spool/gateway-" in one for one in held):
            found.append(child)
    return found


# ── what is on its way ──


async def test_a_slow_call_is_finished_and_one_beyond_the_bound_is_cut_off(folders: Town) -> None:
    """A call that waits for the province while the city is told to stop."""
    from tests.gateway.town import far

    held: list[asyncio.StreamWriter] = []
    province = folders.province.settings.gateway_port
    deaf = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", province)
    for drain_s, budget_ms, wanted in [("6", "1500", "peer_timed_out"), ("0.5", "9000", None)]:
        before = len(held)
        with processes.gateway(folders.city, GUANTONG_GATEWAY_DRAIN_S=drain_s) as process:
            asked = asyncio.create_task(
                folders.ask("/v1/query", far(), headers={"guantong-budget-ms": budget_ms})
            )
            await until(lambda before=before: len(held) > before)
            process.terminate()
            if wanted:
                heard = await asked
                assert heard.code == wanted
                assert heard.reply.headers["connection"] == "close"
                assert heard.is_signed_by(folders.city)
            else:
                assert (await asked).code == "draining"
            assert await asyncio.to_thread(process.wait, 20) == 0
    deaf.close()
    for writer in held:
        writer.close()


# ── ready or not ──


async def ready(town: Town) -> tuple[int, list[str]]:
    reply = await town.courier_get(f"{town.city.url}/ready")
    reasons = msgspec.json.decode(reply.body).get("reasons", [])
    assert all({"zh", "en"} <= set(reason["message"]) for reason in reasons)
    return reply.status, [reason["code"] for reason in reasons]


async def becomes(town: Town, wanted: tuple[int, list[str]]) -> None:
    async with asyncio.timeout(20 + KEPT_S):
        while await ready(town) != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_not_ready_without_a_bundle_and_live_all_the_same(folders: Town) -> None:
    for path in folders.city.settings.bundle_folder.iterdir():
        path.unlink()
    process = processes.started("gateway", folders.city)
    with processes.ended(process):
        processes.wait_for(f"{folders.city.url}/health", process)
        assert await ready(folders) == (503, ["not_ready"])
        folders.city.publish()
        await becomes(folders, (200, []))


async def test_not_ready_while_the_disk_is_full_and_again_when_there_is_room(folders: Town) -> None:
    with small_disk(folders.city.settings.spool_folder, "2m"), processes.gateway(folders.city):
        ballast = folders.city.settings.spool_folder / ".ballast"
        with pytest.raises(OSError, match="No space"):
            fill(ballast)
        await becomes(folders, (503, ["spool_failed"]))
        ballast.unlink()
        await becomes(folders, (200, []))


def fill(ballast: Path) -> None:
    """Leave no room on the disk."""
    with ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


async def test_not_ready_while_nobody_can_count(folders: Town, tmp_path: Path) -> None:
    from tests.gateway.test_limits import PASSWORD

    secret = tmp_path / "limits.json"
    secret.touch(mode=0o600)
    secret.write_text(json.dumps({"password": PASSWORD}))
    (tmp_path / "redis").mkdir()
    with redis_server(tmp_path / "redis") as url:
        gateway = processes.gateway(
            folders.city, GUANTONG_LIMITS_URL=url, GUANTONG_LIMITS_CREDENTIALS=str(secret)
        )
        process = gateway.__enter__()
        assert await ready(folders) == (200, [])
    await becomes(folders, (503, ["counts_unavailable"]))
    assert process.poll() is None
    gateway.__exit__(None, None, None)


async def test_not_ready_while_draining(folders: Town) -> None:
    """A connection that was idle when the process was told to stop still hears that it should go elsewhere."""
    with processes.gateway(folders.city, **LONG) as process:
        with socket.create_connection(("127.0.0.1", folders.city.settings.gateway_port)) as idle:
            idle.settimeout(10)
            process.terminate()
            await until(lambda: not is_listening(folders.city.settings.gateway_port))
            idle.sendall(b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\n")
            told = await asyncio.to_thread(heard_all, idle)
        assert b" 503 " in told.split(b"\r\n")[0]
        assert b"connection: close" in told
        assert b'"draining"' in told
        assert process.wait(15) == 0


def is_listening(port: int) -> bool:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def heard_all(connection: socket.socket) -> bytes:
    found = b""
    while part := connection.recv(65536):
        found += part
    return found

"""Two nodes as they really run: HTTP servers, the courier between them, a witness that goes away and comes back."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from hashlib import sha256

import msgspec
import pytest
import uvicorn
from tests.evidence.cast import CITY_LOG, CITY_NODE, INTERNATIONAL, PROVINCE_WITNESS, policy_text, receipt

from guantong.courier.client import Courier
from guantong.courier.errors import PeerUnreachable
from guantong.evidence import proofs
from guantong.evidence.configuration import known_logs_file
from guantong.evidence.keysets import KeySet
from guantong.evidence.log import Log
from guantong.evidence.process import CourierSend
from guantong.evidence.running import Running
from guantong.evidence.server import LogServer
from guantong.evidence.spool import Spool
from guantong.evidence.verifier import verify
from guantong.evidence.witness import Witness

PROVINCE_LOG = INTERNATIONAL.generate("510000.guantong.example/log")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.asynccontextmanager
async def served(folder, spool_folder, key, port, *, witness=None, following=None):
    log = Log(folder, spool_folder, key)
    async with Courier([]) as courier, Running(log, CourierSend(log, courier)) as running:
        config = uvicorn.Config(
            LogServer(running, witness, following), port=port, lifespan="off", log_level="error"
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it no other way
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        await task
    log.close()


@contextlib.asynccontextmanager
async def province(home, port):
    home.mkdir(exist_ok=True)
    (home / "known-logs").write_text(CITY_LOG.public.to_text() + "\n")
    witness = Witness(home / "witness.sqlite", PROVINCE_WITNESS, known_logs_file(home / "known-logs").current)
    async with served(home / "log", home / "spool", PROVINCE_LOG, port, witness=witness) as url:
        yield url
    witness.close()


async def until(url, courier, status, within_s=8.0):
    deadline = time.monotonic() + within_s
    while True:
        reply = await courier.send("GET", url)
        if reply.status == status or time.monotonic() > deadline:
            return reply
        await asyncio.sleep(0.05)


async def test_a_receipt_is_proven_over_http_and_waits_while_the_witness_is_away(tmp_path):
    witness_port, port = free_port(), free_port()
    city = tmp_path / "city"
    (city / "log").mkdir(parents=True)
    (city / "log/policy").write_text(policy_text(f"http://127.0.0.1:{witness_port}"))
    with Spool(city / "spool", "gateway-1") as spool:
        async with (
            Courier([f"http://127.0.0.1:{port}"]) as courier,
            served(city / "log", city / "spool", CITY_LOG, port) as url,
        ):
            first = receipt(1)
            unknown = await courier.send("GET", f"{url}/proof/{sha256(first).hexdigest()}")
            assert msgspec.json.decode(unknown.body)["error"]["code"] == "not_in_log_yet"
            async with province(tmp_path / "province", witness_port):
                await spool.append(first)
                started = time.monotonic()
                reply = await until(f"{url}/proof/{sha256(first).hexdigest()}", courier, 200)
                assert time.monotonic() - started < 2
                good = proofs.read_proof(reply.body).with_record(first).to_bytes()
                keys = tmp_path / "keys"
                keys.write_text(policy_text() + f"node {CITY_NODE.public.to_text()}\n")
                assert verify(good, KeySet.load(keys)).ok

            # The province is away: the log goes on, the proof waits and says for what.
            second = receipt(2)
            await spool.append(second)
            at = f"{url}/proof/{sha256(second).hexdigest()}"
            deadline = time.monotonic() + 5
            while b"not_yet_witnessed" not in (waiting := await courier.send("GET", at)).body:
                assert time.monotonic() < deadline, waiting.body
                await asyncio.sleep(0.05)
            checkpoint = await courier.send("GET", f"{url}/checkpoint")
            assert checkpoint.body.split(b"\n")[1] == b"2"
            assert (await courier.send("GET", f"{url}/proof/{sha256(first).hexdigest()}")).status == 200
            health = msgspec.json.decode((await courier.send("GET", f"{url}/health")).body)
            assert (health["size"], health["witnessed"]) == (2, 1)

            # It comes back, and everything catches up by itself.
            async with province(tmp_path / "province", witness_port):
                assert (await until(at, courier, 200)).status == 200
                health = msgspec.json.decode((await courier.send("GET", f"{url}/health")).body)
                assert (health["witnessed"], health["troubles"]["witnesses"]) == (2, {})


def run_city(home, port):
    code = "import os; from guantong.evidence.process import run_log; from guantong.kit.settings import Settings;"
    code += "run_log(Settings.read(os.environ, open))"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "GUANTONG_NODE": "511600",
        "GUANTONG_HOME": str(home),
        "GUANTONG_LOG_PORT": str(port),
        "GUANTONG_DEVELOPMENT": "true",
    }
    return subprocess.Popen([sys.executable, "-c", code], env=environment)


async def test_the_process_starts_is_killed_starts_again_and_stops_when_told(tmp_path):
    port = free_port()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/log.key").write_text(CITY_LOG.to_text() + "\n")
    (tmp_path / "keys/witness.key").write_text(PROVINCE_WITNESS.to_text() + "\n")
    url = f"http://127.0.0.1:{port}"
    async with Courier([url]) as courier:
        with Spool(tmp_path / "spool", "gateway-1") as spool:
            for number, how in enumerate((signal.SIGKILL, signal.SIGTERM)):
                process = run_city(tmp_path, port)
                await spool.append(receipt(number))
                at = f"{url}/proof/{sha256(receipt(number)).hexdigest()}"
                deadline = time.monotonic() + 20
                while True:
                    with contextlib.suppress(
                        PeerUnreachable
                    ):  # it is about to listen; the deadline below ends this
                        if (await courier.send("GET", at)).status == 200:
                            break
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.05)
                assert (await courier.send("POST", f"{url}/add-checkpoint", body=b"x")).status == 400
                process.send_signal(how)
                assert await asyncio.to_thread(process.wait, 10) == (0 if how == signal.SIGTERM else -how)


async def test_what_the_server_answers(tmp_path):
    port = free_port()
    with Spool(tmp_path / "spool", "w") as spool:
        async with (
            Courier([f"http://127.0.0.1:{port}"]) as courier,
            served(tmp_path / "log", tmp_path / "spool", CITY_LOG, port) as url,
        ):
            await asyncio.gather(*(spool.append(b"%d" % number) for number in range(300)))
            await until(f"{url}/tile/0/000", courier, 200)
            await until(f"{url}/tile/1/000.p/1", courier, 200)
            expected = {
                "/tile/0/000": (200, "application/octet-stream", 256 * 32),
                "/tile/0/000.p/3": (200, "application/octet-stream", 96),
                "/tile/entries/000": (200, "application/octet-stream", 256 * 52),
                "/tile/2/000.p/1": (404, "application/json", None),
                "/tile/0/0": (404, "application/json", None),
                "/checkpoint": (200, "text/plain; charset=utf-8", None),
                "/proof/xyz": (404, "application/json", None),
                "/nothing": (404, "application/json", None),
                "/health": (200, "application/json", None),
            }
            for path, (status, kind, length) in expected.items():
                reply = await courier.send("GET", url + path)
                assert (reply.status, reply.headers["content-type"]) == (status, kind), path
                assert length in {None, len(reply.body)}
            assert (await courier.send("POST", f"{url}/checkpoint")).status == 405
            assert (await courier.send("POST", f"{url}/add-checkpoint", body=b"x")).status == 404


async def test_a_witness_refuses_over_http(tmp_path):
    port = free_port()
    async with Courier([f"http://127.0.0.1:{port}"]) as courier, province(tmp_path, port) as url:
        assert (await courier.send("POST", f"{url}/add-checkpoint", body=b"x")).status == 400
        assert (await courier.send("POST", f"{url}/add-checkpoint", body=bytes(1 << 20))).status == 413
        assert (await courier.send("GET", f"{url}/add-checkpoint")).status == 405


@pytest.mark.parametrize("known", [True, False])
async def test_the_log_asks_nobody_outside_its_policy(tmp_path, known):
    log = Log(tmp_path / "log", tmp_path / "spool", CITY_LOG)
    url = f"http://127.0.0.1:{free_port()}"
    if known:
        (tmp_path / "log/policy").write_text(policy_text(url))
    async with Courier([]) as courier:
        with pytest.raises(Exception, match="peer_unreachable" if known else "destination_not_allowed"):
            await CourierSend(log, courier)("POST", f"{url}/add-checkpoint", b"")
    log.close()

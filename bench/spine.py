"""The spine's figures: a local call and a three-node call, with signatures, decisions, look-ups and receipts.

Three nodes' gateways and logs run as real processes on loopback; the base has 100,000 rows. Every call is
signed (RFC 9421), decided, looked up, masked, and its receipt is on disk (fdatasync) before the answer leaves.
"""

import contextlib
import json
import os
import platform
import random
import secrets
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.gateway import cast, processes
from tests.gateway.town import Station, Town, built, far, listening, query, signed

from bench import load
from guantong.evidence import spool
from guantong.kit import canonical

ROWS = 100_000
ROUNDS = 5
RESULT = Path(__file__).parent / "results" / "spine.json"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="guantong-bench-") as folder, town(Path(folder), 2) as spine:
        pair = measured(lambda: requests(spine, query, 6_000), spine.city.settings.gateway_port, 128)
    with tempfile.TemporaryDirectory(prefix="guantong-bench-") as folder, town(Path(folder)) as spine:
        city = spine.city.settings.gateway_port
        with hello_world() as baseline:
            hello = measured(lambda: _hello_requests(12_000), baseline, 32)
        local = measured(lambda: requests(spine, query, 6_000), city, 32)
        alone = measured(lambda: requests(spine, query, 600), city, 1)
        many = measured(lambda: requests(spine, query, 6_000), city, 128)
        cascade = measured(lambda: requests(spine, far, 400), city, 1)
        crowd = measured(lambda: requests(spine, far, 2_000), city, 32)
        result = {
            "local_calls_per_s": round(local.calls_per_s),
            "local_p50_ms": round(local.p50_ms, 2),
            "local_p99_ms": round(local.p99_ms, 2),
            "cascade_p50_ms": round(cascade.p50_ms, 2),
            "cascade_p99_ms": round(cascade.p99_ms, 2),
            "receipt_bytes": receipt_bytes(spine.city),
            "local_one_connection_p50_ms": round(alone.p50_ms, 2),
            "local_one_connection_p99_ms": round(alone.p99_ms, 2),
            "cascade_calls_per_s": round(crowd.calls_per_s),
            "cascade_32_connections_p50_ms": round(crowd.p50_ms, 2),
            "cascade_32_connections_p99_ms": round(crowd.p99_ms, 2),
            "local_128_connections_calls_per_s": round(many.calls_per_s),
            "local_128_connections_p50_ms": round(many.p50_ms, 2),
            "local_128_connections_p99_ms": round(many.p99_ms, 2),
            "local_two_workers_128_connections_calls_per_s": round(pair.calls_per_s),
            "local_two_workers_128_connections_p50_ms": round(pair.p50_ms, 2),
            "local_two_workers_128_connections_p99_ms": round(pair.p99_ms, 2),
            "hello_calls_per_s": round(hello.calls_per_s),
            "machine": machine(Path(folder)),
        }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    show(result)


@contextlib.contextmanager
def town(folder: Path, workers: int = 1) -> Iterator[Town]:
    """Three nodes as real processes: a gateway of so many workers and a log each."""
    spine = built(folder)
    with contextlib.ExitStack() as stack:
        for station in spine.stations.values():
            if station is not spine.province:
                fill(station)
            station.with_log()
            stack.enter_context(processes.gateway(station, GUANTONG_GATEWAY_WORKERS=str(workers)))
            stack.enter_context(processes.log(station))
        yield spine


def fill(station: Station) -> None:
    people = [(number(n), f"居民{n}", f"19{n % 90 + 10}-01-02", "511602", f"139{n:08d}") for n in range(ROWS)]
    connection = sqlite3.connect(station.home / "police.db")
    connection.executemany("INSERT OR REPLACE INTO rkjbxx VALUES (?,?,?,?,?)", people)
    connection.commit()
    connection.close()


def number(n: int) -> str:
    return f"5116021990{n:08d}"


def requests(spine: Town, question: Callable[..., dict[str, Any]], count: int) -> list[bytes]:
    """Signed requests, each with its own nonce and a key drawn from all rows."""
    drawn = random.Random(secrets.randbits(64))
    asked = []
    for _ in range(count):
        body = canonical.dumps(question(keys={"id_number": number(drawn.randrange(ROWS))}))
        url = f"{spine.city.url}/v1/query"
        request = signed("POST", url, body, spine.keys.application, keyid=cast.ENROLMENT)
        asked.append(_raw("POST", "/v1/query", request.headers, body))
    return asked


def measured(make: Callable[[], Sequence[bytes]], port: int, connections: int) -> load.Round:
    """The median of several rounds, after one that is not counted."""
    rounds = [load.run(port, make(), connections) for _ in range(ROUNDS + 1)][1:]
    return load.Round(
        statistics.median(one.calls_per_s for one in rounds),
        statistics.median(one.p50_ms for one in rounds),
        statistics.median(one.p99_ms for one in rounds),
    )


def receipt_bytes(station: Station) -> int:
    """The mean size of a signed receipt on disk."""
    sizes = [len(found.record) for found in spool.read(station.settings.spool_folder, "gateway-0")]
    return round(statistics.mean(sizes))


def machine(folder: Path) -> dict[str, Any]:
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": cpu[0].partition(": ")[2] if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "fdatasync_ms": round(_fdatasync_ms(folder), 3),
        "load_average": round(os.getloadavg()[0], 1),
    }


def show(result: dict[str, Any]) -> None:
    facts = result["machine"]
    share = result["local_calls_per_s"] / result["hello_calls_per_s"]
    print(f"{facts['cpu']}, {facts['cores']} cores, Python {facts['python']}, "
          f"fdatasync {facts['fdatasync_ms']} ms, load {facts['load_average']}")  # fmt: skip
    print(f"median of {ROUNDS} rounds; {ROWS:,} rows in SQLite; one gateway process a node unless said\n")
    rows = [
        ("", "calls/s", "p50 ms", "p99 ms"),
        ("hello world, same server, 32 connections", result["hello_calls_per_s"], "", ""),
        ("local call, 32 connections", result["local_calls_per_s"], result["local_p50_ms"],
         result["local_p99_ms"]),
        ("local call, 1 connection", "", result["local_one_connection_p50_ms"],
         result["local_one_connection_p99_ms"]),
        ("local call, 128 connections", result["local_128_connections_calls_per_s"],
         result["local_128_connections_p50_ms"], result["local_128_connections_p99_ms"]),
        ("local call, 128 connections, two workers", result["local_two_workers_128_connections_calls_per_s"],
         result["local_two_workers_128_connections_p50_ms"],
         result["local_two_workers_128_connections_p99_ms"]),
        ("three nodes, 1 connection", "", result["cascade_p50_ms"], result["cascade_p99_ms"]),
        ("three nodes, 32 connections", result["cascade_calls_per_s"],
         result["cascade_32_connections_p50_ms"], result["cascade_32_connections_p99_ms"]),
    ]  # fmt: skip
    for name, *figures in rows:
        print(f"{name:<42}" + "".join(f"{figure:>10}" for figure in figures))
    print(f"\na local call is {share:.0%} of hello world; a receipt has {result['receipt_bytes']} bytes")


# ── the baseline ──


@contextlib.contextmanager
def hello_world() -> Iterator[int]:
    """The baseline's server; gives its port."""
    with listening() as place:
        number_ = int(place.getsockname()[1])
    process = subprocess.Popen([sys.executable, "-m", "bench.hello", str(number_)], cwd=processes.ROOT)
    with processes.ended(process):
        processes.wait_for(f"http://127.0.0.1:{number_}/", process)
        yield number_


def _hello_requests(count: int) -> list[bytes]:
    return [_raw("GET", "/", {}, b"")] * count


def _raw(method: str, path: str, headers: Any, body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _fdatasync_ms(folder: Path) -> float:
    times = []
    with (folder / "probe").open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 1000)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    main()

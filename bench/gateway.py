"""The gateway beside nginx: a whole local call against a bare proxy, on the same machine, in the same run.

The call: a token shown, decided, looked up in PostgreSQL among two million rows, masked, its receipt signed and on
disk (fdatasync) before the answer leaves, and integrated into the log meanwhile. Two gateway processes, the database,
the log and the load share the machine's two cores.
"""

import contextlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import msgspec
import psycopg
from tests import databases
from tests.gateway import cast, processes
from tests.gateway.town import Station, Town, built, far, query

from bench import log, wrk
from bench.spine import machine, receipt_bytes
from guantong.bundle.services import Operation, Service
from guantong.bundle.types import Item

ROWS = int(os.environ.get("ROWS", "2000000"))
SECONDS = int(os.environ.get("LASTS", "8"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
CONNECTIONS = 128
LEAVES = int(os.environ.get("LEAVES", "10000000"))
HELLO = "hello"
RESULT = Path(__file__).parent / "results" / "gateway.json"

_FILL = """
CREATE TABLE rkjbxx (sfzh text PRIMARY KEY, xm text, csrq date, csd text, dh text);
INSERT INTO rkjbxx SELECT '511602' || lpad(n::text, 12, '0'), '居民' || n, date '1930-01-01' + (n %% 30000), '511602',
  '139' || lpad((n %% 100000000)::text, 8, '0') FROM generate_series(0, %d - 1) AS n;
ANALYZE rkjbxx;
"""


def main() -> None:
    with databases.postgresql(durable=True, shared_buffers="512MB") as url:
        with psycopg.connect(url) as connection:
            connection.execute(_FILL % ROWS)  # type: ignore[arg-type]
        result = figures(url)
    if LEAVES:
        result |= of_the_log(log.figures(LEAVES))
    RESULT.parent.mkdir(exist_ok=True)
    kept = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    RESULT.write_text(json.dumps({**kept, **result}, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def figures(url: str) -> dict[str, object]:
    with (
        folder() as place,
        wrk.nginx(place) as (proxy, upstream),
        town(url, "international", upstream) as spine,
    ):
        ask = script(spine, query())
        # The same requests to both.
        nginx = median(lambda: wrk.load(proxy, ask, place, connections=CONNECTIONS, seconds=SECONDS))
        told("nginx, bare proxy", nginx)
        local = asked(spine, ask)
        told("local call", local)
        pause = 2 * CONNECTIONS * 1000 / local.calls_per_s
        half = asked(spine, ask, pause_ms=pause)
        told("at half load", half)
        alone = asked(spine, ask, connections=1)
        told("one connection", alone)
        through = asked(spine, wrk.FETCH % {"path": f"/v1/services/{HELLO}/hello", "token": token(spine)})
        told("through to the same upstream", through)
        distant = asked(spine, script(spine, far()), connections=1)
        told("three nodes, one connection", distant)
        rss = max(_rss_mb(pid) for pid in children(spine.gateway))
        size = receipt_bytes(spine.town.city)
    with town(url, "national") as spine:
        national = asked(spine, script(spine, query()))
        told("local call, SM2 receipts", national)
    return {
        "nginx_proxy_rps": round(nginx.calls_per_s),
        "local_rps": round(local.calls_per_s),
        "local_ratio": round(local.calls_per_s / nginx.calls_per_s, 3),
        "local_p50_ms": round(local.p50_ms, 2),
        "local_p99_ms": round(local.p99_ms, 2),
        "half_load_rps": round(half.calls_per_s),
        "half_load_p50_ms": round(half.p50_ms, 2),
        "half_load_p99_ms": round(half.p99_ms, 2),
        "sm2_rps": round(national.calls_per_s),
        "sm2_ratio": round(national.calls_per_s / local.calls_per_s, 3),
        "proxy_rps": round(through.calls_per_s),
        "proxy_ratio": round(through.calls_per_s / nginx.calls_per_s, 3),
        "cascade_p50_ms": round(distant.p50_ms, 2),
        "local_one_connection_p50_ms": round(alone.p50_ms, 2),
        "cascade_ratio": round((distant.p50_ms - alone.p50_ms) / alone.p50_ms, 2),
        "worker_rss_mb": round(rss),
        "receipt_bytes": size,
        "machine": machine(Path(tempfile.gettempdir())),
    }


class Running:
    """A town at work, and the process of its city's gateway."""

    def __init__(self, town: Town, gateway: int) -> None:
        self.town = town
        self.gateway = gateway


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="guantong-bench-") as name:
        yield Path(name)


@contextlib.contextmanager
def town(url: str, suite: str, upstream: str = "") -> Iterator[Running]:
    """Three nodes as real processes; the base of city and nation is the PostgreSQL database at ``url``.

    ``upstream``: the address that the city's interface ``hello`` is served from.
    """
    with folder() as place, contextlib.ExitStack() as stack:
        spine = built(place, suite)
        gateways = {}
        for station in spine.stations.values():
            bound_to(station, url, upstream)
            station.with_log()
            workers = "2" if station is spine.city else "1"
            gateways[station.code] = stack.enter_context(
                processes.gateway(station, GUANTONG_GATEWAY_WORKERS=workers)
            )
            stack.enter_context(processes.log(station))
        yield Running(spine, gateways[cast.CITY].pid)


def bound_to(station: Station, url: str, upstream: str) -> None:
    (station.home / "sources.json").write_text(json.dumps({"police": url, "trivial": upstream}))
    bundle = station.bundle
    bindings = {
        code: msgspec.structs.replace(one, dialect="postgresql") for code, one in bundle.bindings.items()
    }
    operation = Operation(method="GET", path="/hello", items={"hello": "/hello"})
    item = Item(name="hello", label="hello", type="C", level=1)
    hello = msgspec.structs.replace(
        bundle.resources[cast.RESIDENCE], code=HELLO, items={"hello": item}, operations={"hello": operation}
    )
    granted = msgspec.structs.replace(
        bundle.grants[cast.G_RESIDENCE], id=HELLO, resource=HELLO, fields=["hello"], sids=[]
    )
    station.publish(
        bindings=bindings,
        resources={**bundle.resources, HELLO: hello},
        grants={**bundle.grants, HELLO: granted},
        services={HELLO: Service(resource=HELLO, source="trivial")} if station.code == cast.CITY else {},
    )


def of_the_log(found: dict[str, Any]) -> dict[str, Any]:
    """The log's figures under the names that are asked for, each with its detail."""
    lag, proof = found["checkpoint_lag_ms"], found["proof_ms_at_10m"]
    return {
        **found,
        "checkpoint_lag_ms": lag["p99"],
        "checkpoint_lag": lag,
        "proof_ms_at_10m": proof["p99"],
        "proof": proof,
    }


def token(spine: Running) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": cast.ENROLMENT,
        "client_secret": spine.town.keys.secret,
    }
    asked = Request(f"{spine.town.city.url}/oauth2/token", urlencode(form).encode(), method="POST")  # noqa: S310
    with urlopen(asked) as reply:  # noqa: S310 - our own address
        return str(json.load(reply)["access_token"])


def script(spine: Running, question: dict[str, object]) -> str:
    """wrk's script that asks ``question`` about another person each time."""
    question = {**question, "keys": {"id_number": "511602@"}}
    body = json.dumps(json.dumps(question))
    return wrk.ASK % {"body": body, "rows": ROWS, "path": "/v1/query", "token": token(spine)}


def asked(spine: Running, ask: str, *, connections: int = CONNECTIONS, pause_ms: float = 0) -> wrk.Round:
    with folder() as place:
        return median(
            lambda: wrk.load(
                spine.town.city.url, ask, place, connections=connections, seconds=SECONDS, pause_ms=pause_ms
            )
        )


def median(run: Callable[[], wrk.Round]) -> wrk.Round:
    """The median of several rounds, after one that is not counted."""
    rounds = [run() for _ in range(ROUNDS + 1)][1:]
    return wrk.Round(
        *(
            statistics.median(getattr(one, name) for one in rounds)
            for name in ("calls_per_s", "p50_ms", "p99_ms")
        )
    )


def told(name: str, one: wrk.Round) -> None:
    print(
        f"{name:<32}{one.calls_per_s:>10,.0f}/s  p50 {one.p50_ms:>7.2f} ms  p99 {one.p99_ms:>7.2f} ms",
        file=sys.stderr,
    )


def children(process: int) -> list[int]:
    """The processes under ``process``, and itself where it has none."""
    found = [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return [one for one in found if b"resource_tracker" not in Path(f"/proc/{one}/cmdline").read_bytes()] or [
        process
    ]


def _rss_mb(process: int) -> float:
    line = next(
        line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmRSS")
    )
    return int(line.split()[1]) / 1024

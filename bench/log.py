"""The log's figures: integrating, how far the checkpoint lags, a proof among ten million leaves, verifying ten thousand.

``python -m bench log`` prints them; the gateway's measurement writes them beside its own.
"""

import asyncio
import json
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from guantong.evidence.checkpoints import cosign
from guantong.evidence.index import Index
from guantong.evidence.keysets import KeySet
from guantong.evidence.log import Log
from guantong.evidence.policy import read_policy
from guantong.evidence.running import Running
from guantong.evidence.spool import Spool
from guantong.evidence.verifier import verify
from guantong.kit import envelope
from guantong.kit.suites import INTERNATIONAL, NATIONAL, Suite

RECORD_BYTES = 1_100
RECORDS = 150_000
ARRIVALS_PER_S = 5_000
ARRIVING_S = 6
LEAVES = 10_000_000
PROOFS = 10_000

KEY = INTERNATIONAL.generate("511600.guantong.example/log")
WITNESS = INTERNATIONAL.generate_witness("510000.guantong.example/witness")
POLICY = f"log {KEY.public.to_text()}\nwitness province {WITNESS.public.to_text()}\nquorum province\n"


def main() -> None:
    for name, figure in figures().items():
        print(
            f"{name:<28}{figure:>16,}" if not isinstance(figure, dict) else f"{name:<28}{json.dumps(figure)}"
        )


def figures(leaves: int = LEAVES) -> dict[str, Any]:
    """All of the log's figures; ``leaves`` is the size of the large log."""
    return {
        "log_leaves_per_s": leaves_per_s(),
        "checkpoint_lag_ms": checkpoint_lag_ms(),
        "verify_10k_s": verify_s(INTERNATIONAL),
        "verify_10k_national_s": verify_s(NATIONAL),
        **proofs_among(leaves),
    }


def leaves_per_s() -> int:
    """Leaves integrated, tiled, synced and signed in a second, from a spool that waits."""
    with place() as folder:
        fill(folder / "spool", RECORDS)
        log = Log(folder / "log", folder / "spool", KEY)
        began = time.perf_counter()
        while log.integrate():
            pass
        log.sign()
        took = time.perf_counter() - began
        log.close()
    return round(RECORDS / took)


def checkpoint_lag_ms() -> dict[str, float]:
    """How long after a record is on disk a signed checkpoint covers it, while 5,000 arrive a second."""
    return asyncio.run(_lag())


async def _lag() -> dict[str, float]:
    async def nobody(method: str, url: str, body: bytes) -> Any:
        raise AssertionError(method, url, body)

    with place() as folder:
        log = Log(folder / "log", folder / "spool", KEY)
        arrivals: list[tuple[int, float]] = []
        writer = threading.Thread(target=arrive, args=(folder / "spool", arrivals))
        lags, at = [], 0
        async with Running(log, nobody):
            writer.start()
            while writer.is_alive() or at < len(arrivals):
                size, now = log.latest.checkpoint.size if log.latest else 0, time.monotonic()
                while at < len(arrivals) and arrivals[at][0] <= size:
                    lags.append((now - arrivals[at][1]) * 1000)
                    at += 1
                await asyncio.sleep(0.002)
        writer.join()
        log.close()
    count, took = arrivals[-1][0], arrivals[-1][1] - arrivals[0][1]
    lags.sort()
    return {
        "p50": round(statistics.median(lags), 1),
        "p99": round(lags[len(lags) * 99 // 100], 1),
        "max": round(lags[-1], 1),
        "arrivals_per_s": round(count / took),
    }


def arrive(spools: Path, arrivals: list[tuple[int, float]]) -> None:
    """Append a hundredth of a second's records at a time, and note when each share was on disk."""
    share, count = ARRIVALS_PER_S // 100, 0
    with Spool(spools, "gateway-0") as spool:
        began = time.monotonic()
        for turn in range(ARRIVING_S * 100):
            time.sleep(max(0.0, began + turn / 100 - time.monotonic()))
            waiting = [spool.enqueue(record(count + one)) for one in range(share)]
            for one in waiting:
                one.result()
            count += share
            arrivals.append((count, time.monotonic()))


def proofs_among(leaves: int) -> dict[str, Any]:
    """A proof's time in a log of so many leaves, and what that log weighs.

    The digests are given to the index; the log writes its tiles from it and signs, as it does after a disk was lost.
    """
    with place() as folder:
        (folder / "log").mkdir()
        began = time.perf_counter()
        index = Index(folder / "log/log.sqlite")
        for start in range(0, leaves, 100_000):
            rows = [(number, digest_of(number)) for number in range(start, min(leaves, start + 100_000))]
            index.add("gateway-0", rows, rows[-1][0] + 1)
        index.close()
        indexed = time.perf_counter()
        log = Log(folder / "log", folder / "spool", KEY)
        log.sign()
        tiled = time.perf_counter()
        dice, times = random.Random(1), []
        for _ in range(3_000):
            digest = digest_of(dice.randrange(leaves))
            started = time.perf_counter()
            log.proof(digest)
            times.append((time.perf_counter() - started) * 1000)
        times.sort()
        sizes = {path.name: path.stat().st_size for path in (folder / "log").rglob("*") if path.is_file()}
        log.close()
    tree = sum(size for name, size in sizes.items() if name.startswith(("level-", "digests")))
    return {
        "proof_ms_at_10m": {
            "p50": round(statistics.median(times), 3),
            "p99": round(times[len(times) * 99 // 100], 3),
        },
        "log_leaves": leaves,
        "log_index_bytes_per_leaf": round(sizes["log.sqlite"] / leaves, 1),
        "log_tree_bytes_per_leaf": round(tree / leaves, 1),
        "log_index_build_s": round(indexed - began, 1),
        "log_tree_rebuild_s": round(tiled - indexed, 1),
        "log_peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def verify_s(suite: Suite, proofs: int = PROOFS) -> float:
    """Seconds to verify so many proofs, each with its own signed record, under a log that one witness has cosigned."""
    node = suite.generate("511600.guantong.example/node")
    with place() as folder:
        records = [envelope.seal("guantong/receipt@v1", body(number), node) for number in range(proofs)]
        with Spool(folder / "spool", "gateway-0") as spool:
            for one in [spool.enqueue(record) for record in records]:
                one.result()
        (folder / "log").mkdir()
        (folder / "log/policy").write_text(POLICY)
        log = Log(folder / "log", folder / "spool", KEY)
        while log.integrate():
            pass
        signed = log.sign()
        log.cosign(signed, [cosign(signed.note.text, WITNESS, int(time.time()))])
        files = [log.proof(sha256(one).digest()).with_record(one).to_bytes() for one in records]
        log.close()
    keys = KeySet({node.public.ref: node.public}, (read_policy(POLICY),))
    began = time.perf_counter()
    good = sum(verify(file, keys).ok for file in files)
    took = time.perf_counter() - began
    if good != proofs:
        raise AssertionError(f"{proofs - good} proofs do not verify")
    return round(took, 2)


def fill(spools: Path, count: int) -> None:
    with Spool(spools, "gateway-0") as spool:
        for start in range(0, count, 1000):
            for one in [spool.enqueue(record(start + number)) for number in range(1000)]:
                one.result()


def record(number: int) -> bytes:
    return (b"%d " % number).ljust(RECORD_BYTES, b"x")


def digest_of(number: int) -> bytes:
    return sha256(number.to_bytes(8)).digest()


def body(number: int) -> dict[str, Any]:
    """About as much as a gateway's receipt says."""
    return {
        "call": f"call-{number:032d}",
        "node": "511600",
        "at": "2026-11-22T13:20:00.123Z",
        "role": "provider",
        "decision": "allow",
        "rows": 1,
        "padding": "x" * 600,
        "chain": "g-1/gateway-0",
        "n": number + 1,
        "prev": "sha-256:" + "0" * 64,
    }


@contextmanager
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="guantong-bench-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    print(json.dumps(figures(int(sys.argv[1]) if len(sys.argv) > 1 else LEAVES), indent=2))

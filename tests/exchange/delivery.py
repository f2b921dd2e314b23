"""A delivery of files between two folders, and the same in a process of its own that dies at its n-th step."""

import json
import os
import resource
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from tests.exchange import cast
from tests.exchange.cast import Exchange

from guantong.bundle.files import NAMES, file_items
from guantong.bundle.jobs import Limits
from guantong.bundle.types import Bundle
from guantong.exchange.files import PIECE
from guantong.kit import clock

FIELDS = {name: name for name in NAMES}


class Delivery:
    def __init__(self, home: Path, *, suite_name: str = "international", make: bool = True) -> None:
        self.source, self.target = home / "发出", home / "收到"
        if make:
            self.source.mkdir()
            self.target.mkdir()
        urls = {"police": f"file://{self.source}", "education": f"file://{self.target}"}
        self.exchange = Exchange(home / "home", urls, suite_name=suite_name)

    def bundle(self, table: str = ".", into: str = ".", **job: Any) -> Bundle:
        standing: dict[str, Any] = {"writing": "upsert", "key": ["file", "offset"]}
        return cast.bundle(
            self.exchange.key,
            job=cast.job(
                **({"fields": list(NAMES), "limits": Limits(chunk_bytes=2 * PIECE)} | standing | job)
            ),
            grant=cast.grant(fields=list(NAMES)),
            source={"dialect": "folder", "table": table, "columns": FIELDS},
            target={"dialect": "folder", "table": into, "columns": FIELDS},
            items=file_items(),
        )

    def run(self, table: str = ".", into: str = ".", **job: Any) -> Any:
        from guantong.exchange.run import run

        bundle = self.bundle(table, into, **job)
        return run(self.exchange.here, lambda: bundle, cast.JOB)

    def write(self, name: str, data: bytes) -> Path:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def arrived(self) -> dict[str, bytes]:
        return tree(self.target)

    def aside(self) -> list[dict[str, Any]]:
        found = sorted((self.target / ".guantong" / "quarantine").glob("*.json"))
        return [json.loads(path.read_text()) for path in found]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".guantong" not in path.parts
    }


def main() -> None:
    """``python -m tests.exchange.delivery``: one run; the words on standard input are the job's."""
    from tests.exchange.child import Countdown

    from guantong.evidence.spool import Spool
    from guantong.exchange.staging import FolderStore
    from guantong.exchange.targets.folder import FolderTarget
    from guantong.exchange.targets.ledgers import FileLedger
    from guantong.exchange.targets.parts import Part, Place

    told = json.load(sys.stdin)
    countdown = Countdown(told["die_at"])
    if told["die_at"]:
        for place, name in (
            *((FolderTarget, name) for name in ("begin", "apply", "close_run", "_finish", "_put_in_place")),
            *((Part, name) for name in ("create", "write", "sync", "move", "remove")),
            *((Place, name) for name in ("put", "drop")),
            (FileLedger, "enter"),
            (Spool, "append_now"),
            (FolderStore, "put"),
        ):
            countdown.around(place, name)
    if told["memory"]:
        import guantong.exchange.sources.folder  # noqa: F401 - what is loaded before the limit does not count

        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (used + told["memory"], used + told["memory"]))
    delivery = Delivery(Path(told["home"]), make=False)
    # An increment leaves what is younger than a second to the next.
    with clock.frozen(datetime.now(UTC) + timedelta(seconds=5)):
        outcome = delivery.run(**told["job"])
    delivery.exchange.close()
    # Not getrusage: its maximum includes what the parent held when it forked.
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"rows": outcome.rows, "peak_kb": peak, "left": countdown.left}))


def words(home: Path, die_at: int = 0, memory: int = 0, **job: Any) -> str:
    return json.dumps(
        {"home": str(home), "die_at": die_at, "memory": memory, "job": msgspec.to_builtins(job)}
    )


if __name__ == "__main__":
    main()

"""The police's register told as events; and the same in a process of its own that dies at its n-th step."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from tests.exchange import cast
from tests.exchange.cast import Exchange
from tests.exchange.test_pairs import Place

from guantong.bundle.jobs import Limits
from guantong.bundle.types import Bundle
from guantong.exchange.events.delivering import Deliverer
from guantong.exchange.events.store import EventStore, path_of
from guantong.exchange.run import run

FIELDS = {item: item for item in cast.FIELDS}
IN_ORDER: dict[str, Any] = {"writing": "append", "key": ["person_no"]}
DATED: dict[str, Any] = {
    "writing": "upsert",
    "key": ["person_no"],
    "reading": "watermark",
    "watermark": "updated_at",
}


class Listening:
    """A register with a listener at ``address`` (none: readers fetch their events)."""

    def __init__(self, home: Path, address: str = "", *, is_new: bool = True) -> None:
        url = f"sqlite://{home}/police.db"
        addresses = {"police": url} | ({"education": address} if address else {})
        if is_new:
            (home / "police.db").touch()
            self.source = Place("sqlite", url, "person")
        self.addresses = addresses
        self.exchange = Exchange(home / "home", addresses)
        self.here = self.exchange.here
        self.grant: dict[str, Any] = {}
        self.job: dict[str, Any] = dict(IN_ORDER)
        self.deliverer = Deliverer(self.here, self.bundle)

    def bundle(self) -> Bundle:
        return cast.bundle(
            self.exchange.key,
            job=cast.job(**({"limits": Limits(chunk_rows=20)} | self.job)),
            grant=cast.grant(**self.grant),
            source={"dialect": "sqlite", "table": "person", "columns": FIELDS},
            target={"dialect": "events", "table": "persons", "columns": FIELDS},
        )

    def run(self, **job: Any) -> Any:
        self.job |= job
        return run(self.here, self.bundle, cast.JOB)

    def store(self) -> EventStore:
        return EventStore(path_of(self.here.folder, "T-1"))

    def told(self) -> list[Mapping[str, Any]]:
        store = self.store()
        try:
            return [json.loads(one.body) for one in store.after(0, 100_000)[0]]
        finally:
            store.close()

    def close(self) -> None:
        self.deliverer.close()
        self.exchange.close()


def numbers(events: list[Mapping[str, Any]]) -> list[int]:
    """Which persons were told of, in order."""
    return [int(one["data"]["person_no"]) >> 40 for one in events if one["type"] == "guantong.row.changed"]


def main() -> None:
    """``python -m tests.exchange.listening``: a run, and what it tells delivered until nothing waits."""
    from tests.exchange.child import Countdown

    from guantong.evidence.spool import Spool
    from guantong.exchange.targets.events import EventsTarget

    told = json.load(sys.stdin)
    countdown = Countdown(told["die_at"])
    if told["die_at"]:
        for place, name in (
            *((EventsTarget, name) for name in ("begin", "apply", "close_run")),
            *((EventStore, name) for name in ("append", "close_run", "_enter", "put_mark", "after")),
            *((Deliverer, name) for name in ("_hand_over", "_note")),
            (Spool, "append_now"),
        ):
            countdown.around(place, name)
    listening = Listening(Path(told["home"]), told["address"], is_new=False)
    listening.run(**told["job"])
    while listening.deliverer.deliver_once():
        pass
    listening.close()


def words(home: Path, die_at: int, address: str = "", **job: Any) -> str:
    return json.dumps(
        {"home": str(home), "die_at": die_at, "address": address, "job": msgspec.to_builtins(job)}
    )


if __name__ == "__main__":
    main()

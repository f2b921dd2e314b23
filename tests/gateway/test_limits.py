"""Counts that processes share: exact however many raise them, gone when their time is over, never guessed."""

import asyncio
import contextlib
import multiprocessing
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway import cast
from tests.gateway.test_refusals import is_told
from tests.gateway.town import Town, listening, query, until

from guantong.gateway.limits import table as tables
from guantong.gateway.limits.counts import Counts, CountsUnavailable, Want
from guantong.gateway.limits.redis import RedisCounts
from guantong.gateway.limits.table import SharedTable
from guantong.kit import clock

pytestmark = pytest.mark.town
Opened = Callable[[], Awaitable[Counts]]
PASSWORD = "a password of the tests"


def seconds() -> int:
    return clock.millis() // 1000


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """A Redis server of our own; its address."""
    program = shutil.which("redis-server")
    assert program, "redis-server is missing: sh deploy/servers.sh fetches it"
    with listening() as place:
        port = place.getsockname()[1]
    (folder / "redis.conf").write_text(
        f'port {port}\nbind 127.0.0.1\ndir {folder}\nsave ""\nrequirepass "{PASSWORD}"\nloglevel warning\n'
    )
    process = subprocess.Popen([program, str(folder / "redis.conf")], stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(params=["table", "redis"])
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    """Opens the same counts again and again, as several processes do."""
    known: list[Counts] = []
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(server(tmp_path)) if request.param == "redis" else ""

        async def one() -> Counts:
            counts: Counts
            counts = RedisCounts(url, PASSWORD, node="511600") if url else SharedTable(tmp_path / "counts")
            known.append(counts)
            async with asyncio.timeout(20):
                while True:
                    with contextlib.suppress(CountsUnavailable):  # the server is about to listen
                        await counts.since()
                        return counts

        yield one
        for counts in known:
            await counts.close()


async def test_a_count_stays_within_its_limit_whoever_raises_it(opened: Opened) -> None:
    one, other = await opened(), await opened()
    now = seconds()
    want = Want(b"day", 3, now + 100)
    assert [await each.take([want], now=now) for each in (one, other, one, other)] == [None, None, None, 0]
    assert await one.take([Want(b"another", 1, now + 100)], now=now) is None


async def test_of_several_limits_all_are_raised_or_none(opened: Opened) -> None:
    counts = await opened()
    now = seconds()
    wide, narrow = Want(b"wide", 5, now + 100), Want(b"narrow", 1, now + 100)
    assert await counts.take([wide, narrow], now=now) is None
    for _ in range(3):
        assert await counts.take([wide, narrow], now=now) == 1
    assert [await counts.take([wide], now=now) for _ in range(5)] == [None] * 4 + [0]


async def test_what_is_only_looked_at_is_not_raised(opened: Opened) -> None:
    counts = await opened()
    now = seconds()
    volume = Want(b"rows", 10, now + 100, amount=0)
    assert [await counts.take([volume], now=now) for _ in range(20)] == [None] * 20
    await counts.add(b"rows", 9, until=now + 100, now=now)
    assert await counts.take([volume], now=now) is None, "one is left"
    await counts.add(b"rows", 7, until=now + 100, now=now)
    assert await counts.take([volume], now=now) == 0


async def test_a_place_is_given_back_or_falls_free(opened: Opened) -> None:
    one, other = await opened(), await opened()
    now = seconds()
    first = await one.enter(b"flight", 2, until=now + 100, now=now)
    assert first
    assert await other.enter(b"flight", 2, until=now + 1, now=now), "its holder is about to die"
    assert await one.enter(b"flight", 2, until=now + 100, now=now) is None
    await one.leave(first)
    assert await other.enter(b"flight", 2, until=now + 100, now=now) == first
    later = now + 1
    await until(lambda: seconds() >= later)
    third = None
    async with asyncio.timeout(10):
        while third is None:  # a server lets go when its own second is over
            third = await one.enter(b"flight", 2, until=later + 100, now=seconds())


def _raise_many(path: str, limit: int, end: int, told: Any) -> None:
    async def work() -> int:
        counts = SharedTable(Path(path))
        taken = [await counts.take([Want(b"all", limit, end)], now=end - 100) for _ in range(2_000)]
        await counts.close()
        return taken.count(None)

    told.put(asyncio.run(work()))


def test_processes_at_once_take_exactly_what_there_is(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    told, end = context.Queue(), seconds() + 100
    processes = [
        context.Process(target=_raise_many, args=(str(tmp_path / "counts"), 5_000, end, told))
        for _ in range(4)
    ]
    for process in processes:
        process.start()
    taken = [told.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert sum(taken) == 5_000, "not one more, though each of them could have had 2,000"


class Remembered(dict[bytes, tuple[int, int]]):
    """What a table should say: name → end and count."""

    def take(self, want: Want, now: int) -> int | None:
        end, count = self.get(want.name, (0, 0))
        count = count if end > now else 0
        if count + max(want.amount, 1) > want.limit:
            return 0
        if want.amount:
            self[want.name] = (want.until, count + want.amount)
        return None


STEPS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 4), st.integers(1, 9), st.integers(0, 2), st.integers(0, 3))
)


@given(steps=STEPS)
def test_a_table_counts_like_a_dictionary(steps: list[tuple[int, ...]], tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("table") / "counts"
    table, model, now = SharedTable(path, entries=64), Remembered(), 1_000

    async def walk() -> None:
        nonlocal now
        for name, limit, lasts, amount, pause in steps:
            now += pause
            want = Want(b"%d" % name, limit, now + lasts, amount)
            try:
                said = await table.take([want], now=now)
            except CountsUnavailable:
                continue  # full: refused, and nothing changed
            assert said == model.take(want, now)
        await table.close()

    asyncio.run(walk())


async def test_a_full_table_refuses_instead_of_forgetting(tmp_path: Path) -> None:
    table = SharedTable(tmp_path / "counts", entries=16)
    for number in range(16):
        assert await table.take([Want(b"%d" % number, 1, 2_000)], now=1_000) is None
    with pytest.raises(CountsUnavailable):
        await table.take([Want(b"one more", 1, 2_000)], now=1_000)
    assert await table.take([Want(b"3", 1, 2_000)], now=1_000) == 0, "what is known stays known"
    assert await table.take([Want(b"one more", 1, 3_000)], now=2_000) is None, "and what is over makes room"
    await table.close()


async def test_a_table_begins_anew_when_the_machine_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "boot").write_text("11111111-1111-1111-1111-111111111111\n")
    monkeypatch.setattr(tables, "_BOOT", tmp_path / "boot")
    for boot, expected in [("1", [None, 0]), ("1", [0, 0]), ("2", [None, 0])]:
        (tmp_path / "boot").write_text("-".join([boot * 8, boot * 4, boot * 4, boot * 4, boot * 12]))
        table = SharedTable(tmp_path / "counts")
        want = Want(b"once", 1, 2_000)
        assert [await table.take([want], now=1_000) for _ in range(2)] == expected
        await table.close()


async def limited(town: Town, **limits: int) -> None:
    grant = msgspec.structs.replace(town.city.bundle.grants[cast.G_RESIDENCE], **limits)
    town.city.publish(grants={cast.G_RESIDENCE: grant})
    await town.city.in_force()


async def test_rows_of_a_day_run_out(town: Town) -> None:
    await limited(town, rows_per_day=2)
    heard = [await town.ask("/v1/query", query()) for _ in range(3)]
    assert [one.status for one in heard] == [200, 200, 429]
    is_told(heard[2], 429, "volume_exceeded")
    assert heard[2].json["receipt"]["body"]["rule"] == "volume"


async def test_one_person_is_not_looked_up_again_and_again(town: Town) -> None:
    await limited(town, per_key_per_day=1)
    assert (await town.ask("/v1/query", query())).status == 200
    is_told(await town.ask("/v1/query", query()), 429, "key_limit_exceeded")
    other = query(keys={"id_number": "511602199102022345"})
    assert (await town.ask("/v1/query", other)).status == 200


async def test_only_so_many_calls_at_one_time(town: Town) -> None:
    await limited(town, concurrent=2, per_second=1000)
    heard = await asyncio.gather(*(town.ask("/v1/query", query()) for _ in range(20)))
    codes = {one.status for one in heard}
    assert codes == {200, 429}, "some went through together, the others were told to wait"
    refused = next(one for one in heard if one.status == 429)
    is_told(refused, 429, "concurrency_exceeded")
    assert (await town.ask("/v1/query", query())).status == 200, "and every place was given back"


async def test_lost_counts_are_counted_again_from_the_receipts(town: Town) -> None:
    await limited(town, per_day=3, rows_per_day=100)
    assert [(await town.ask("/v1/query", query())).status for _ in range(2)] == [200, 200]
    await town.city.stop()
    (town.city.home / "run/counts").unlink()
    await town.city.start()
    assert [(await town.ask("/v1/query", query())).status for _ in range(2)] == [200, 429]

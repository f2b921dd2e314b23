"""Chains that survive restarts and full disks, and receipts that tell nothing they should not."""

import asyncio
import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway import cast

from guantong.evidence import spool
from guantong.evidence.archive import Archive, read
from guantong.evidence.chains import examine, link_of
from guantong.evidence.marks import NAME as MARK
from guantong.evidence.spool import SpoolBusy, SpoolFailed, segment_path
from guantong.gateway.receipts import Ledger, Outcome, subject_digest
from guantong.gateway.usage import day_of
from guantong.kit import clock, envelope
from guantong.kit.suites import INTERNATIONAL, NATIONAL, Suite

KEYS = cast.Keys()
KEY = KEYS.nodes[cast.CITY]
BUNDLE = cast.bundle(KEYS)
DONE = Outcome("allow", "grant:x", answer="sha-256:0", rows=1)


def opened(folder: Path) -> Ledger:
    return Ledger(folder, "gateway-0", node=cast.CITY, key=KEY, suite=INTERNATIONAL, subject_key=b"s" * 32)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = opened(tmp_path)
    yield ledger
    ledger.close()


async def write(ledger: Ledger, count: int = 1, **changes: Any) -> list[dict[str, Any]]:
    asked = ledger.asked(cast.call(**changes))
    written = await asyncio.gather(*(ledger.write("provider", asked, BUNDLE, DONE) for _ in range(count)))
    return [envelope.read(raw).body for raw in written]


def on_disk(folder: Path) -> list[tuple[str, int, str | None]]:
    found = [envelope.read(spooled.record).body for spooled in spool.read(folder, "gateway-0")]
    return [(body["chain"], body["n"], body["prev"]) for body in found]


async def test_receipts_of_one_grant_are_numbered_and_linked(ledger: Ledger, tmp_path: Path) -> None:
    await write(ledger, 50)
    await write(ledger, 2, grant="nonsense")
    links = on_disk(tmp_path)
    assert [link[1] for link in links] == [*range(1, 51), 1, 2]
    assert {link[0] for link in links} == {f"{cast.G_PERSONS}/gateway-0", "-/gateway-0"}
    statements = [envelope.read(spooled.record) for spooled in spool.read(tmp_path, "gateway-0")]
    assert [link[2] for link in links[1:50]] == [envelope.digest(each.signed) for each in statements[:49]]


@pytest.mark.parametrize("suite", [INTERNATIONAL, NATIONAL])
async def test_receipts_of_one_moment_share_a_signature_and_each_stands_for_itself(
    tmp_path: Path, suite: Suite
) -> None:
    key = suite.generate("511600.guantong.example/node")
    ledger = Ledger(tmp_path, "gateway-0", node=cast.CITY, key=key, suite=suite, subject_key=b"s" * 32)
    asked = ledger.asked(cast.call())
    raws = await asyncio.gather(*(ledger.write("provider", asked, BUNDLE, DONE) for _ in range(40)))
    alone = await ledger.write("provider", asked, BUNDLE, DONE)
    ledger.close()
    statements = [envelope.read(raw) for raw in (*raws, alone)]
    for statement in statements:
        statement.check({key.public.ref: key.public})
    assert len({statement.signatures[0].value for statement in statements[:-1]}) == 1
    assert statements[-1].signatures[0].batch is None
    assert [link.n for raw in raws if (link := link_of(raw))] == [*range(1, 41)]
    assert examine(link for raw in (*raws, alone) if (link := link_of(raw))) == []
    assert max(map(len, raws)) < 2048


async def test_who_gives_up_leaves_a_receipt_all_the_same(ledger: Ledger, tmp_path: Path) -> None:
    asked = ledger.asked(cast.call())
    tasks = [asyncio.create_task(ledger.write("provider", asked, BUNDLE, DONE)) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(done[1], asyncio.CancelledError)
    assert [number for _, number, _ in on_disk(tmp_path)] == [1, 2, 3]
    assert (await write(ledger))[0]["n"] == 4


@pytest.mark.parametrize("mark", ["kept", "lost", "torn", "old"])
async def test_chains_and_the_days_count_go_on_after_a_restart(tmp_path: Path, mark: str) -> None:
    first = opened(tmp_path)
    place = tmp_path / "gateway-0" / MARK
    old = place.read_text()
    await write(first, 3)
    first.close()
    if mark == "lost":
        place.unlink()
    elif mark != "kept":
        place.write_text(old if mark == "old" else "{")
    again = opened(tmp_path)
    assert again.days[cast.G_PERSONS] == (day_of(clock.now()), 3, 3), "three calls, a row each"
    assert (await write(again))[0]["n"] == 4
    again.close()
    assert json.loads(place.read_text())["chains"][f"{cast.G_PERSONS}/gateway-0"][0] == 4


@pytest.mark.parametrize("chosen", [INTERNATIONAL, NATIONAL])
async def test_chains_go_on_where_the_archive_says_if_the_mark_is_lost(tmp_path: Path, chosen: Suite) -> None:
    key = chosen.generate(f"{cast.CITY}/node")

    def reopened() -> Ledger:
        return Ledger(tmp_path, "gateway-0", node=cast.CITY, key=key, suite=chosen, subject_key=b"s" * 32)

    first = reopened()
    await write(first, 3)
    first.close()
    end = spool.end(tmp_path, "gateway-0")
    segment_path(tmp_path / "gateway-0", end).touch(mode=0o600)  # the next segment has begun
    Archive(tmp_path / "archive").add(tmp_path, "gateway-0", 0)
    (tmp_path / "gateway-0" / MARK).unlink()
    again = reopened()
    raw = await again.write("provider", again.asked(cast.call()), BUNDLE, DONE)
    again.close()
    links = [link_of(one.record) for one in read(tmp_path, Archive(tmp_path / "archive"), "gateway-0")]
    assert envelope.read(raw).body["n"] == 4
    assert len(links) == 4
    assert examine(link for link in links if link) == []


async def test_two_processes_cannot_be_one_writer(ledger: Ledger, tmp_path: Path) -> None:
    await write(ledger)
    with pytest.raises(SpoolBusy):
        opened(tmp_path)


async def test_a_full_disk_leaves_no_gap(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(ledger, 2)

    def full(_: bytes) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(ledger._spool, "_write_frames", full)
        outcomes = await asyncio.gather(
            *(ledger.write("provider", ledger.asked(cast.call()), BUNDLE, DONE) for _ in range(3)),
            return_exceptions=True,
        )
        assert all(isinstance(outcome, SpoolFailed) for outcome in outcomes)
    await write(ledger, 2)
    assert [number for _, number, _ in on_disk(tmp_path)] == [1, 2, 3, 4]


async def test_a_receipt_names_nobody_and_stays_small(ledger: Ledger) -> None:
    keys = {"id_number": "511602199001011234"}
    raw = await ledger.write("provider", ledger.asked(cast.call(keys=keys)), BUNDLE, DONE)
    assert b"511602199001011234" not in raw
    assert len(raw) < 2048
    assert envelope.read(raw).body["subject"] == subject_digest(b"s" * 32, keys)


async def test_an_alert_is_on_record(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.alert("bundle_tampered", {"file": "sha-256:0"})
    statement = envelope.read(next(spool.read(tmp_path, "gateway-0")).record)
    assert statement.kind == "guantong/alert@v1"
    statement.check({KEY.public.ref: KEY.public})


async def test_a_receipt_tells_of_a_run_of_keys_and_of_no_key(ledger: Ledger) -> None:
    numbers = [f"51160219900101{n:03d}X" for n in range(130, 136)]
    written = [(await write(ledger, keys={"id_number": number}))[0] for number in numbers]
    assert "steps" not in written[0]
    assert written[-1]["steps"] >= 3
    assert not any(number in str(body) for number in numbers for body in written)
    assert "steps" not in (await write(ledger, keys={"id_number": "110101195005050011"}))[0]

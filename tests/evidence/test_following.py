"""The province follows Guang'an's log over HTTP: what it cosigned, what it reads and what it alarms about."""

import asyncio
import contextlib

import pytest
from tests.evidence.cast import CITY_LOG, PROVINCE_WITNESS, policy_text, receipt
from tests.evidence.test_processes import free_port, served, until

from guantong.courier.client import Courier
from guantong.evidence import notes, spool
from guantong.evidence.accusations import check_accusation, read_accusation
from guantong.evidence.alarms import WRITER, Alarms
from guantong.evidence.checkpoints import read_checkpoint
from guantong.evidence.configuration import followed_file, known_logs_file, read_followed
from guantong.evidence.following import Following
from guantong.evidence.monitor import mirror_name
from guantong.evidence.spool import Spool
from guantong.evidence.witness import Witness
from guantong.kit import envelope
from guantong.kit.suites import suite

PROVINCE_NODE = suite("international").generate("510000.guantong.example/node")


@contextlib.asynccontextmanager
async def following(home, url):
    home.mkdir(exist_ok=True)
    (home / "known-logs").write_text(CITY_LOG.public.to_text() + "\n")
    (home / "followed").write_text(f"{url} {CITY_LOG.public.to_text()}\n")
    witness = Witness(home / "witness.sqlite", PROVINCE_WITNESS, known_logs_file(home / "known-logs").current)
    with Spool(home / "spool", WRITER) as spooled:
        alarms = Alarms(spooled, "510000", PROVINCE_NODE)
        async with (
            Courier([]) as courier,
            Following(
                home / "mirrors", followed_file(home / "followed"), courier, witness, alarms
            ) as follows,
        ):
            yield follows, witness
    witness.close()


async def when(is_so, within_s=8.0):
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - it changes on disk
            await asyncio.sleep(0.02)


def alerts(home):
    sealed = [envelope.read(one.record) for one in spool.read(home / "spool", WRITER)]
    for one in sealed:
        one.check({PROVINCE_NODE.public.ref: PROVINCE_NODE.public})
    return [(one.body["alert"], one.body["details"]) for one in sealed]


async def test_a_forked_log_raises_an_alert_with_a_proof_once(tmp_path):
    port = free_port()
    home, name = tmp_path / "province", mirror_name(CITY_LOG.name)
    for place, salt in (("true", ""), ("forged", "x")):
        with Spool(tmp_path / place / "spool", "gateway-0") as writing:
            for number in range(20 if salt else 12):
                writing.append_now(receipt(number, salt=salt))
    async with following(home, f"http://127.0.0.1:{port}") as (follows, _):
        await when(lambda: CITY_LOG.name in follows.troubles)  # not up yet
        async with served(tmp_path / "true/log", tmp_path / "true/spool", CITY_LOG, port):
            await when(lambda: follows.mirror(name).size == 12)
            await when(lambda: CITY_LOG.name not in follows.troubles)
            assert follows.mirror("0" * 32) is None
        async with served(tmp_path / "forged/log", tmp_path / "forged/spool", CITY_LOG, port):
            await when(lambda: alerts(home))
    (code, details), *more = alerts(home)
    assert (code, details["log"], details["verified"], more) == ("log_forked", CITY_LOG.name, 12, [])
    accusation = read_accusation((home / "accusations" / details["accusation"]).read_bytes())
    check_accusation(accusation, [CITY_LOG.public])
    # Started again, it does not tell the same thing again.
    async with (
        following(home, f"http://127.0.0.1:{port}") as (follows, _),
        served(tmp_path / "forged/log", tmp_path / "forged/spool", CITY_LOG, port),
    ):
        await when(lambda: follows.mirror(name) and follows._looking[CITY_LOG.name].done())
    assert len(alerts(home)) == 1


async def test_what_the_witness_saw_is_compared_with_what_everybody_reads(tmp_path):
    """A log that shows its witness one history and the public another one."""
    port = free_port()
    home, public = tmp_path / "province", tmp_path / "public"
    forged = tmp_path / "forged"
    for place, salt in ((public, ""), (forged, "x")):
        with Spool(place / "spool", "gateway-0") as writing:
            for number in range(9):
                writing.append_now(receipt(number, salt=salt))
    forged_port = free_port()
    async with following(home, f"http://127.0.0.1:{port}") as (_, witness):
        (forged / "log").mkdir()
        witness_port = free_port()
        (forged / "log/policy").write_text(policy_text(f"http://127.0.0.1:{witness_port}"))
        async with (
            served(home / "log", home / "spool2", PROVINCE_NODE, witness_port, witness=witness),
            served(forged / "log", forged / "spool", CITY_LOG, forged_port),
        ):
            await when(lambda: witness.seen(CITY_LOG.name)[0] == 9)
        async with served(public / "log", public / "spool", CITY_LOG, port):
            await when(lambda: alerts(home))
    assert [(code, details["seen"]) for code, details in alerts(home)] == [("log_forked", "witness")]


async def test_a_witness_s_suspicion_reaches_people_once(tmp_path):
    home = tmp_path / "province"
    async with following(home, "http://127.0.0.1:9") as (_, witness):
        for salt in ("", "x"):
            place = tmp_path / f"city{salt}"
            with Spool(place / "spool", "gateway-0") as writing:
                writing.append_now(receipt(1, salt=salt))
            async with (
                served(place / "log", place / "spool", CITY_LOG, free_port()) as url,
                Courier([url]) as courier,
            ):
                note = (await until(f"{url}/checkpoint", courier, 200)).body
                while read_checkpoint(notes.read(note).text).size == 0:
                    note = (await courier.send("GET", f"{url}/checkpoint")).body
            old = 1 if salt else 0
            witness.add_checkpoint(f"old {old}\n\n".encode() + note)
        await when(lambda: alerts(home))
        await when(lambda: witness.untold() == [])
    async with following(home, "http://127.0.0.1:9") as (_, witness):
        assert witness.untold() == []
    ((code, details),) = alerts(home)
    assert (code, details["log"], details["cosigned"]) == ("log_suspicious", CITY_LOG.name, 1)


async def test_a_mirror_is_served(tmp_path):
    port, mirrored = free_port(), free_port()
    with Spool(tmp_path / "city/spool", "gateway-0") as writing:
        for number in range(300):
            writing.append_now(receipt(number))
    async with (
        served(tmp_path / "city/log", tmp_path / "city/spool", CITY_LOG, port) as city,
        following(tmp_path / "province", city) as (follows, _),
        served(tmp_path / "p/log", tmp_path / "p/spool", PROVINCE_NODE, mirrored, following=follows) as url,
        Courier([city, url]) as courier,
    ):
        place = f"{url}/mirror/{mirror_name(CITY_LOG.name)}"
        assert (await courier.send("GET", f"{place}/checkpoint")).status in {200, 404}
        await when(lambda: follows.mirror(mirror_name(CITY_LOG.name)).size == 300)
        for path in ("checkpoint", "tile/0/000", "tile/entries/001.p/44", "tile/1/000.p/1"):
            own = await courier.send("GET", f"{city}/{path}")
            kept = await courier.send("GET", f"{place}/{path}")
            assert (kept.status, kept.body) == (own.status, own.body)
        for path in ("tile/entries/001.p/45", "x", "tile/x", ""):
            assert (await courier.send("GET", f"{place}/{path}")).status == 404
        assert (await courier.send("GET", f"{url}/mirror/{'0' * 32}/checkpoint")).status == 404


def test_the_list_of_followed_logs():
    key = CITY_LOG.public.to_text()
    (one,) = read_followed(f"# logs\n\nhttp://x:1/ {key}\nhttp://alone\n")
    assert (one.origin, one.url, set(one.keys)) == (CITY_LOG.name, "http://x:1", {CITY_LOG.public.ref})
    with pytest.raises(Exception, match="bad_key"):
        read_followed("http://x rubbish")

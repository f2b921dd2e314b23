"""An old backup comes back: the log notices, signs no second history, and is made whole by those who followed it."""

import asyncio
import contextlib
import shutil
from hashlib import sha256

import msgspec
import pytest
from tests.evidence.cast import CITY_LOG, policy_text, receipt
from tests.evidence.test_following import PROVINCE_NODE, alerts, following, when
from tests.evidence.test_processes import free_port, served

from guantong.courier.client import Courier
from guantong.evidence import merkle, spool
from guantong.evidence.generations import generation
from guantong.evidence.log import LOST, RESTORED, Log
from guantong.evidence.monitor import mirror_name
from guantong.evidence.notes import sign
from guantong.evidence.spool import Spool
from guantong.evidence.tiles import TreeDamaged

NAME = mirror_name(CITY_LOG.name)


def grow(city, *numbers):
    with Spool(city / "spool", "gateway-0") as writing:
        for number in numbers:
            writing.append_now(receipt(number))


@contextlib.asynccontextmanager
async def province(home, city_url, port):
    async with (
        following(home, city_url) as (follows, witness),
        served(home / "log", home / "own", PROVINCE_NODE, port, witness=witness, following=follows),
    ):
        yield follows, witness


@pytest.fixture
async def restored(tmp_path):
    """Guang'an's log of 40 leaves, all cosigned and mirrored, set back to the 25 of its backup."""
    city, home, ports = tmp_path / "city", tmp_path / "province", (free_port(), free_port())
    (city / "log").mkdir(parents=True)
    (city / "log/policy").write_text(policy_text(f"http://127.0.0.1:{ports[1]}"))
    async with province(home, f"http://127.0.0.1:{ports[0]}", ports[1]) as (follows, witness):
        grow(city, *range(20))
        async with served(city / "log", city / "spool", CITY_LOG, ports[0]):
            await when(lambda: witness.seen(CITY_LOG.name)[0] == 20)
        shutil.copytree(city / "log", tmp_path / "backup/log")
        # The spool is copied last: it may have records that the index of the backup does not know as leaves yet.
        grow(city, *range(20, 25))
        shutil.copytree(city / "spool", tmp_path / "backup/spool")
        grow(city, *range(25, 40))
        async with served(city / "log", city / "spool", CITY_LOG, ports[0]):
            await when(lambda: witness.seen(CITY_LOG.name)[0] == 40 and follows.mirror(NAME).size == 40)
        root = follows.mirror(NAME).root(40)
    shutil.rmtree(city)
    shutil.copytree(tmp_path / "backup", city)
    return city, home, ports, root


@pytest.mark.parametrize("is_marked", [True, False])
async def test_it_is_made_whole_and_goes_on(restored, is_marked):
    city, home, ports, root = restored
    if is_marked:
        (city / "log" / RESTORED).touch()
    grow(city, 100, 101)
    async with (
        province(home, f"http://127.0.0.1:{ports[0]}", ports[1]) as (follows, witness),
        served(city / "log", city / "spool", CITY_LOG, ports[0]),
    ):
        await when(lambda: witness.seen(CITY_LOG.name)[0] == 42 and follows.mirror(NAME).size == 42)
        assert follows.mirror(NAME).root(40) == root
    assert alerts(home) == []
    assert not (city / "log" / RESTORED).exists()
    assert generation(city / "spool") == 1
    log = Log(city / "log", city / "spool", CITY_LOG)
    places = [log._index.place(number)[0] for number in range(42)]
    assert places == ["gateway-0"] * 25 + [LOST] * 15 + ["gateway-0"] * 2
    for number in (3, 22, 33, 100):  # known, found in the spool, lost but for its digest, new
        proof = log.proof(sha256(receipt(number)).digest())
        assert proof.index == {100: 40}.get(number, number)
    assert log._index.cursor("gateway-0") == spool.end(city / "spool", "gateway-0")
    assert (log.behind, log.troubles) == (None, {})
    log.close()


async def test_a_restored_log_waits_for_its_witness(restored):
    city, home, ports, _ = restored
    (city / "log" / RESTORED).touch()
    grow(city, 100)
    async with served(city / "log", city / "spool", CITY_LOG, ports[0]) as url, Courier([url]) as courier:
        assert "log_restored" in (await health(courier, url, "log_restored"))["troubles"]["log"]
        assert (await health(courier, url, "log_restored"))["size"] == 20
        async with province(home, url, ports[1]) as (_, witness):
            await when(lambda: witness.seen(CITY_LOG.name)[0] == 41)


async def test_it_signs_nothing_while_no_mirror_has_all(restored):
    city, home, ports, root = restored
    kept = home / "mirrors" / NAME
    shutil.move(kept, home / "kept")
    (city / "log" / RESTORED).touch()
    grow(city, 100)
    async with served(city / "log", city / "spool", CITY_LOG, ports[0]) as url, Courier([url]) as courier:
        async with province(home, url, ports[1]) as (_, witness):
            assert (await health(courier, url, "log_behind"))["behind"] == 40
            assert (await health(courier, url, "log_behind"))["size"] == 20
            assert witness.seen(CITY_LOG.name)[0] == 40
        shutil.rmtree(kept)
        shutil.move(home / "kept", kept)
        async with province(home, url, ports[1]) as (follows, witness):
            await when(lambda: witness.seen(CITY_LOG.name)[0] == 41 and follows.mirror(NAME).size == 41)
            assert follows.mirror(NAME).root(40) == root
    assert [code for code, _ in alerts(home)] in ([], ["log_shrunk"])


async def health(courier, url, wanted):
    """What the log says of itself once it says ``wanted``."""
    async with asyncio.timeout(8):
        while True:
            said = msgspec.json.decode((await courier.send("GET", f"{url}/health")).body)
            if wanted in str(said["troubles"]["log"]):
                return said
            await asyncio.sleep(0.02)


def test_nothing_is_believed_that_does_not_lead_to_a_root_it_signed(city):
    city.append(*(receipt(number) for number in range(5)))
    city.settle()
    digests = [bytes([number]) * 32 for number in range(3)]
    before = city.log.latest
    city.log.fall_behind(8)
    city.append(receipt(9))
    assert city.log.integrate() == 0
    assert city.log.sign() == before
    wrong = type(before.checkpoint)(CITY_LOG.name, 8, merkle.EMPTY_ROOT)
    with pytest.raises(TreeDamaged):
        city.log.make_whole(digests, sign(wrong.text(), CITY_LOG), wrong)
    city.log.close()
    city.log = city.opened()
    assert (city.log.behind, city.log.latest, city.log.size) == (8, before, 5)


def test_leaves_that_were_never_signed_give_way(city, tmp_path):
    """The backup's index had leaves that the log signed later in another order than the restored log took them."""
    records = [receipt(number) for number in range(6)]
    city.append(*records[:2])
    city.settle()
    city.append(*records[2:])
    city.log.integrate()
    assert (city.log.size, city.log.latest.checkpoint.size) == (6, 2)
    true = [*records[:2], b"lost", *records[2:]]
    home = tmp_path / "true"
    with Spool(home / "spool", "gateway-0") as writing:
        for record in true:
            writing.append_now(record)
    signed = Log(home / "log", home / "spool", CITY_LOG)
    signed.integrate()
    now = signed.sign()
    signed.close()
    city.log.fall_behind(7)
    city.log.make_whole([sha256(record).digest() for record in true[2:]], now.note, now.checkpoint)
    assert (city.log.latest, city.log.size, city.log.behind) == (now, 7, None)
    city.log.close()
    city.log = city.opened()
    city.append(b"new")
    city.settle()
    assert city.log.size == 8
    assert [city.log._index.place(number)[0] for number in range(8)] == ["gateway-1"] * 2 + [LOST] + [
        "gateway-1"
    ] * 5

"""A monitor recomputes every root; two histories become a proof that anyone can check with the public key alone."""

import json
from dataclasses import dataclass

import pytest
from tests.evidence.cast import CITY_LOG, INTERNATIONAL, PROVINCE_WITNESS, policy_text

from guantong.evidence import verifier, verifying
from guantong.evidence.accusations import AccusationWrong, check_accusation, read_accusation
from guantong.evidence.keysets import KeySet
from guantong.evidence.log import Log
from guantong.evidence.monitor import LogUnreadable, Mirror, Monitor, keep_accusation
from guantong.evidence.policy import read_policy
from guantong.evidence.spool import Spool
from guantong.evidence.tiles import read_tile_path

KEYS = {CITY_LOG.public.ref: CITY_LOG.public}
OTHER = INTERNATIONAL.generate(CITY_LOG.name)


@dataclass
class Reply:
    status: int
    body: bytes


class Shown:
    """A log as it answers, grown to any size; ``salt`` makes another history from leaf ``since`` on."""

    def __init__(self, home, key=CITY_LOG, salt="", since=0):
        self.spool = Spool(home / "spool", "gateway-0")
        self.log = Log(home / "log", home / "spool", key)
        self.salt, self.since, self.count = salt, since, 0
        self.harmed = {}
        self.asked = []

    def grow(self, size):
        for number in range(self.count, size):
            salt = self.salt if number >= self.since else ""
            self.spool.append_now(b"record %d %s" % (number, salt.encode()))
        self.count = size
        while self.log.integrate():
            pass
        self.log.sign()
        return self

    async def get(self, path):
        self.asked.append(path)
        if path in self.harmed:
            return self.harmed[path]
        if path == "/checkpoint":
            return Reply(200, self.log.latest.note.to_bytes())
        found = self.log.tile(read_tile_path(path.removeprefix("/tile/")))
        return Reply(404, b"") if found is None else Reply(200, found)

    def close(self):
        self.spool.close()
        self.log.close()


@pytest.fixture
def world(tmp_path):
    opened = []

    def log(name, **more):
        opened.append(Shown(tmp_path / name, **more))
        return opened[-1]

    yield log
    for each in opened:
        each.close()


@pytest.fixture
def mirror(tmp_path):
    mirror = Mirror(tmp_path / "mirror")
    yield mirror
    mirror.close()


def watching(mirror, shown):
    return Monitor(mirror, CITY_LOG.name, lambda: KEYS, shown.get)


async def test_it_follows_a_growing_log_and_reads_each_tile_once(world, mirror):
    shown = world("log")
    monitor, before = watching(mirror, shown), 0
    for size in (1, 5, 255, 256, 257, 511, 512, 1300, 5000):
        look = await monitor.look() if size == before else None
        assert look is None
        look_at = await _after(monitor, shown, size)
        assert (look_at.size, look_at.new, look_at.alarm) == (size, size - before, None)
        assert mirror.root(size) == shown.log.latest.checkpoint.root
        before = size
    assert (await monitor.look()).new == 0
    full = [path for path in shown.asked if path.startswith("/tile/entries") and ".p/" not in path]
    assert len(full) == len(set(full))


async def _after(monitor, shown, size):
    shown.grow(size)
    return await monitor.look()


async def test_what_it_verified_outlives_it_and_is_read_again_if_lost(world, tmp_path):
    shown = world("log").grow(700)
    first = Mirror(tmp_path / "mirror")
    await watching(first, shown).look()
    first.close()
    again = Mirror(tmp_path / "mirror")
    assert (again.size, again.tiled) == (700, 700)
    again.close()
    for path in (tmp_path / "mirror").glob("level-*"):
        path.write_bytes(b"")
    lost = Mirror(tmp_path / "mirror")
    assert (lost.size, lost.tiled) == (700, 0)
    assert (await watching(lost, shown).look()).alarm is None
    assert lost.tiled == 700
    lost.close()


@pytest.mark.parametrize(
    ("old", "new"), [(3, 3), (3, 8), (8, 3), (256, 700), (700, 256), (300, 301), (999, 1000), (600, 600)]
)
@pytest.mark.parametrize("since", [0, 2])
async def test_two_histories_become_a_proof(world, mirror, tmp_path, capsys, old, new, since):
    true, forged = world("true").grow(old), world("forged", salt="x", since=since).grow(new)
    await watching(mirror, true).look()
    look = await watching(mirror, forged).look()
    assert look.alarm == "log_forked"
    larger, smaller = check_accusation(look.accusation, KEYS.values())
    assert sorted([larger.size, smaller.size]) == sorted([old, new])
    # The mirror keeps to the history it saw first, and anybody can check the file offline.
    assert (mirror.size, mirror.root(old)) == (old, true.log.latest.checkpoint.root)
    path, is_new = keep_accusation(tmp_path / "kept", look.accusation)
    assert (is_new, keep_accusation(tmp_path / "kept", look.accusation)) == (True, (path, False))
    (tmp_path / "keys").write_text(policy_text())
    assert verifying.main([str(path), "--keys", str(tmp_path / "keys"), "--lang", "en"]) == 0
    assert "signed two histories" in capsys.readouterr().out
    # The true log goes on being followed.
    true.grow(old + 10)
    assert (await watching(mirror, true).look()).new == 10


async def test_an_accusation_that_proves_nothing_is_refused(world, mirror):
    true, forged = world("true").grow(40), world("forged", salt="x").grow(64)
    await watching(mirror, true).look()
    data = (await watching(mirror, forged).look()).accusation.to_bytes()
    keys = KeySet({}, (read_policy(policy_text()),))
    assert verifier.verify(data, keys).ok
    said = json.loads(data)
    for name, other in [
        ("larger", said["smaller"]),
        ("smaller", said["larger"]),
        ("prefix", said["path"][0]),
        ("path", said["path"][1:]),
        ("path", []),
        ("larger", "x"),
        ("larger", said["larger"].replace("\n64\n", "\n65\n")),
        ("more", 1),
    ]:
        changed = json.dumps({**said, name: other}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert not verifier.verify(changed.encode(), keys).ok, name
    # Two checkpoints of one history prove nothing, nor do those that another key signed.
    grown = await _after(watching(mirror, true), true, 64)
    assert grown.alarm is None
    honest = {**said, "larger": true.log.latest.note.to_bytes().decode()}
    assert not verifier.verify(
        json.dumps(honest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(), keys
    ).ok
    other = {OTHER.public.ref: OTHER.public}
    with pytest.raises(AccusationWrong):
        check_accusation(read_accusation(data), other.values())
    with pytest.raises(AccusationWrong):
        check_accusation(read_accusation(data), [PROVINCE_WITNESS.public])


async def test_tiles_that_are_not_those_of_the_signed_root(world, mirror):
    shown = world("log").grow(300)
    monitor = watching(mirror, shown)
    await monitor.look()
    shown.grow(500)
    good = (await shown.get("/tile/entries/001.p/244")).body
    shown.harmed["/tile/entries/001.p/244"] = Reply(200, good[:-1] + bytes([good[-1] ^ 1]))
    assert (await monitor.look()).alarm == "log_tiles_wrong"
    assert (await monitor.look()).alarm is None  # told once
    assert mirror.size == 300
    shown.harmed.clear()
    shown.grow(501)
    assert (await monitor.look()).new == 201


async def test_an_old_copy_of_the_log_is_noticed_and_is_no_accusation(world, mirror):
    await watching(mirror, world("true").grow(300)).look()
    old = world("old").grow(200)
    look = await watching(mirror, old).look()
    assert (look.alarm, look.accusation, look.size) == ("log_shrunk", None, 300)


@pytest.mark.parametrize("reply", [Reply(500, b""), Reply(200, b"rubbish"), Reply(200, b"")])
@pytest.mark.parametrize("path", ["/checkpoint", "/tile/entries/000.p/9"])
async def test_a_log_that_answers_rubbish(world, mirror, path, reply):
    shown = world("log").grow(9)
    shown.harmed[path] = reply
    with pytest.raises(LogUnreadable):
        await watching(mirror, shown).look()
    assert mirror.size == 0


async def test_a_checkpoint_by_another_key_is_not_looked_at(world, mirror):
    with pytest.raises(LogUnreadable):
        await watching(mirror, world("other", key=OTHER).grow(5)).look()


async def test_a_checkpoint_that_somebody_else_was_shown(world, mirror):
    true, forged = world("true").grow(100), world("forged", salt="x", since=50).grow(80)
    monitor = watching(mirror, true)
    await monitor.look()
    assert monitor.judge(true.log.latest.note.to_bytes()).alarm is None
    assert monitor.judge(forged.log.latest.note.to_bytes()).alarm == "log_forked"
    forged.grow(101)
    assert monitor.judge(forged.log.latest.note.to_bytes()).alarm is None  # larger: not judged yet

"""A node's own key changes: statements lead from key to key, every state of the files is one of before or after."""

import shutil
import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from guantong.evidence import successions
from guantong.evidence.agreements import PLEDGE_KIND
from guantong.evidence.keysets import KeyLineWrong, KeySet
from guantong.evidence.successions import Succession, SuccessionWrong, follow, introduce, own_keys
from guantong.evidence.verifier import verify
from guantong.kit import clock, durable, envelope
from guantong.kit.key_files import HeldKey, load_key, write_secret
from guantong.kit.keyrings import NodeKeys
from guantong.kit.suites import INTERNATIONAL, NATIONAL

NAME = "511600.guantong.example/node"
NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
END = NOON + timedelta(days=7)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["international", "national"])
def keys(request, tmp_path):
    folder = tmp_path / "keys"
    folder.mkdir()
    suite = {"international": INTERNATIONAL, "national": NATIONAL}[request.param]
    write_secret(folder / "node.key", lambda: suite.generate(NAME).to_text())
    return folder


def test_two_steps_and_who_may_sign_when(keys):
    first = load_key(keys / "node.key")
    assert own_keys(keys) == NodeKeys(first.public)
    second = successions.announce(keys)
    assert successions.announce(keys).public == second.public  # again changes nothing
    assert (second.name, second.algorithm) == (first.name, first.algorithm)
    assert own_keys(keys) == NodeKeys(first.public, second.public)
    successions.promote(keys, until=END, at=NOON)
    assert load_key(keys / "node.key").public == second.public
    assert (successions.next_key(keys), successions.old_key(keys).public) == (None, first.public)
    ring = own_keys(keys)
    assert set(ring.at(END)) == {first.public.ref, second.public.ref}
    assert set(ring.at(END + HOUR)) == {second.public.ref}
    third = successions.announce(keys)
    successions.promote(keys, until=END + HOUR, at=NOON + HOUR)
    assert [each.key for each in own_keys(keys).former] == [first.public, second.public]
    told = successions.own_successions(keys, at=NOON)
    assert follow(told, third.public) == own_keys(keys)
    open_to_others = [path for path in keys.glob("*.key") if path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_the_former_private_key_is_deleted_once_its_overlap_has_ended(keys):
    first = load_key(keys / "node.key")
    assert successions.forget_old_key(keys, at=END) is None, "there is none"
    successions.announce(keys)
    successions.promote(keys, until=END, at=NOON)
    for still in (NOON, END):
        assert successions.forget_old_key(keys, at=still) is None
        assert successions.old_key(keys).public == first.public
    before = {path.name: path.read_bytes() for path in keys.iterdir()}
    assert successions.forget_old_key(keys, at=END + HOUR) == first.public
    del before["node.old.key"]
    assert {path.name: path.read_bytes() for path in keys.iterdir()} == before, "and nothing else"
    assert successions.old_key(keys) is None
    assert [each.key for each in own_keys(keys).former] == [first.public], "what it signed still holds"
    assert successions.forget_old_key(keys, at=END + HOUR) is None


def test_a_key_that_is_being_put_away_stays(keys):
    first = load_key(keys / "node.key")
    successions.announce(keys)
    successions.promote(keys, until=NOON + HOUR, at=NOON)
    second = load_key(keys / "node.key")
    successions.announce(keys)
    successions.promote(keys, until=END, at=NOON + HOUR)
    # The first one has ended; what rests here now is the second.
    assert successions.forget_old_key(keys, at=NOON + 2 * HOUR) is None
    assert successions.old_key(keys).public == second.public
    # A crash left the present key as the old one, before the next one took its place.
    third = load_key(keys / "node.key")
    (keys / "node.old.key").unlink()
    write_secret(keys / "node.old.key", third.to_text)
    assert successions.forget_old_key(keys, at=END + HOUR) is None
    assert successions.old_key(keys).public == third.public
    # A key that nobody knows is nobody's to delete; one that has ended is.
    stranger = INTERNATIONAL.generate(NAME)
    (keys / "node.old.key").unlink()
    write_secret(keys / "node.old.key", stranger.to_text)
    assert successions.forget_old_key(keys, at=END + HOUR) is None
    (keys / "node.old.key").unlink()
    write_secret(keys / "node.old.key", first.to_text)
    assert successions.forget_old_key(keys, at=END + HOUR) == first.public


def test_whoever_changes_the_keys_is_waited_for(keys):
    successions.announce(keys)
    successions.promote(keys, until=NOON + HOUR, at=NOON)
    done = []
    with successions._alone(keys):
        forgetting = threading.Thread(
            target=lambda: done.append(successions.forget_old_key(keys, at=END)), daemon=True
        )
        forgetting.start()
        (keys / "node.old.key").unlink()
        following = INTERNATIONAL.generate(NAME)
        write_secret(keys / "node.old.key", following.to_text)
    forgetting.join(timeout=20)
    assert done == [None]
    assert successions.old_key(keys).public == following.public


def test_a_crash_at_any_step_leaves_before_or_after(keys, monkeypatch, tmp_path):
    first, second = load_key(keys / "node.key"), successions.announce(keys)
    steps, at_step = [], [0]

    class Crash(Exception):
        pass

    def crashing(name, real):
        def step(*args, **kwargs):
            if len(steps) == at_step[0]:
                raise Crash
            steps.append(name)
            return real(*args, **kwargs)

        return step

    monkeypatch.setattr(durable, "replace", crashing("list", durable.replace))
    monkeypatch.setattr(successions, "write_secret", crashing("old", write_secret))
    monkeypatch.setattr(durable, "sync_folder", crashing("sync", durable.sync_folder))
    seen = []
    for limit in range(8):
        steps.clear()
        at_step[0] = limit
        folder = tmp_path / f"crash-{limit}"
        shutil.copytree(keys, folder)
        ended = True
        try:
            successions.promote(folder, until=END, at=NOON)
        except Crash:
            ended = False
        ring = own_keys(folder)
        if ring.present == first.public:
            assert ring == NodeKeys(first.public, second.public)
        seen.append(ring.present)
        if ring.present == first.public:  # once more leads on
            at_step[0] = -1
            successions.promote(folder, until=END, at=NOON)
            ring = own_keys(folder)
        assert (ring.present, ring.coming, [each.key for each in ring.former]) == (
            second.public, None, [first.public]
        )  # fmt: skip
        assert successions.old_key(folder).public == first.public
        if ended:
            break
    assert seen[0] == first.public
    assert seen[-1] == second.public
    assert len(seen) > 3


def test_only_whole_chains_are_followed():
    one, two, three = (INTERNATIONAL.generate(NAME) for _ in range(3))
    end = clock.rfc3339(END)
    first = Succession(introduce(one, two, NOON).statement, end)
    second = Succession(introduce(two, three, NOON).statement, end)
    coming = introduce(two, three, NOON)
    assert [each.key for each in follow([first, second], three.public).former] == [one.public, two.public]
    assert follow([first, coming], two.public).coming == three.public
    other = INTERNATIONAL.generate("511700.guantong.example/node")
    body = envelope.read(first.statement.encode()).body
    wrong = [
        ([second, first], three.public),
        ([first], three.public),
        ([first, coming], three.public),
        ([coming, second], three.public),
        ([Succession(introduce(one, other, NOON).statement, end)], other.public),
        ([Succession(envelope.seal(successions.KIND, body, one).decode(), end)], two.public),
        ([Succession(envelope.seal(successions.KIND, body, two).decode(), end)], two.public),
        ([Succession(envelope.seal("guantong/receipt@v1", body, one, two).decode(), end)], two.public),
        ([Succession(first.statement, "soon")], two.public),
        ([Succession(first.statement, clock.rfc3339(NOON - HOUR))], two.public),
        ([Succession("{}", end)], two.public),
        ([first, Succession(introduce(two, one, NOON).statement, end)], one.public),
    ]
    for told, present in wrong:
        with pytest.raises(SuccessionWrong):
            follow(told, present)


def test_a_process_takes_the_key_over(keys):
    held = HeldKey(keys / "node.key")
    ring = successions.OwnRing(keys)
    before = held.public
    raw = envelope.seal("guantong/receipt@v1", {"n": 1}, held)
    successions.announce(keys)
    successions.promote(keys, until=clock.now() + HOUR, at=clock.now())
    assert held.public == before
    held.renew()
    ring.renew()
    assert held.public != before
    after = envelope.seal("guantong/receipt@v1", {"n": 2}, held)
    for each, key in ((raw, before), (after, held.public)):
        assert envelope.read(each).check(ring) == {key.ref}


def test_the_verifier_believes_a_former_key_until_its_end(tmp_path):
    former, present = INTERNATIONAL.generate(NAME), INTERNATIONAL.generate(NAME)
    (tmp_path / "nodes").write_text(
        f"{present.public.to_text()}\n{former.public.to_text()} until {clock.rfc3339(END)}\n"
    )
    keys = KeySet.load(tmp_path)

    def receipt(key, at):
        return envelope.seal("guantong/receipt@v1", {"node": "511600", "at": clock.rfc3339(at)}, key)

    assert verify(receipt(former, NOON), keys).ok
    assert verify(receipt(former, END), keys).ok
    assert verify(receipt(present, END + HOUR), keys).ok
    late = verify(receipt(former, END + HOUR), keys)
    assert [fault.code for fault in late.faults] == ["key_former"]
    silent = verify(envelope.seal("guantong/receipt@v1", {"node": "511600"}, former), keys)
    assert [fault.code for fault in silent.faults] == ["key_former"]
    (tmp_path / "nodes").write_text(f"{former.public.to_text()} until soon\n")
    with pytest.raises(KeyLineWrong):
        KeySet.load(tmp_path)


def test_pledges_are_held_to_the_moment_that_they_claim(tmp_path):
    former, present = INTERNATIONAL.generate(NAME), INTERNATIONAL.generate(NAME)
    own = INTERNATIONAL.generate("511600.guantong.example/organisation/1")
    lines = [present.public.to_text(), f"{former.public.to_text()} until {clock.rfc3339(END)}", ""]
    (tmp_path / "nodes").write_text("\n".join(lines))
    keys = KeySet.load(tmp_path)

    def pledge(at):
        body = {"node": "511600", "key": own.public.to_text(), "at": clock.rfc3339(at)}
        return verify(envelope.seal(PLEDGE_KIND, body, own, former), keys)

    assert pledge(NOON).ok
    assert [fault.code for fault in pledge(END + HOUR).faults] == ["key_former"]


def test_what_is_told_is_read_as_it_was_written(keys):
    successions.announce(keys)
    successions.promote(keys, until=END, at=NOON)
    told = successions.telling(keys)
    again = msgspec.json.decode(msgspec.json.encode(told), type=successions.TellingKeys)
    assert again == told
    assert follow(again.successions, own_keys(keys).present) == own_keys(keys)

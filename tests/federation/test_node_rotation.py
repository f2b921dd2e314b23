"""A node's own key changes while real nodes run: neighbours follow, old statements hold, the former key is worth nothing."""

import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from bench.cascade import FILL

from guantong.federation.actions.messages import KIND as MESSAGE
from guantong.federation.cards import KIND as CARD
from guantong.kit import clock, envelope
from guantong.kit.key_files import read_key
from guantong.kit.suites import SigningKey
from tests.federation.nodes import RealNode, Row, until

PROMOTE = """
from datetime import timedelta
from guantong.evidence import successions
from guantong.site.node import node_settings
at = clock.now()
successions.promote(node_settings().key_folder, until=at + timedelta(hours=1), at=at)
"""


def key_of(node: RealNode) -> SigningKey:
    return read_key(node.home / "keys" / "node.key")


def key_known(at: RealNode, of: RealNode) -> str:
    return str(at.ask(f"SELECT node_key FROM federation_node WHERE code = '{of.code}'")[0][0])


def keyset(node: RealNode) -> str:
    return (node.home / "keyset" / "nodes").read_text("utf-8")


def receipt(folder: Path, name: str, key: SigningKey) -> Path:
    body = {"node": "511600", "at": clock.rfc3339(clock.now()), "n": 1}
    path = folder / name
    path.write_bytes(envelope.seal("guantong/receipt@v1", body, key))
    return path


def verified(path: Path, keys: Path) -> list[str]:
    """The codes of what ``guantong verify`` finds wrong."""
    command = [sys.executable, "-m", "guantong", "verify", str(path), "--keys", str(keys), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert said["ok"] == (done.returncode == 0), done.stderr
    return [fault["code"] for fault in said["faults"]]


def posted(node: RealNode, path: str, body: bytes) -> tuple[int, str]:
    request = urllib.request.Request(f"{node.url}/federation/{path}", data=body, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def message(key: SigningKey) -> bytes:
    body = {
        "id": str(uuid.uuid4()), "from": "511600", "to": "510000", "topic": "feed.wanted",
        "is_for_route": False, "payload": {}, "sent_at": clock.rfc3339(clock.now()),
    }  # fmt: skip
    return envelope.seal(MESSAGE, body, key)


def test_a_childs_key_changes_and_the_former_one_is_worth_nothing(tmp_path: Path) -> None:
    row = Row(tmp_path, "510000", "511600")
    province, city = row.nodes
    with row:
        former = key_of(city)
        old = receipt(tmp_path, "old.json", former)
        city.command("rotate", "node")
        coming = read_key(city.home / "keys" / "node.next.key").public.to_text()
        until(lambda: coming in keyset(province), about="the announcement")
        assert posted(province, "messages", message(former))[0] == 200
        stolen = tmp_path / "stolen.key"
        shutil.copy(city.home / "keys" / "node.key", stolen)
        early = subprocess.run(
            [sys.executable, "-m", "guantong", "rotate", "node"],
            env=city.environment, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert (early.returncode, "not known everywhere yet" in early.stderr) == (1, True)
        assert key_of(city).public == former.public

        assert coming in city.command("rotate", "node", "--now", "--overlap", "0")
        present = key_of(city)
        assert present.public.to_text() == coming
        until(lambda: key_known(province, city) == coming, about="the new card")
        until(lambda: f"{former.public.to_text()} until " in keyset(province), about="the key set")
        new = receipt(tmp_path, "new.json", present)
        late = receipt(tmp_path, "late.json", read_key(stolen))
        for keys in (province.home / "keyset", city.home / "keyset"):
            until(lambda keys=keys: "until" in (keys / "nodes").read_text(), about="both key sets")
            assert verified(old, keys) == []
            assert verified(new, keys) == []
            assert verified(late, keys) == ["key_former"]

        status, said = posted(province, "messages", message(read_key(stolen)))
        assert (status, former.public.ref in said) == (403, True), said
        assert posted(province, "messages", message(present))[0] == 200
        card = envelope.read(city.ask("SELECT card FROM federation_node WHERE code='511600'")[0][0].encode())
        for changes in ({}, {"successions": []}):
            later = {"node_key": former.public.to_text(), "issued_at": clock.rfc3339(clock.now())}
            forged = envelope.seal(CARD, {**card.body, **later, **changes}, read_key(stolen))
            assert posted(province, "announce", forged)[0] == 403, changes
        disowned = envelope.seal(
            CARD, {**card.body, "issued_at": clock.rfc3339(clock.now()), "successions": []}, present
        )
        assert posted(province, "announce", disowned)[0] == 403
        assert key_known(province, city) == coming

        # Whatever the nodes tell each other goes on under the new key.
        city.script(FILL, "5")
        held = "SELECT count(*) FROM catalog_resource"
        until(lambda: province.ask(held) == [(5,)], about="the feed")


def test_a_parent_changes_its_key_twice_while_its_child_is_away_and_crashes_on_the_way(
    tmp_path: Path,
) -> None:
    row = Row(tmp_path, "510000", "511600")
    province, city = row.nodes
    with row:
        first = key_of(province).public.to_text()
        city.kill()
        province.command("rotate", "node", "--now")
        province.command("rotate", "node", "--now", "--overlap", "0")
        second = key_of(province).public.to_text()
        province.command("rotate", "node", "--now")
        province.script(PROMOTE)  # and the machine fell before the card was written
        third = key_of(province).public.to_text()
        assert key_known(province, province) == second
        assert third in province.command("rotate", "node")
        assert key_known(province, province) == third
        assert len({first, second, third}) == 3
        city.start()
        until(lambda: key_known(city, province) == third, about="the child's hearing of it", for_s=120)
        until(lambda: keyset(city).count(" until ") == 2, about="the child's key set")
        parked = "SELECT count(*) FROM journal_outboxmessage WHERE parked_at IS NOT NULL"
        assert province.ask(parked) == [(0,)]

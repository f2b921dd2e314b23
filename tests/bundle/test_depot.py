"""Offering, accepting and refusing bundles."""

from pathlib import Path

import msgspec
import pytest
from tests.gateway import cast

from guantong.bundle.depot import ACCEPTED, OFFERED, Accepted, Depot, Rejected, publish
from guantong.bundle.errors import BundleForAnotherNode, BundleOlder, BundleTampered
from guantong.bundle.sealing import open_bundle, seal
from guantong.bundle.types import Bundle
from guantong.kit import envelope

KEYS = cast.Keys()
KEY = KEYS.nodes[cast.CITY]
KEYRING = {KEY.public.ref: KEY.public}


def made(sequence: int, node: str = cast.CITY) -> Bundle:
    return msgspec.structs.replace(cast.bundle(KEYS, node), sequence=sequence)


def depot(folder: Path) -> Depot:
    return Depot(folder, KEYRING, node=cast.CITY)


@pytest.mark.parametrize("suite_name", ["international", "national"])
def test_a_sealed_bundle_opens_as_it_was(suite_name: str) -> None:
    keys = cast.Keys(suite_name)
    key = keys.nodes[cast.CITY]
    bundle = cast.bundle(keys)
    assert open_bundle(seal(bundle, key), {key.public.ref: key.public}, node=cast.CITY, floor=0) == bundle


def test_every_flipped_byte_is_noticed() -> None:
    raw = seal(made(1), KEY)
    for place in range(0, len(raw), 7):
        touched = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(BundleTampered):
            open_bundle(touched, KEYRING, node=cast.CITY, floor=0)


def test_a_restriction_we_do_not_know_is_not_ignored() -> None:
    body = msgspec.to_builtins(made(1))
    body["grants"][cast.G_PERSONS]["only_on_weekdays"] = True
    raw = envelope.seal("guantong/bundle@v1", body, KEY)
    with pytest.raises(BundleTampered):
        open_bundle(raw, KEYRING, node=cast.CITY, floor=0)


def test_another_kind_of_statement_is_no_bundle() -> None:
    raw = envelope.seal("guantong/receipt@v1", msgspec.to_builtins(made(1)), KEY)
    with pytest.raises(BundleTampered):
        open_bundle(raw, KEYRING, node=cast.CITY, floor=0)


def test_wrong_node_wrong_signer_older() -> None:
    with pytest.raises(BundleForAnotherNode):
        open_bundle(seal(made(1, cast.NATION), KEY), KEYRING, node=cast.CITY, floor=0)
    with pytest.raises(BundleTampered):
        open_bundle(seal(made(1), KEYS.nodes[cast.NATION]), KEYRING, node=cast.CITY, floor=0)
    with pytest.raises(BundleOlder):
        open_bundle(seal(made(1), KEY), KEYRING, node=cast.CITY, floor=1)


def test_a_newer_bundle_comes_into_force(tmp_path: Path) -> None:
    reader = depot(tmp_path)
    assert reader.poll() is None
    publish(tmp_path, seal(made(1), KEY))
    assert isinstance(reader.poll(), Accepted)
    assert reader.poll() is None
    publish(tmp_path, seal(made(2), KEY))
    assert isinstance(reader.poll(), Accepted)
    assert reader.bundle is not None
    assert reader.bundle.sequence == 2


def test_a_refused_bundle_leaves_the_old_one_in_force(tmp_path: Path) -> None:
    reader = depot(tmp_path)
    publish(tmp_path, seal(made(2), KEY))
    reader.poll()
    for raw, reason in [
        (seal(made(1), KEY), BundleOlder),
        (seal(made(3), KEYS.nodes[cast.NATION]), BundleTampered),
        (seal(made(3, cast.NATION), KEY), BundleForAnotherNode),
        (b"", BundleTampered),
    ]:
        publish(tmp_path, raw)
        news = reader.poll()
        assert isinstance(news, Rejected)
        assert isinstance(news.reason, reason)
        assert reader.poll() is None, "a file is reported once"
        assert reader.bundle is not None
        assert reader.bundle.sequence == 2


def test_the_floor_survives_a_restart(tmp_path: Path) -> None:
    publish(tmp_path, seal(made(5), KEY))
    depot(tmp_path).poll()
    again = depot(tmp_path)
    assert isinstance(again.recover(), Accepted)
    assert again.poll() is None, "the accepted file is not news"
    publish(tmp_path, seal(made(4), KEY))
    assert isinstance(again.poll(), Rejected)


def test_a_touched_accepted_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / ACCEPTED).write_bytes(b"{}")
    again = depot(tmp_path)
    assert isinstance(again.recover(), Rejected)
    assert again.bundle is None


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    publish(tmp_path, b"one")
    publish(tmp_path, b"two")
    assert [path.name for path in tmp_path.iterdir()] == [OFFERED]
    assert (tmp_path / OFFERED).read_bytes() == b"two"

"""One signature over many statements: each stands for itself, and none passes for another."""

from hashlib import sha256
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guantong.evidence import merkle
from guantong.kit import batches, envelope
from guantong.kit.canonical import dumps, to_base64
from guantong.kit.envelope import BadSignature, NotAnEnvelope
from guantong.kit.suites import SigningKey, suite

KIND = "guantong/test@v1"


def sha(data: bytes) -> bytes:
    return sha256(data).digest()


def together(key: SigningKey, count: int) -> list[bytes]:
    return envelope.seal_together(KIND, [dumps({"n": n}) for n in range(count)], key)


def checked(raw: bytes, key: SigningKey) -> dict[str, Any]:
    statement = envelope.read(raw)
    statement.check({key.public.ref: key.public})
    assert statement.faults({key.public.ref: key.public}) == []
    return statement.body


@pytest.mark.parametrize("name", ["international", "national"])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 33])
def test_each_statement_of_a_batch_stands_for_itself(name: str, count: int) -> None:
    key = suite(name).generate("batch.example")
    raws = together(key, count)
    assert [checked(raw, key) for raw in raws] == [{"n": n} for n in range(count)]
    assert all(envelope.read(raw).signatures[0].batch is None for raw in raws) == (count == 1)


@given(leaves=st.lists(st.binary(max_size=4), min_size=1, max_size=70))
def test_the_tree_is_that_of_rfc_9162(leaves: list[bytes]) -> None:
    hashes = [batches.leaf_of(leaf, sha) for leaf in leaves]
    assert hashes == [merkle.leaf_hash(leaf) for leaf in leaves]
    root, ways = batches.tree(hashes, sha)
    for index, way in enumerate(ways):
        assert batches.root_of(index, len(leaves), hashes[index], way, sha) == root
        assert merkle.root_of_inclusion(index, len(leaves), hashes[index], way) == root


@given(size=st.integers(2, 40), data=st.data())
def test_a_way_that_was_changed_leads_elsewhere_or_nowhere(size: int, data: st.DataObject) -> None:
    hashes = [batches.leaf_of(b"%d" % n, sha) for n in range(size)]
    root, ways = batches.tree(hashes, sha)
    index = data.draw(st.integers(0, size - 1))
    way = list(ways[index])
    change = data.draw(st.sampled_from(["shorter", "longer", "bent", "moved", "resized"]))
    at, of = index, size
    if change == "shorter":
        way.pop()
    elif change == "longer":
        way.append(b"\0" * 32)
    elif change == "bent":
        way[data.draw(st.integers(0, len(way) - 1))] = b"\0" * 32
    elif change == "moved":
        at = data.draw(st.integers(-1, size).filter(lambda other: other != index))
    else:
        of = data.draw(st.integers(0, 100).filter(lambda other: other != size))
    try:
        found = batches.root_of(at, of, hashes[index], way, sha)
    except batches.WayWrong:
        return
    # The size is signed beside the root, so a way that also fits another size proves nothing by itself.
    assert found != root or change == "resized"


def test_nothing_of_a_batch_can_be_exchanged() -> None:
    key = suite("international").generate("batch.example")
    raws = together(key, 5)
    values = [msgspec.json.decode(raw) for raw in raws]

    def refused(changed: dict[str, Any]) -> bool:
        try:
            checked(dumps(changed), key)
        except (BadSignature, NotAnEnvelope):
            return True
        return False

    assert not refused(values[1])
    assert refused({**values[1], "body": {"n": 9}})
    assert refused({**values[1], "kind": "guantong/other@v1"})
    assert refused({**values[1], "signatures": values[2]["signatures"]})
    signature = values[1]["signatures"][0]
    for batch in (
        {**signature["batch"], "index": 2},
        {**signature["batch"], "size": 6},
        {**signature["batch"], "size": 1},
        {**signature["batch"], "size": 10**9},
        {**signature["batch"], "index": -1},
        {**signature["batch"], "path": []},
        {**signature["batch"], "path": [1, 2, 3]},
        {**signature["batch"], "path": ["not base64"]},
        {**signature["batch"], "path": [to_base64(b"x" * 32)] * 20},
        {**signature["batch"], "more": 1},
        {"index": 1},
        [],
        None,
    ):
        assert refused({**values[1], "signatures": [{**signature, "batch": batch}]}), batch
    assert refused({**values[1], "signatures": [{"key": signature["key"], "value": signature["value"]}]})
    assert refused({**values[1], "signatures": [{**signature, "other": 1}]})


def test_a_statement_cannot_pass_for_the_root_of_a_batch() -> None:
    key = suite("international").generate("batch.example")
    lone = envelope.read(envelope.seal(KIND, {"n": 0}, key))
    assert envelope.BATCH.encode() not in lone.signed
    with pytest.raises(NotAnEnvelope):
        envelope.read(envelope.seal_written(envelope.BATCH, b"2\n" + b"x" * 32, key))

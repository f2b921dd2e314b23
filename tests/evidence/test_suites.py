"""Receipts of both suites go all the way: signed, chained, in the log, cosigned, proven offline."""

import pytest
from tests.evidence.cast import CITY_LOG, receipt
from tests.evidence.test_rotation import keyset

from guantong.evidence.chains import examine, link_of
from guantong.evidence.keysets import KeySet
from guantong.evidence.verifier import verify
from guantong.kit import envelope
from guantong.kit.suites import suite


@pytest.mark.parametrize("name", ["international", "national"])
def test_a_chain_of_receipts_is_proven_whole(city, name):
    chosen = suite(name)
    key = chosen.generate("511600.guantong.example/node")
    prev, records = None, []
    for number in range(1, 21):
        records.append(receipt(number, key=key, chain="g-1/gateway-1", n=number, prev=prev))
        prev = envelope.digest(records[-1], chosen)
    city.append(*records)
    city.settle()
    keys = KeySet({key.public.ref: key.public}, keyset([CITY_LOG]).policies)
    proofs = [city.proof(record) for record in records]
    assert [verify(proof, keys).ok for proof in proofs] == [True] * 20
    assert examine(link for link in map(link_of, records) if link) == []
    changed = records[7].replace(b'"rows":1', b'"rows":2')
    assert not verify(city.log.proof(link_digest(records[7])).with_record(changed).to_bytes(), keys).ok
    other = suite("national" if name == "international" else "international").generate(key.name)
    assert not verify(proofs[0], KeySet({other.public.ref: other.public}, keys.policies)).ok


def link_digest(record):
    return bytes.fromhex(envelope.digest(record).partition(":")[2])

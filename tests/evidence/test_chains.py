"""What is missing from a chain of receipts is named by its number; in both suites, in any order."""

import random

import pytest

from guantong.evidence.chains import Completeness, Flaw, examine, link_of
from guantong.kit import envelope
from guantong.kit.suites import suite


def receipts(count, chain="g-1/gateway-0", name="international", **more):
    chosen = suite(name)
    key = chosen.generate("511600.guantong.example/node")
    written, prev = [], None
    for number in range(1, count + 1):
        body = {"chain": chain, "n": number, "prev": prev, **more}
        written.append(envelope.seal("guantong/receipt@v1", body, key))
        prev = envelope.digest(written[-1], chosen)
    return written


def flaws(records, ends=None):
    return [(flaw.kind, flaw.first, flaw.last) for flaw in examine(map(link_of, records), ends)]


@pytest.mark.parametrize("name", ["international", "national"])
def test_a_whole_chain_has_no_flaw_and_every_missing_number_is_named(name):
    chain = receipts(30, name=name)
    assert flaws(chain) == []
    for gone in range(29):
        assert flaws(chain[:gone] + chain[gone + 1 :]) == [("missing", gone + 1, gone + 1)]
    assert flaws(chain[5:20] + chain[25:]) == [("missing", 1, 5), ("missing", 21, 25)]


def test_the_end_of_a_chain_is_missing_only_if_somebody_knows_of_it():
    chain = receipts(10)
    assert flaws(chain[:8]) == []
    assert flaws(chain[:8], {"g-1/gateway-0": 10}) == [("missing", 9, 10)]
    assert flaws([], {"g-1/gateway-0": 10}) == [("missing", 1, 10)]
    assert flaws(chain[:3] + chain[5:8], {"g-1/gateway-0": 10}) == [("missing", 4, 5), ("missing", 9, 10)]


def test_order_and_copies_do_not_matter():
    chain = receipts(50)
    mixed = chain + chain[10:20]
    random.Random(3).shuffle(mixed)
    assert flaws(mixed) == []


@pytest.mark.parametrize("is_first", [True, False])
def test_two_receipts_of_one_number_and_a_link_that_does_not_fit(is_first):
    chain, other = receipts(10), receipts(10, rows=7)
    mixed = [other[4], *chain] if is_first else [*chain, other[4]]
    assert ("repeated", 5, 5) in flaws(mixed)
    assert flaws([*chain[:4], other[4], *chain[5:]]) == [("broken", 5, 5), ("broken", 6, 6)]
    # Beyond a gap the links are still compared.
    assert flaws([chain[0], *chain[3:6], other[6]]) == [("missing", 2, 3), ("broken", 7, 7)]
    assert flaws([other[0], *receipts(10, prev="sha-256:00")[:1]]) != []


def test_many_chains_at_once_and_going_on_where_one_was():
    first, second = receipts(20), receipts(20, chain="g-2/gateway-1")
    half = Completeness()
    for record in first[:10] + second[:5]:
        half.take(link_of(record))
    rest = Completeness(half.tails())
    for record in first[10:] + second[6:]:
        rest.take(link_of(record))
    assert rest.flaws() == [Flaw("g-2/gateway-1", "missing", 6, 6)]
    assert rest.flaws()[0].sentence("zh") == "链 g-2/gateway-1：缺少第 6 号凭证。"
    assert rest.counts() == {"g-1/gateway-0": 10, "g-2/gateway-1": 14}


def test_records_that_are_no_receipts_have_no_link():
    key = suite("international").generate("511600.guantong.example/node")
    assert link_of(envelope.seal("guantong/alert@v1", {"alert": "x"}, key)) is None
    assert link_of(envelope.seal("guantong/receipt@v1", {"chain": "a", "n": 0, "prev": None}, key)) is None

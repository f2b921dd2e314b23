"""Records become leaves, once; proofs wait for the witnesses; what was signed stays true."""

import shutil
from hashlib import sha256

import pytest
from tests.evidence.cast import CITY_LOG, receipt

from guantong.evidence import merkle
from guantong.evidence.checkpoints import read_checkpoint
from guantong.evidence.log import LogBusy, NotInLogYet, NotYetWitnessed
from guantong.evidence.proofs import entry_of, leaf_of
from guantong.evidence.spool import Spool
from guantong.evidence.tiles import TilePath, TreeDamaged


def holds(city, record):
    proof = city.log.proof(sha256(record).digest())
    root = merkle.root_of_inclusion(
        proof.index, city.log.witnessed.checkpoint.size, leaf_of(record), proof.path
    )
    return root == city.log.witnessed.checkpoint.root


def test_a_record_is_proven_once_the_witness_has_cosigned(city):
    record = receipt(1)
    digest = sha256(record).digest()
    with pytest.raises(NotInLogYet):
        city.log.proof(digest)
    city.append(record)
    assert city.log.integrate() == 1
    with pytest.raises(NotInLogYet):
        city.log.proof(digest)
    city.log.sign()
    with pytest.raises(NotYetWitnessed):
        city.log.proof(digest)
    assert city.cosign() == []
    assert holds(city, record)
    assert city.witness.seen(CITY_LOG.name) == (1, city.log.latest.checkpoint.root)


def test_a_thousand_records_of_two_writers(city):
    records = [b"record %d" % number for number in range(1000)]
    city.append(*records[:500])
    city.settle()
    with Spool(city.spool_folder, "control") as other:
        for record in records[500:]:
            other.append_now(record)
    city.settle()
    assert city.log.latest.checkpoint.size == 1000
    assert all(holds(city, record) for record in records)


def test_tiles_are_what_the_standard_says(city):
    records = [b"record %d" % number for number in range(600)]
    city.append(*records)
    city.settle()
    leaves = [leaf_of(record) for record in records]
    assert city.log.tile(TilePath(0, 0, 256)) == b"".join(leaves[:256])
    assert city.log.tile(TilePath(0, 2, 88)) == b"".join(leaves[512:])
    assert city.log.tile(TilePath(0, 2, 87)) == b"".join(leaves[512:599])
    assert city.log.tile(TilePath(0, 2, 89)) is None
    assert city.log.tile(TilePath(0, 2, 256)) is None
    assert city.log.tile(TilePath(1, 0, 2)) == merkle.fold(leaves[:256]) + merkle.fold(leaves[256:512])
    assert city.log.tile(TilePath(2, 0, 1)) is None
    entries = [len(entry_of(record)).to_bytes(2) + entry_of(record) for record in records[256:512]]
    assert city.log.tile(TilePath("entries", 1, 256)) == b"".join(entries)


def test_nothing_is_added_twice_over_restarts(city):
    for number in range(5):
        city.append(receipt(number))
        city.settle()
        before = city.log.latest
        city.log.close()
        city.log = city.opened()
        assert city.log.latest == before
        assert city.log.witnessed == before
        assert city.log.integrate() == 0
        assert city.log.sign() == before


def test_the_tree_follows_from_the_index(city):
    city.append(*(b"record %d" % number for number in range(700)))
    city.settle()
    city.log.close()
    shutil.rmtree(city.log_folder / "tree")
    city.log = city.opened()
    assert holds(city, b"record 699")


def test_a_log_that_lost_leaves_refuses_to_sign(city):
    city.append(receipt(1), receipt(2))
    city.settle()
    city.log._index._writing.execute("DELETE FROM leaf WHERE position = 1")
    city.log.close()
    with pytest.raises(TreeDamaged):
        city.opened()
    shutil.rmtree(city.log_folder)
    city.log = city.opened()


def test_a_log_whose_leaves_were_changed_refuses_to_start(city):
    city.append(receipt(1), receipt(2))
    city.settle()
    city.log._index._writing.execute("UPDATE leaf SET digest = ? WHERE position = 0", (bytes(32),))
    city.log.close()
    shutil.rmtree(city.log_folder / "tree")
    with pytest.raises(TreeDamaged):
        city.opened()
    shutil.rmtree(city.log_folder)
    city.log = city.opened()


def test_one_process_a_log(city):
    with pytest.raises(LogBusy):
        city.opened()


def test_a_damaged_writer_stops_nobody_else(city):
    with Spool(city.spool_folder, "broken", segment_bytes=16) as other:
        for _ in range(3):
            other.append_now(b"a record of some length")
    first = min((city.spool_folder / "broken").glob("*.seg"))
    first.write_bytes(b"\x00" + first.read_bytes()[1:-1] + b"\x00")
    city.append(receipt(1))
    city.settle()
    assert holds(city, receipt(1))
    assert city.log.troubles["broken"].code == "spool_damaged"


def test_a_spool_that_was_emptied_is_said(city):
    city.append(receipt(1), receipt(2))
    city.settle()
    city.spool.close()
    shutil.rmtree(city.spool_folder / "gateway-1")
    city.spool = Spool(city.spool_folder, "gateway-1")
    city.append(receipt(3))
    assert city.log.integrate() == 0
    assert city.log.troubles["gateway-1"].code == "spool_damaged"


def test_the_policy_may_change_while_the_log_runs(city):
    city.append(receipt(1))
    city.sign()
    assert city.log.witnessed is None
    policy = city.log_folder / "policy"
    witnessed = policy.read_text()
    policy.write_text("quorum none\n")
    assert holds(city, receipt(1))
    policy.write_text(witnessed)
    assert city.log.witnessed is None
    policy.write_text("quorum nobody\n")
    assert city.log.witnessed is None
    assert city.log.policy_trouble.code == "policy_malformed"
    policy.write_text(witnessed)
    city.cosign()
    assert city.log.witnessed is city.log.latest


def test_the_checkpoint_is_signed_by_the_log_and_its_witness(city):
    city.append(receipt(1))
    city.settle()
    note = city.log.latest.note
    key = CITY_LOG.public
    assert note.signed_by({key.ref: key}) == {key.ref}
    assert read_checkpoint(note.text).origin == "511600.guantong.example/log"
    assert len(note.signatures) == 2
    city.cosign()
    assert len(city.log.latest.note.signatures) == 2

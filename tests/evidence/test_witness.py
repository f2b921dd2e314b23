"""The statuses of https://c2sp.org/tlog-witness, one by one, and what no log gets past."""

import threading

import pytest
from tests.evidence.cast import CITY_LOG, INTERNATIONAL, PROVINCE_WITNESS

from guantong.evidence import merkle, notes
from guantong.evidence.checkpoints import Checkpoint, cosigned_at
from guantong.evidence.configuration import known_logs_file
from guantong.evidence.witness import Witness, write_request
from guantong.kit.suites import suite

LEAVES = [merkle.leaf_hash(b"%d" % number) for number in range(64)]
FORGED = [merkle.leaf_hash(b"forged"), *LEAVES[1:]]


@pytest.fixture
def witness(tmp_path):
    known = tmp_path / "known-logs"
    known.write_text(CITY_LOG.public.to_text() + "\n")
    witness = Witness(tmp_path / "witness.sqlite", PROVINCE_WITNESS, known_logs_file(known).current)
    yield witness
    witness.close()


def node(leaves):
    return lambda height, index: merkle.fold(leaves[index << height : (index + 1) << height])


def note(size, leaves=LEAVES, key=CITY_LOG, origin=CITY_LOG.name):
    return notes.sign(Checkpoint(origin, size, merkle.root(size, node(leaves))).text(), key)


def ask(witness, old, size, *, leaves=LEAVES, **more):
    path = merkle.consistency_path(old, size, node(leaves)) if old <= size else []
    return witness.add_checkpoint(write_request(old, path, note(size, leaves, **more).to_bytes()))


def test_a_growing_log_is_cosigned(witness):
    for old, size in [(0, 3), (3, 3), (3, 8), (8, 21), (21, 64)]:
        answer = ask(witness, old, size)
        assert answer.status == 200
        (signature,) = notes.read_signatures(answer.body.decode())
        assert cosigned_at(note(size).text, signature, PROVINCE_WITNESS.public)
    assert witness.seen(CITY_LOG.name)[0] == 64
    assert witness.suspicions() == []


def test_what_it_has_seen_outlives_it(witness, tmp_path):
    ask(witness, 0, 8)
    again = Witness(tmp_path / "witness.sqlite", PROVINCE_WITNESS, dict)
    assert again.seen(CITY_LOG.name) == witness.seen(CITY_LOG.name)
    again.close()


def test_404_for_a_log_it_does_not_know(witness):
    assert ask(witness, 0, 3, origin="other").status == 404


def test_403_for_another_key(witness):
    assert ask(witness, 0, 3, key=INTERNATIONAL.generate(CITY_LOG.name)).status == 403


def test_400_for_an_old_size_beyond_the_new(witness):
    ask(witness, 0, 8)
    assert ask(witness, 9, 8).status == 400


def test_409_with_the_size_seen_last(witness):
    ask(witness, 0, 8)
    for old, size in [(0, 9), (7, 9), (9, 9), (7, 8)]:
        answer = ask(witness, old, size)
        assert (answer.status, answer.body, answer.content_type) == (409, b"8\n", "text/x.tlog.size")
    assert witness.suspicions() == []


def test_409_for_another_root_at_the_same_size(witness):
    ask(witness, 0, 8)
    assert ask(witness, 8, 8, leaves=FORGED).status == 409
    assert witness.seen(CITY_LOG.name) == (8, merkle.root(8, node(LEAVES)))
    ((_, origin, request),) = witness.suspicions()
    assert origin == CITY_LOG.name
    assert note(8, FORGED).to_bytes() in request


def test_422_for_a_rewritten_history(witness):
    ask(witness, 0, 6)
    assert ask(witness, 6, 13, leaves=FORGED).status == 422
    path = merkle.consistency_path(6, 13, node(LEAVES))
    for wrong in (path[:-1], [*path, path[0]], path[::-1]):
        assert witness.add_checkpoint(write_request(6, wrong, note(13).to_bytes())).status == 422
    assert witness.seen(CITY_LOG.name)[0] == 6
    assert len(witness.suspicions()) == witness.suspicion_count() == 4


def test_422_for_a_proof_where_none_belongs(witness):
    request = write_request(0, [LEAVES[0]], note(3).to_bytes())
    assert witness.add_checkpoint(request).status == 422


GOOD = note(3).to_bytes()


@pytest.mark.parametrize(
    "request_body",
    [b"", b"old 0\n", GOOD, b"old 00\n\n" + GOOD, b"old -1\n\n" + GOOD, b"old 0\n!\n\n" + GOOD, b"old 0\n\n",
     b"new 0\n\n" + GOOD, b"old 0\n\n" + GOOD[:-1], b"old 0\nAAAA\n\n" + GOOD, bytes(1 << 17),
     write_request(0, LEAVES[:64], GOOD), b"old 0\r\n\n" + GOOD, "old ٣\n\n".encode() + GOOD],
)  # fmt: skip
def test_400_for_what_cannot_be_read(witness, request_body):
    assert witness.add_checkpoint(request_body).status == 400


def test_many_at_once_never_roll_back(witness):
    ask(witness, 0, 1)
    statuses = []

    def race(size):
        statuses.append(ask(witness, 1, size).status)

    threads = [threading.Thread(target=race, args=(size,)) for size in range(2, 34)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 31


def test_the_list_of_logs_is_read_again(witness, tmp_path):
    other = INTERNATIONAL.generate("other/log")
    assert ask(witness, 0, 3, key=other, origin="other/log").status == 404
    with (tmp_path / "known-logs").open("a") as file:
        file.write(f"\n# joined today\n{other.public.to_text()}\n")
    assert ask(witness, 0, 3, key=other, origin="other/log").status == 200


def test_the_national_suite_keeps_the_shapes(tmp_path):
    log, key = suite("national").generate("000000/log"), suite("national").generate_witness("510000/witness")
    witness = Witness(tmp_path / "w.sqlite", key, lambda: {log.public.ref: log.public})
    answer = ask(witness, 0, 3, key=log, origin="000000/log")
    (signature,) = notes.read_signatures(answer.body.decode())
    assert cosigned_at(note(3, origin="000000/log").text, signature, key.public)
    witness.close()

"""kill -9 at any moment: what was acknowledged is in the log, once, under a root that only ever grew."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
from tests.evidence.cast import CITY_LOG

from guantong.evidence import merkle, notes, spool
from guantong.evidence.checkpoints import Checkpoint, read_checkpoint
from guantong.evidence.index import Index
from guantong.evidence.log import Log
from guantong.evidence.proofs import leaf_of
from guantong.evidence.spool import Spool

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def start(script, *arguments, **more):
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    return subprocess.Popen(command, env=ENVIRONMENT, text=True, **more)


def integrate(home, n=0, for_s=0.0):
    return start("integrator.py", home, CITY_LOG.to_text(), n, for_s)


def signed(home) -> Checkpoint | None:
    """The checkpoint that the log has kept, whatever state it died in."""
    if not (home / "log/log.sqlite").exists():
        return None
    index = Index(home / "log/log.sqlite")
    content = index.note("signed")
    index.close()
    return read_checkpoint(notes.read(content).text) if content else None


def spooled(home):
    return [one.record for one in spool.read(home / "spool", "gateway-1")]


def check(home, before, acknowledged=()):
    """Finish normally, then compare the log with the spool, the acknowledgements and what was signed before."""
    log = Log(home / "log", home / "spool", CITY_LOG)
    while log.integrate():
        pass
    now = log.sign().checkpoint
    records = spooled(home)
    leaves = [leaf_of(record) for record in records]
    assert now.size == len(records)
    assert now.root == merkle.root(len(leaves), lambda height, index: merkle.fold(
        leaves[index << height : (index + 1) << height]))  # fmt: skip
    count = Counter(record.rstrip(b".").decode() for record in records)
    assert [record for record in acknowledged if count[record] != 1] == []
    assert max(count.values(), default=1) == 1
    for old in filter(None, before):
        path = log.consistency(old.size, now.size)
        merkle.check_consistency(old.size, old.root, now.size, now.root, path)
    for record in random.Random(1).sample(records, min(20, len(records))):
        proof = log.proof(sha256(record).digest())
        assert merkle.root_of_inclusion(proof.index, now.size, leaf_of(record), proof.path) == now.root
    log.close()


def test_a_writer_killed_at_random_moments_loses_nothing_it_acknowledged(tmp_path):
    dice = random.Random(20261122)
    acknowledged = []
    for run in range(6):
        child = start("writer.py", tmp_path / "spool", run, stdout=subprocess.PIPE)
        acknowledged.append(child.stdout.readline().strip())
        time.sleep(dice.uniform(0.01, 0.3))
        child.send_signal(signal.SIGKILL)
        # A last line without its newline was still on its way out when the child died.
        acknowledged += [line.strip() for line in child.stdout if line.endswith("\n")]
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
    assert len(acknowledged) > 100
    Spool(tmp_path / "spool", "gateway-1").close()
    check(tmp_path, [], acknowledged)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A log of 500 signed leaves and 700 records that wait: leaves, tiles of two levels and a checkpoint to write."""
    home = tmp_path_factory.mktemp("prepared")
    with Spool(home / "spool", "gateway-1") as writing:
        for number in range(500):
            writing.append_now(b"record %d" % number)
        assert integrate(home).wait() == 0
        for number in range(500, 1200):
            writing.append_now(b"record %d" % number)
    return home


def test_an_integrator_killed_between_any_two_writes_goes_on_where_it_was(prepared, tmp_path):
    before = signed(prepared)
    assert before.size == 500
    for n in range(1, 100):
        home = tmp_path / str(n)
        shutil.copytree(prepared, home)
        status = integrate(home, n).wait()
        assert status in {0, -signal.SIGKILL}
        check(home, [before, signed(home)])
        if status == 0:
            break
    assert n > 20  # there are that many places to die


def test_writer_and_integrator_killed_again_and_again(tmp_path):
    dice = random.Random(7)
    acknowledged, before = [], []
    for run in range(5):
        writer = start("writer.py", tmp_path / "spool", run, stdout=subprocess.PIPE)
        acknowledged.append(writer.stdout.readline().strip())
        integrator = integrate(tmp_path, dice.randrange(2, 60), 5)
        time.sleep(dice.uniform(0.4, 0.7))
        for child in (writer, integrator):
            child.send_signal(signal.SIGKILL)
        acknowledged += [line.strip() for line in writer.stdout if line.endswith("\n")]
        writer.stdout.close()
        writer.wait()
        integrator.wait()
        before.append(signed(tmp_path))
    Spool(tmp_path / "spool", "gateway-1").close()
    check(tmp_path, before, acknowledged)
    assert any(before)

"""A log's and a witness's key change while they run; what was signed before holds, and the name stays."""

import os
import subprocess
import sys
from functools import partial
from hashlib import sha256

import pytest
from tests.evidence.cast import CITY_LOG, CITY_NODE, INTERNATIONAL, PROVINCE_WITNESS, receipt
from tests.evidence.test_following import PROVINCE_NODE, when
from tests.evidence.test_processes import free_port, served, until

from guantong.courier.client import Courier
from guantong.evidence import notes, rotation
from guantong.evidence.checkpoints import read_checkpoint
from guantong.evidence.configuration import known_logs_file
from guantong.evidence.keysets import KeySet
from guantong.evidence.policy import read_policy
from guantong.evidence.proofs import read_proof
from guantong.evidence.spool import Spool
from guantong.evidence.verifier import verify
from guantong.evidence.witness import Witness


@pytest.fixture
def keys(tmp_path):
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "log.key").write_text(CITY_LOG.to_text())
    (folder / "witness.key").write_text(
        INTERNATIONAL.generate_witness("511600.guantong.example/witness").to_text()
    )
    return folder


def has_seen(witness, size):
    return witness.seen(CITY_LOG.name)[0] == size


def started(environment):
    command = [sys.executable, "-m", "guantong", "log"]
    return subprocess.Popen(command, env={**os.environ, **environment})


def keyset(logs, witnesses=(PROVINCE_WITNESS,)):
    lines = [f"log {key.public.to_text()}" for key in logs]
    lines += [f"witness w{number} {key.public.to_text()}" for number, key in enumerate(witnesses)]
    names = " ".join(f"w{number}" for number in range(len(witnesses)))
    policy = read_policy("\n".join([*lines, f"group any-of-them any {names}", "quorum any-of-them", ""]))
    return KeySet({CITY_NODE.public.ref: CITY_NODE.public}, (policy,))


@pytest.mark.parametrize("part", rotation.PARTS)
def test_two_steps_and_every_state_between(keys, part):
    first = rotation.read_key(keys / f"{part}.key")
    assert (rotation.next_key(keys, part), rotation.further_keys(keys)) == (None, [])
    second = rotation.announce(keys, part)
    assert rotation.announce(keys, part).public == second.public  # again changes nothing
    assert (second.name, second.public.is_cosigner) == (first.name, part == "witness")
    assert rotation.read_key(keys / f"{part}.key").public == first.public
    assert rotation.further_keys(keys) == [second.public.to_text()]
    # A crash after the former key was listed: promoting again lists it once.
    (keys / f"{part}.former").write_text(first.public.to_text() + "\n")
    assert rotation.further_keys(keys) == [second.public.to_text()]
    assert rotation.promote(keys, part).public == second.public
    assert rotation.former_keys(keys, part) == [first.public.to_text()]
    assert rotation.further_keys(keys) == [first.public.to_text()]
    third = rotation.announce(keys, part)
    rotation.promote(keys, part)
    assert rotation.further_keys(keys) == [second.public.to_text(), first.public.to_text()]
    assert rotation.read_key(keys / f"{part}.key").public == third.public
    assert [
        path.name for path in keys.iterdir() if path.stat().st_mode & 0o077 and "former" in path.name
    ] == []


def test_old_and_new_proofs_verify_and_a_strange_key_does_not(city):
    old, new = receipt(1), receipt(2)
    city.append(old)
    city.settle()
    before = city.proof(old)
    second = INTERNATIONAL.generate(CITY_LOG.name)
    city.log.rekey(second, [CITY_LOG.public])
    (city.home / "known-logs").write_text(f"{CITY_LOG.public.to_text()}\n{second.public.to_text()}\n")
    city.append(new)
    city.settle()
    after = city.proof(new)
    both, only_old, only_new = keyset([CITY_LOG, second]), keyset([CITY_LOG]), keyset([second])
    assert [verify(proof, both).ok for proof in (before, after)] == [True, True]
    assert [verify(proof, only_old).ok for proof in (before, after)] == [True, False]
    assert [verify(proof, only_new).ok for proof in (before, after)] == [False, True]
    assert "in_tree" in verify(after, both).facts["proved"]
    with pytest.raises(ValueError, match="keeps its name"):
        city.log.rekey(INTERNATIONAL.generate("elsewhere/log"), [])
    # The log starts again under its new key and goes on from the checkpoint that the old one signed.
    assert set(city.log.keys) == {CITY_LOG.public.ref, second.public.ref}


def test_a_witness_cosigns_with_both_keys_while_its_key_changes(city):
    second = INTERNATIONAL.generate_witness(PROVINCE_WITNESS.name)
    city.append(receipt(1))
    city.settle()
    before = city.proof(receipt(1))
    city.witness.rekey(second, PROVINCE_WITNESS)
    city.append(receipt(2))
    city.settle()  # the log's policy names the old key still
    text = (city.log_folder / "policy").read_text()
    fresh = text.replace(PROVINCE_WITNESS.public.to_text(), second.public.to_text())
    (city.log_folder / "policy").write_text(fresh)
    city.append(receipt(3))
    city.settle()
    both = keyset([CITY_LOG], [second, PROVINCE_WITNESS])
    proofs = [before, *(city.proof(receipt(number)) for number in (2, 3))]
    assert [verify(proof, both).ok for proof in proofs] == [True] * 3
    assert verify(before, keyset([CITY_LOG], [second])).ok is False


async def test_the_running_log_takes_its_next_key_once_the_witness_knows_it(tmp_path):
    port, witness_port, home = free_port(), free_port(), tmp_path / "city"
    (home / "keys").mkdir(parents=True)
    (home / "log").mkdir()
    (home / "keys/log.key").write_text(CITY_LOG.to_text())
    known = tmp_path / "known-logs"
    known.write_text(CITY_LOG.public.to_text() + "\n")
    (home / "log/policy").write_text(
        f"log {CITY_LOG.public.to_text()}\n"
        f"witness province {PROVINCE_WITNESS.public.to_text()} http://127.0.0.1:{witness_port}\nquorum province\n"
    )
    witness = Witness(tmp_path / "witness.sqlite", PROVINCE_WITNESS, known_logs_file(known).current)
    environment = {"GUANTONG_NODE": "511600", "GUANTONG_HOME": str(home), "GUANTONG_DEVELOPMENT": "true"}
    environment |= {"GUANTONG_LOG_PORT": str(port), "GUANTONG_NAME": "511600.guantong.example"}
    url = f"http://127.0.0.1:{port}"
    async with (
        served(tmp_path / "p/log", tmp_path / "p/spool", PROVINCE_NODE, witness_port, witness=witness),
        Courier([url, f"http://127.0.0.1:{witness_port}"]) as courier,
    ):
        process = started(environment)
        try:
            with Spool(home / "spool", "gateway-0") as spool:
                spool.append_now(receipt(1))
                await when(lambda: witness.seen(CITY_LOG.name)[0] == 1, 20)

                async def send(method, at, body):
                    return await courier.send(method, at, body=body)

                following = rotation.announce(home / "keys", "log")
                assert await rotation.refusals(home / "log", following, send) == [PROVINCE_WITNESS.name]
                known.write_text(f"{CITY_LOG.public.to_text()}\n{following.public.to_text()}\n")
                assert await rotation.refusals(home / "log", following, send) == []
                rotation.promote(home / "keys", "log")
                number = 1
                while True:
                    number += 1
                    spool.append_now(receipt(number))
                    await when(partial(has_seen, witness, number))
                    note = notes.read((await courier.send("GET", f"{url}/checkpoint")).body)
                    if note.signatures[0].ref == following.public.ref:
                        break
            assert read_checkpoint(note.text).origin == CITY_LOG.name
            reply = await until(f"{url}/proof/{sha256(receipt(number)).hexdigest()}", courier, 200)
            proof = read_proof(reply.body).with_record(receipt(number)).to_bytes()
            assert verify(proof, keyset([CITY_LOG, following])).ok
        finally:
            process.terminate()
            assert process.wait(20) == 0
    witness.close()

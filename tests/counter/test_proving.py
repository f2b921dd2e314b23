"""Proof files of a case."""

import io
import zipfile

import pytest
from tests.counter.conftest import CLERK, form

from guantong.counter import actions, node, proving
from guantong.counter.errors import ProofPending, ReceiptUnknown
from guantong.evidence.proofs import Proof, read_proof
from guantong.kit import clock, envelope

pytestmark = [pytest.mark.control, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def case(item, gateway):
    return actions.advance(actions.accept(form(), item, by=CLERK, at=clock.now()), by=CLERK, at=clock.now())


def test_every_receipt_of_a_case_has_its_proof_file(case, gateway):
    gateway.proof = (200, Proof(3, (b"\1" * 32,), b"origin\n4\n\n").to_bytes())
    with zipfile.ZipFile(io.BytesIO(proving.archive(case, node.gateway().proof))) as packed:
        names = packed.namelist()
        proofs = [read_proof(packed.read(name)) for name in names]
    assert len(set(names)) == 12
    bodies = [envelope.read(proof.extra).body for proof in proofs]
    assert {body["role"] for body in bodies} == {"provider", "consumer"}
    assert {body["case"] for body in bodies} == {case.number}


def test_a_receipt_is_found_by_its_digest(case):
    first = next(proving.receipts(case))
    assert proving.receipt(case, first.digest) == first
    with pytest.raises(ReceiptUnknown):
        proving.receipt(case, "sha-256:00")


def test_a_proof_that_is_not_ready_says_so(case, gateway):
    with pytest.raises(ProofPending):
        proving.archive(case, node.gateway().proof)

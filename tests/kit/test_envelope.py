"""Signed statements: read strictly, checked completely."""

import pytest

from guantong.kit import envelope
from guantong.kit.envelope import BadSignature, NotAnEnvelope, UnknownKey
from guantong.kit.suites import suite

NODE = suite("international").generate("511600.guantong.example/node")
NATION = suite("national").generate("000000.guantong.example/node")
KEYRING = {key.public.ref: key.public for key in (NODE, NATION)}
BODY = {"call": "c-1", "fields": ["姓名", "birth"], "n": 7}
KIND = "guantong/receipt@v1"


def test_what_one_node_says_another_can_check():
    raw = envelope.seal(KIND, BODY, NODE, NATION)
    read = envelope.read(raw)
    assert (read.kind, read.body, read.raw) == (KIND, BODY, raw)
    assert read.check(KEYRING) == {NODE.public.ref, NATION.public.ref}
    assert envelope.digest(raw).startswith("sha-256:")
    assert envelope.digest(raw, suite("national")).startswith("sm3:")


def test_the_signature_covers_kind_and_body_as_dsse_does():
    assert envelope.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert envelope.read(envelope.seal(KIND, {}, NODE)).signed == b"DSSEv1 19 guantong/receipt@v1 2 {}"


@pytest.mark.parametrize("key", [NODE, NATION], ids=["international", "national"])
def test_no_bit_can_be_changed(key):
    raw = envelope.seal(KIND, BODY, key)
    for position in range(len(raw)):
        touched = bytearray(raw)
        touched[position] ^= 1
        with pytest.raises((NotAnEnvelope, UnknownKey, BadSignature)):
            envelope.read(bytes(touched)).check(KEYRING)


def test_a_signature_by_a_stranger_spoils_the_statement():
    raw = envelope.seal(KIND, BODY, NODE, suite("international").generate("stranger"))
    with pytest.raises(UnknownKey):
        envelope.read(raw).check(KEYRING)


def test_a_witness_key_signs_no_statements():
    witness = suite("international").generate_witness("w")
    raw = envelope.seal(KIND, BODY, witness)
    with pytest.raises(UnknownKey):
        envelope.read(raw).check({witness.public.ref: witness.public})


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[]", b'{"body":{},"kind":"k","signatures":[]}',
     b'{"body":[],"kind":"k","signatures":[{}]}',
     b'{"body":{},"kind":"k","signatures":[{"key":"a","value":"!"}]}',
     b'{"body":{},"kind":"k","more":1,"signatures":[{"key":"a","value":""}]}',
     b'{"body":{},"kind":"k","signatures":[{"key":"a","value":""},{"key":"a","value":""}]}'],
)  # fmt: skip
def test_other_bytes_are_no_envelope(raw):
    with pytest.raises(NotAnEnvelope):
        envelope.read(raw)


def test_a_statement_needs_a_signature():
    with pytest.raises(ValueError, match="signature"):
        envelope.seal(KIND, BODY)

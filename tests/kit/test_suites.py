"""Keys, suites and their texts."""

import pytest
from cryptography.exceptions import InvalidTag

from guantong.kit.suites import BadKey, SigningKey, VerifyKey, suite

BOTH = pytest.mark.parametrize(
    "crypto", [suite("international"), suite("national")], ids=lambda crypto: crypto.name
)


@BOTH
def test_what_is_signed_verifies_and_nothing_else_does(crypto):
    key = crypto.generate("511600.guantong.example/node")
    signature = key.sign(b"statement")
    assert len(signature) == 64
    assert key.public.verify(b"statement", signature)
    assert not key.public.verify(b"statement.", signature)
    assert not key.public.verify(b"statement", signature[:-1])
    assert not key.public.verify(b"statement", bytes(64))
    assert not key.public.verify(b"statement", b"\xff" * 64)
    assert not crypto.generate("other").public.verify(b"statement", signature)
    for position in range(64):
        flipped = bytearray(signature)
        flipped[position] ^= 1
        assert not key.public.verify(b"statement", bytes(flipped))


@BOTH
@pytest.mark.parametrize("witness", [False, True])
def test_keys_travel_as_text(crypto, witness):
    key = crypto.generate_witness("510000/witness") if witness else crypto.generate("510000/node")
    again = SigningKey.from_text(key.to_text())
    public = VerifyKey.from_text(key.public.to_text())
    assert public == again.public == key.public
    assert public.is_cosigner is witness
    assert public.ref == f"{public.name}+{public.key_id}"
    assert public.verify(b"x", again.sign(b"x"))
    assert key.to_text().split("+", 4)[-1] not in repr(key)


@BOTH
def test_sealed_data_opens_only_untouched(crypto):
    key, nonce = bytes(crypto.key_bytes), bytes(12)
    sealed = crypto.seal(key, nonce, b"secret", b"label")
    assert crypto.open(key, nonce, sealed, b"label") == b"secret"
    for bad in (sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", sealed[:3]):
        with pytest.raises(InvalidTag):
            crypto.open(key, nonce, bad, b"label")
    with pytest.raises(InvalidTag):
        crypto.open(key, nonce, sealed, b"other")


def test_a_suite_that_nobody_knows():
    with pytest.raises(ValueError, match="md5"):
        suite("md5")


GOOD = suite("international").generate("a").public.to_text()


@pytest.mark.parametrize(
    "text",
    ["", "a", "a+b+c", GOOD + "=", GOOD.replace("a+", "b+", 1), " " + GOOD, GOOD + "\n", "a b" + GOOD[1:],
     "a+00000000+" + GOOD.split("+", 2)[2], "x+11111111+AAAA"],
)  # fmt: skip
def test_a_text_that_is_no_key(text):
    with pytest.raises(BadKey):
        VerifyKey.from_text(text)
    with pytest.raises(BadKey):
        SigningKey.from_text("PRIVATE+KEY+" + text)


def test_a_point_off_the_curve_is_no_key():
    with pytest.raises(BadKey):
        VerifyKey("a", b"\x04" + bytes(63) + b"\x01", "sm2-sm3")

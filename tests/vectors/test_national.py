"""The national algorithms against their standards' own examples.

SM2: GB/T 32918.5-2017 Annex A (signature). SM3: GB/T 32905-2016 Annex A. SM4: GB/T 32907-2016 Annex A.
SM4-GCM: RFC 8998 Appendix A.1.
"""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from guantong.kit.suites import SigningKey, suite

NATIONAL = suite("national")

SM2_PRIVATE = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
SM2_PUBLIC = bytes.fromhex(
    "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
SM2_SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)


def test_sm2_signature_with_the_default_identity():
    key = SigningKey("example", SM2_PRIVATE, "sm2-sm3")
    assert key.public.public_bytes == SM2_PUBLIC
    assert key.public.verify(b"message digest", SM2_SIGNATURE)
    assert not key.public.verify(b"message digesT", SM2_SIGNATURE)
    assert key.public.verify(b"message digest", key.sign(b"message digest"))


def test_sm3():
    assert NATIONAL.digest(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert NATIONAL.digest(b"abcd" * 16).hex() == (
        "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
    )


def test_sm4():
    block = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    encryptor = Cipher(algorithms.SM4(block), modes.ECB()).encryptor()  # noqa: S305 - the standard's example
    assert encryptor.update(block).hex().upper() == "681EDF34D206965E86B3E94F536E4246"


def test_sm4_gcm():
    key = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    nonce = bytes.fromhex("00001234567800000000ABCD")
    aad = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
    plain = bytes.fromhex("".join(digit * 16 for digit in "ABCDEFEA"))
    sealed = NATIONAL.seal(key, nonce, plain, aad)
    assert sealed.hex().upper() == (
        "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
        "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
        "83DE3541E4C2B58177E065A9BF7B62EC"
    )
    assert NATIONAL.open(key, nonce, sealed, aad) == plain

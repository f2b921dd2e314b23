"""RFC 9421 Appendix B.2: every published signature verifies; the deterministic ones are reproduced.

Keys from Appendix B.1, messages and signatures from Appendix B.2 of RFC 9421 (February 2024).
"""

import base64

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from guantong.kit.http_keys import EcdsaP256Key, HmacKey, RsaPssKey
from guantong.kit.http_signatures import (
    Request,
    Response,
    SignatureWrong,
    check_content_digest,
    content_digest,
    sign,
    signature_base,
    verify,
)
from guantong.kit.suites import SigningKey

CREATED = 1618884473

REQUEST = Request(
    "POST",
    "https://example.com/foo?param=Value&Pet=dog",
    {
        "host": "example.com",
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "content-type": "application/json",
        "content-digest": "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BN"
        "NyealdVLvRwEmTHWXvJwew==:",
        "content-length": "18",
    },
)
REQUEST_BODY = b'{"hello": "world"}'
RESPONSE = Response(
    200,
    {
        "date": "Tue, 20 Apr 2021 02:07:56 GMT",
        "content-type": "application/json",
        "content-digest": "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWd"
        "XymyU0rjJuahq4l5aGgfLQ==:",
        "content-length": "23",
    },
)
RESPONSE_BODY = b'{"message": "good dog"}'

RSA_PSS = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----"""
ECC_P256 = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----"""
ED25519 = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----"""
SHARED_SECRET = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="

ED25519_KEY = SigningKey("test-key-ed25519", load_pem_private_key(ED25519.encode(), None).private_bytes_raw())
KEYS = {
    "test-key-rsa-pss": RsaPssKey(load_pem_public_key(RSA_PSS.encode())),
    "test-key-ecc-p256": EcdsaP256Key(load_pem_public_key(ECC_P256.encode())),
    "test-shared-secret": HmacKey(base64.b64decode(SHARED_SECRET)),
    "test-key-ed25519": ED25519_KEY.public,
}

# Of each section: the message, its @signature-params, its signature.
PUBLISHED = {
    "sig-b21": (
        REQUEST,
        '();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"',
        (
            "d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXa"
            "JMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56Y"
            "CE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPY"
            "TU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q=="
        ),
    ),
    "sig-b22": (
        REQUEST,
        (
            '("@authority" "content-digest" "@query-param";name="Pet");created=1618884473'
            ';keyid="test-key-rsa-pss";tag="header-example"'
        ),
        (
            "LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB"
            "4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqW"
            "FQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY"
            "8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw=="
        ),
    ),
    "sig-b23": (
        REQUEST,
        (
            '("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length")'
            ';created=1618884473;keyid="test-key-rsa-pss"'
        ),
        (
            "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrC"
            "Ub38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91"
            "kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRx"
            "pJyoEZAFL2FUo5fTIztsDZKEgM4cUA=="
        ),
    ),
    "sig-b24": (
        RESPONSE,
        (
            '("@status" "content-type" "content-digest" "content-length")'
            ';created=1618884473;keyid="test-key-ecc-p256"'
        ),
        "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==",
    ),
    "sig-b25": (
        REQUEST,
        '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
        "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
    ),
    "sig-b26": (
        REQUEST,
        (
            '("date" "@method" "@path" "@authority" "content-type" "content-length")'
            ';created=1618884473;keyid="test-key-ed25519"'
        ),
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
    ),
}


def signed(message, label, params, signature):
    fields = {"signature-input": f"{label}={params}", "signature": f"{label}=:{signature}:"}
    headers = {**message.headers, **fields}
    if isinstance(message, Request):
        return Request(message.method, message.target_uri, headers)
    return Response(message.status, headers, message.request)


@pytest.mark.parametrize("label", PUBLISHED)
def test_the_published_signature_verifies(label):
    message = signed(PUBLISHED[label][0], label, *PUBLISHED[label][1:])
    said = verify(message, KEYS.get, required=[], at=CREATED)
    assert (said.label, said.created) == (label, CREATED)


@pytest.mark.parametrize("label", [label for label in PUBLISHED if label != "sig-b21"])
def test_it_fits_no_other_message(label):
    message = signed(PUBLISHED[label][0], label, *PUBLISHED[label][1:])
    headers = {**message.headers, "content-type": "text/plain", "content-digest": "sha-256=:AAAA:"}
    other = Request("PUT", "https://a.example/bar?Pet=cat", headers)
    if isinstance(message, Response):
        other = Response(201, headers)
    with pytest.raises(SignatureWrong):
        verify(other, KEYS.get, required=[], at=CREATED)


@pytest.mark.parametrize(
    ("label", "components", "key"),
    [
        ("sig-b25", ["date", "@authority", "content-type"], KEYS["test-shared-secret"]),
        (
            "sig-b26",
            ["date", "@method", "@path", "@authority", "content-type", "content-length"],
            ED25519_KEY,
        ),
    ],
)
def test_the_deterministic_ones_are_reproduced(label, components, key):
    _, params, signature = PUBLISHED[label]
    keyid = params.split('"')[-2]
    assert sign(REQUEST, components, key, created=CREATED, keyid=keyid, label=label) == {
        "signature-input": f"{label}={params}",
        "signature": f"{label}=:{signature}:",
    }


def test_the_published_signature_base():
    # B.2.2
    params = PUBLISHED["sig-b22"][1]
    base = signature_base(REQUEST, ["@authority", "content-digest", '@query-param;name="Pet"'], params)
    assert base.decode() == (
        '"@authority": example.com\n'
        '"content-digest": sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7B'
        "NNyealdVLvRwEmTHWXvJwew==:\n"
        '"@query-param";name="Pet": dog\n'
        '"@signature-params": ("@authority" "content-digest" "@query-param";name="Pet");created=1618884473'
        ';keyid="test-key-rsa-pss";tag="header-example"'
    )


def test_the_published_content_digests():
    check_content_digest(REQUEST_BODY, REQUEST.headers["content-digest"])
    check_content_digest(RESPONSE_BODY, RESPONSE.headers["content-digest"])
    # RFC 9530 Appendix D: the same body with SHA-256.
    assert content_digest(REQUEST_BODY) == "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"

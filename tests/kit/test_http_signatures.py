"""A signed message, and everything that can be wrong with one."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from guantong.kit.http_keys import EcdsaP256Key, HmacKey, RsaPssKey
from guantong.kit.http_signatures import (
    ContentDigestWrong,
    Request,
    Response,
    SignatureExpired,
    SignatureIncomplete,
    SignatureKeyUnknown,
    SignatureMissing,
    SignatureWrong,
    check_content_digest,
    content_digest,
    sign,
    verify,
)
from guantong.kit.structured_fields import FieldMalformed
from guantong.kit.suites import suite

BODY = b'{"resource":"r"}'
NOW = 1_795_000_000
COVERED = ["@method", "@target-uri", "content-digest"]
KEY = suite("international").generate("app-1")


def request(key=KEY, *, method="POST", uri="https://node.example/v1/query", body=BODY, **said):
    message = Request(method, uri, {"content-digest": content_digest(body)})
    fields = sign(message, COVERED, key, **{"created": NOW, "keyid": "app-1", "nonce": "n-1", **said})
    return Request(method, uri, {**message.headers, **fields})


def check(message, key=KEY, **asked):
    return verify(message, {"app-1": key.public}.get, **{"required": COVERED, "at": NOW, **asked})


@pytest.mark.parametrize("name", ["international", "national"])
def test_a_signed_request_says_who_and_when(name):
    key = suite(name).generate("app-1")
    said = check(request(key, tag="guantong"), key)
    assert (said.keyid, said.created, said.nonce, said.tag) == ("app-1", NOW, "n-1", "guantong")
    assert said.components == tuple(COVERED)


def test_a_signed_response_binds_its_request():
    asked = request()
    covered = ["@status", "content-digest", "@method;req", 'signature;key="sig1";req']
    plain = Response(200, {"content-digest": content_digest(b"{}")}, asked)
    fields = sign(plain, covered, KEY, created=NOW, keyid="app-1")
    answer = Response(200, {**plain.headers, **fields}, asked)
    assert check(answer, required=covered).components == tuple(covered)
    with pytest.raises(SignatureWrong):
        check(Response(200, answer.headers, request(nonce="n-2")), required=covered)
    with pytest.raises(SignatureIncomplete):
        check(Response(200, answer.headers, None), required=covered)


def test_another_message_does_not_fit():
    good = request()
    for other in (
        Request("PUT", good.target_uri, good.headers),
        Request("POST", good.target_uri + "?a=1", good.headers),
        Request("POST", good.target_uri, {**good.headers, "content-digest": content_digest(b"x")}),
    ):
        with pytest.raises(SignatureWrong):
            check(other)


def test_what_must_be_covered():
    with pytest.raises(SignatureIncomplete):
        check(request(), required=[*COVERED, "authorization"])
    with pytest.raises(SignatureIncomplete):
        sign(Request("GET", "https://a.example/", {}), ["date"], KEY, created=NOW, keyid="a")


@pytest.mark.parametrize("at", [NOW - 61, NOW + 61])
def test_the_window(at):
    check(request(), at=NOW + 60)
    with pytest.raises(SignatureExpired):
        check(request(), at=at)


def test_an_unknown_key_or_another_algorithm():
    with pytest.raises(SignatureKeyUnknown):
        check(request(keyid="app-2"))
    good = request()
    field = good.headers["signature-input"] + ';alg="rsa-pss-sha512"'
    with pytest.raises(SignatureKeyUnknown):
        check(Request("POST", good.target_uri, {**good.headers, "signature-input": field}))


def test_no_signature():
    with pytest.raises(SignatureMissing):
        check(Request("POST", "https://node.example/", {}))
    with pytest.raises(SignatureMissing):
        check(request(), tag="other")


@pytest.mark.parametrize(
    "field",
    ["sig1", "sig1=", "sig1=()", 'sig1=("@method"  "@path");created=1;keyid="a"',
     'sig1=();created="x";keyid="a"',
     "sig1=();created=1", 'sig1=("@method" "@method");created=1;keyid="a"',
     'sig1=();created=1;created=2;keyid="a"',
     'sig1=();created=1;keyid="a", sig1=();created=1;keyid="a"', 'sig1=();created=1;keyid="a",',
     'sig1=();created=1;keyid="a" sig2=()', "(" * 9000, 'SIG=();created=1;keyid="a"', "sig1=((((",
     'sig1=();created=1;keyid="a\\b"', 'sig1=();created=1;keyid="é"', "," * 8000, 'a=();created=?1;keyid="a"'],
)  # fmt: skip
def test_fields_that_cannot_be_read(field):
    with pytest.raises(FieldMalformed):
        check(
            Request("POST", "https://node.example/", {"signature-input": field, "signature": "sig1=:AAAA:"})
        )


def test_two_signatures_need_a_choice():
    good = request()
    both = {name: f"{good.headers[name]}, {good.headers[name].replace('sig1', 'sig2')}" for name in
            ("signature-input", "signature")}  # fmt: skip
    message = Request("POST", good.target_uri, {**good.headers, **both})
    with pytest.raises(FieldMalformed):
        check(message)
    assert check(message, label="sig2").label == "sig2"


def test_derived_components():
    covered = ["@authority", "@scheme", "@path", "@query", "@request-target", '@query-param;name="a"']
    message = Request("GET", "https://Node.Example:443/%E4%BA%8B?a=x%20y~", {})
    fields = sign(message, covered, KEY, created=NOW, keyid="app-1")
    same = Request("GET", "https://node.example/%E4%BA%8B?a=x%20y~", fields)
    assert check(same, required=covered).components == tuple(covered)


@pytest.mark.parametrize(
    "field", [None, "", "md5=:AAAA:", content_digest(b"x"), f"{content_digest(BODY)}, sha-512=:AA==:"]
)
def test_a_body_that_its_digest_does_not_name(field):
    check_content_digest(BODY, content_digest(BODY))
    with pytest.raises(ContentDigestWrong):
        check_content_digest(BODY, field)


@pytest.mark.parametrize("kind", ["rsa", "p256", "hmac"])
def test_keys_of_other_kinds_sign_and_verify(kind):
    if kind == "rsa":
        private = rsa.generate_private_key(65537, 2048)
        key, public = RsaPssKey(private.public_key(), private), RsaPssKey(private.public_key())
    elif kind == "p256":
        private = ec.generate_private_key(ec.SECP256R1())
        key, public = EcdsaP256Key(private.public_key(), private), EcdsaP256Key(private.public_key())
    else:
        key = public = HmacKey(b"shared secret")
    signature = key.sign(b"base")
    assert public.verify(b"base", signature)
    assert not public.verify(b"basE", signature)
    assert not public.verify(b"base", signature[:-1])
    if kind != "hmac":
        with pytest.raises(ValueError, match="private"):
            public.sign(b"base")

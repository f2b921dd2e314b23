"""Canonical JSON says one thing in one way, and refuses everything else."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guantong.kit.canonical import NotCanonical, dumps, from_base64, loads, to_base64


def test_the_plain_case():
    statement = {"b": [1, True, None], "a": "贯通", "": {}}
    assert dumps(statement) == '{"":{},"a":"贯通","b":[1,true,null]}'.encode()
    assert loads(dumps(statement)) == statement


class Said(msgspec.Struct):
    zeta: object
    alpha: int = 1


def test_a_structure_is_an_object_of_its_fields():
    assert dumps({"of": Said(["a"])}) == dumps({"of": {"alpha": 1, "zeta": ["a"]}})
    with pytest.raises(NotCanonical):
        dumps(Said([1.5]))


def test_escapes_are_those_of_rfc_8785():
    # RFC 8785 §3.2.2.2: two-letter escapes where JSON has them, lower-case \u00xx else, nothing more.
    assert (
        dumps('€$\u000f\nA\'B"\\\\"/\u007f\b\t\f\r')
        == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u007f\\b\\t\\f\\r"'.encode()
    )


@pytest.mark.parametrize(
    "data",
    [b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":1,"a":1}', b"1.0", b"1e3", b'"\\u0041"', b"9007199254740993", b"",
     b"\xff", b"-0", b'"\\/"', b"[" * 100_000, b'{"a":1}\n', b"\xef\xbb\xbf1", b'"\\ud800"'],
)  # fmt: skip
def test_other_ways_of_saying_it_are_refused(data):
    with pytest.raises(NotCanonical):
        loads(data)


@pytest.mark.parametrize(
    "value", [1.5, 2**53 + 1, {"a": b"x"}, {1: 2}, {"𠮷": 1}, object(), float("nan"), "\ud800"]
)
def test_values_without_one_form_are_refused(value):
    with pytest.raises(NotCanonical):
        dumps(value)


texts = st.text(st.characters(exclude_categories=["Cs"]))
keys = st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0xD7FF))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
)


@given(values)
def test_there_and_back(value):
    assert loads(dumps(value)) == value


@given(st.binary())
def test_base64_there_and_back(data):
    assert from_base64(to_base64(data)) == data


@pytest.mark.parametrize("text", ["QQ", "QR==", "QQ==\n", "Q Q==", "QQ=", "-_-_", "é", "QQ==QQ=="])
def test_base64_has_one_form(text):
    with pytest.raises(NotCanonical):
        from_base64(text)

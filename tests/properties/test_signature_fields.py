"""The quick way to read signature fields and the general one say the same of every text."""

import string
from collections.abc import Callable
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from guantong.kit import http_signatures
from guantong.kit.errors import GuantongError
from guantong.kit.http_signatures import Request, sign
from guantong.kit.suites import INTERNATIONAL

KEY = INTERNATIONAL.generate("app-1")
USUAL = sign(
    Request("POST", "https://node.example/v1/query", {"content-digest": "sha-256=:AA==:"}),
    ("@method", "@path", "content-digest"),
    KEY,
    created=1_795_000_000,
    keyid="app-1",
    nonce="n-1",
)
PIECES = [
    *string.printable[:95], *USUAL["signature-input"].replace(";", " ; ").split(),
    "sig1=", '("@method")', '("@method" "@method")', ";created=", ";created=1", ";keyid=", ';keyid="a"',
    ';nonce="n"', ";nonce=1", ";expires=2", ';tag="t"', ", ", "()", "\\", '\\"', ":", "é", "\n",
]  # fmt: skip


def said(read: Callable[[], Any]) -> Any:
    """What was read, or the error's code."""
    try:
        return read()
    except GuantongError as fault:
        return fault.code


def same(field: str, label: str | None, tag: str | None) -> None:
    headers = {"signature-input": field}
    quick = said(lambda: http_signatures._choose(headers, label, tag))
    assert quick == said(lambda: http_signatures._chosen(field, label, tag))


@given(
    text=st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    label=st.sampled_from([None, "sig1", "sig2"]),
    tag=st.sampled_from([None, "t"]),
)
@example(text='sig1=();created=1;keyid="a";nonce="n"', label=None, tag=None)
@example(text='sig1=("a" "a");created=1;keyid="a";nonce="n"', label=None, tag=None)
@example(text='sig1=("a");created=1;keyid="a";nonce="n"\n', label=None, tag=None)
def test_any_text(text: str, label: str | None, tag: str | None) -> None:
    same(text, label, tag)


@given(
    place=st.integers(0, len(USUAL["signature-input"])), piece=st.sampled_from(PIECES), cut=st.integers(0, 9)
)
def test_the_usual_text_with_something_changed(place: int, piece: str, cut: int) -> None:
    field = USUAL["signature-input"]
    same(field[:place] + piece + field[place + cut :], None, None)


@given(place=st.integers(0, len(USUAL["signature"])), piece=st.sampled_from(PIECES), cut=st.integers(0, 9))
def test_the_signature_itself(place: int, piece: str, cut: int) -> None:
    field = USUAL["signature"]
    field = field[:place] + piece + field[place + cut :]
    quick = said(lambda: http_signatures._signature({"signature": field}, "sig1"))
    assert quick == said(lambda: http_signatures._listed_signature(field, "sig1"))

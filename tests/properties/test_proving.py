"""A provider's answer is believed as it was given, and in no other form."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway import cast

from guantong.courier.errors import PeerAnswerNotProved
from guantong.gateway.proving import prove_answer, salted
from guantong.gateway.receipts import Asked, Ledger, Outcome
from guantong.kit import canonical
from guantong.kit.suites import INTERNATIONAL

KEYS = cast.Keys()
BUNDLE = cast.bundle(KEYS)
CALL = cast.call(fields=["name", "phone"])
ANSWER = {"rows": [{"name": "张三", "phone": "*******5678"}]}
SALT = "00" * 16


def receipt_for(answer: Any, node: str = cast.NATION, **changes: Any) -> tuple[Asked, bytes]:
    async def written() -> tuple[Asked, bytes]:
        with tempfile.TemporaryDirectory() as folder:
            ledger = Ledger(
                Path(folder), "w", node=node, key=KEYS.nodes[node], suite=INTERNATIONAL, subject_key=b"s" * 32
            )
            asked = ledger.asked(cast.call(**{"fields": CALL.fields, **changes}))
            digest = ledger.digest(salted(SALT, canonical.dumps(answer)))
            outcome = Outcome("allow", "grant:x", answer=digest, rows=1)
            raw = await ledger.write("provider", asked, BUNDLE, outcome)
            ledger.close()
            return asked, raw

    return asyncio.run(written())


ASKED, RECEIPT = receipt_for(ANSWER)


def believed(answer: Any = ANSWER, salt: str = SALT, receipt: bytes = RECEIPT, asked: Asked = ASKED) -> bool:
    try:
        prove_answer(BUNDLE, asked, answer=answer, salt=salt, receipt=receipt)
    except PeerAnswerNotProved:
        return False
    return True


def test_the_answer_as_it_was_given_is_believed() -> None:
    assert believed()


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, len(RECEIPT) - 1), flip=st.integers(1, 255))
def test_no_byte_of_a_receipt_may_change(place: int, flip: int) -> None:
    assert not believed(receipt=RECEIPT[:place] + bytes([RECEIPT[place] ^ flip]) + RECEIPT[place + 1 :])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(
    answer=json_values
    | st.fixed_dictionaries(
        {"rows": st.lists(st.fixed_dictionaries({"name": st.text(), "phone": st.text()}), max_size=2)}
    )
)
def test_no_other_answer_is_believed(answer: Any) -> None:
    assert not believed(answer=answer)


@pytest.mark.parametrize("salt", ["", "11" * 16, "zz", "00" * 15])
def test_no_other_salt_is_believed(salt: str) -> None:
    assert not believed(salt=salt)


@pytest.mark.parametrize(
    "change",
    [
        {"call": "c-2"},
        {"grant": "other"},
        {"nonce": "01"},
        {"keys": {"id_number": "someone else"}},
        {"fields": ["name"]},
        {"purpose": "another"},
    ],
)
def test_a_receipt_for_another_call_is_not_believed(change: dict[str, Any]) -> None:
    _, other = receipt_for(ANSWER, **change)
    assert not believed(receipt=other)


def test_a_receipt_of_another_node_is_not_believed() -> None:
    _, other = receipt_for(ANSWER, node=cast.PROVINCE)
    assert not believed(receipt=other)


def test_even_a_signed_answer_may_not_hold_more_than_was_asked() -> None:
    more = {"rows": [{"name": "张三", "phone": "1", "secret": "x"}]}
    _, receipt = receipt_for(more)
    assert not believed(answer=more, receipt=receipt)

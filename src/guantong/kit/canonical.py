"""One way to write a thing down: canonical JSON (a subset of RFC 8785), canonical base64 (RFC 4648 §4).

The subset: objects (msgspec structures too), arrays, strings, integers within ±2^53, booleans, null. No
fractions, because two programs print them differently. Keys stay below U+D800, where the order of code
points and RFC 8785's order of UTF-16 units agree.
"""

import base64
import binascii
from typing import Any

import msgspec

from guantong.kit.errors import GuantongError

_LARGEST = 2**53
_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode


class NotCanonical(GuantongError):
    """Bytes or values that canonical form does not allow; ``why`` says what is wrong."""

    code = "not_canonical"
    zh = "数据不是规范形式：{why}。"
    en = "The data is not in canonical form: {why}."


def dumps(value: Any) -> bytes:
    """The canonical bytes of ``value``; :class:`NotCanonical` for fractions, huge integers, foreign types."""
    try:
        _inspect(value)
        return _encode(value)
    except (RecursionError, UnicodeEncodeError) as fault:
        raise NotCanonical(why="nested too deeply or not Unicode") from fault


def dumps_typed(value: msgspec.Struct | dict[str, Any]) -> bytes:
    """The canonical bytes of what is canonical by how it was made; for the hot path.

    Nothing is looked through again: the caller vouches for the types of values, for integers within ±2^53, and for the
    keys of dictionaries.
    """
    try:
        return _encode(value)
    except UnicodeEncodeError as fault:
        raise NotCanonical(why="not Unicode") from fault


def loads(data: bytes) -> Any:
    """The value of ``data``; :class:`NotCanonical` unless these are the very bytes that it is written in."""
    try:
        value = _decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as fault:
        raise NotCanonical(why="not JSON") from fault
    if dumps(value) != data:
        raise NotCanonical(why="order, spaces, escapes or repeated keys")
    return value


def to_base64(data: bytes) -> str:
    """Standard base64 with padding, the only text form of bytes in the system."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def from_base64(text: str) -> bytes:
    """The bytes that ``text`` names; :class:`NotCanonical` unless they would be written the same way."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, UnicodeEncodeError) as fault:
        raise NotCanonical(why="not base64") from fault
    if to_base64(data) != text:
        raise NotCanonical(why="base64 with stray bits")
    return data


def _inspect(value: Any) -> None:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if kind is int:
        if not -_LARGEST <= value <= _LARGEST:
            raise NotCanonical(why="an integer beyond 2^53")
    elif kind is dict:
        for key, part in value.items():
            if type(key) is not str:
                raise NotCanonical(why="a key that is not text")
            if not key.isascii() and max(key) >= "\ud800":
                raise NotCanonical(why="a key beyond U+D7FF")
            _inspect(part)
    elif kind is list or kind is tuple:
        for part in value:
            _inspect(part)
    else:
        _inspect_structure(value)


def _inspect_structure(value: Any) -> None:
    """A structure is an object of its fields, those that are not set left out; the encoder does so too."""
    if not isinstance(value, msgspec.Struct):
        raise NotCanonical(why=f"a value of type {type(value).__name__}")
    for name in value.__struct_fields__:
        part = getattr(value, name)
        if part is not msgspec.UNSET:
            _inspect(part)

"""脱敏: what is left of a value that the consumer may see only in part.

``none``, ``null``, ``keep_head:N``, ``keep_tail:N``, ``hash`` (HMAC-SHA-256 with a salt per grant, so that
two consumers cannot join their data), ``year`` (of a date), ``division`` (the city, four digits, of a code).
A mask that nobody knows withholds the value.
"""

import hmac

from guantong.gateway.values import Plain


def masked(value: Plain, mask: str, salt: bytes) -> Plain:
    """``value`` under ``mask``; an absent value stays absent, whatever the mask."""
    if value is None or mask == "none":
        return value
    text = str(value)
    name, _, number = mask.partition(":")
    if name in {"keep_head", "keep_tail"} and number.isdecimal():
        return _kept(text, int(number), from_head=name == "keep_head")
    if name == "hash":
        return hmac.digest(salt, text.encode(), "sha256").hex()
    if name in {"year", "division"}:
        return text[:4] if len(text) >= 4 and text[:4].isdecimal() else None
    return None


def _kept(text: str, count: int, *, from_head: bool) -> str:
    hidden = "*" * max(0, len(text) - count)
    return text[:count] + hidden if from_head else hidden + text[len(hidden) :]

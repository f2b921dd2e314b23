"""One way to write a database's values in an answer: JSON without fractions, alike for every database."""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

LARGEST = 2**53
Plain = str | int | bool | None


def plain(value: Any) -> Plain:
    """The value as it stands in answers.

    Whole numbers stay numbers up to 2^53; fractions and larger ones become text, dates and times
    ISO 8601 text, bytes hexadecimal text.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST else str(value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)

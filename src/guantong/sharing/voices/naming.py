"""Naming the row that is meant, and saying what is wrong with it, without saying whose it is."""

import hashlib
import re

from guantong.sharing.errors import WordsTellTooMuch

# A resident ID or a mobile number, with the spaces and hyphens that people put in.
_PERSONAL = re.compile(r"(?<![0-9])(?:[0-9][ -]?){17}[0-9Xx](?![0-9])|(?<![0-9])1[3-9][0-9]{9}(?![0-9])")


def key_digest(key: str, uuid: str) -> str:
    """The digest of a row's key: slow (scrypt) and salted with the correction, so that trying all resident IDs takes years.

    Whoever holds the data types the key of a row and sees whether it is the one that is meant.
    """
    told = hashlib.scrypt(key.strip().upper().encode(), salt=uuid.encode(), n=1 << 14, r=8, p=1, dklen=32)
    return f"scrypt:{told.hex()}"


def key_tail(key: str) -> str:
    """The last four letters or digits of a key; nothing of a key that has not many more."""
    plain = re.sub(r"[^0-9A-Za-z]", "", key)
    return plain[-4:] if len(plain) >= 12 else ""


def demand_discreet(words: str) -> str:
    """``words``, trimmed; WordsTellTooMuch if they hold the number of a person."""
    if _PERSONAL.search(words):
        raise WordsTellTooMuch
    return words.strip()[:400]

"""Pinyin (拼音): what somebody types who does not switch the keyboard, and the order that readers expect of names."""

import unicodedata
from functools import cache, lru_cache
from typing import Final

from pypinyin import lazy_pinyin
from pypinyin.constants import PINYIN_DICT

from guantong.catalog.search.folding import fold, runs

_LONGEST_KEY: Final = 24


@cache
def _syllables() -> dict[int, str]:
    """The usual reading of each character, without tone."""
    return {code: _plain(readings.partition(",")[0]) for code, readings in PINYIN_DICT.items()}


def _plain(reading: str) -> str:
    letters = unicodedata.normalize("NFD", reading.replace("ü", "v"))
    return "".join(letter for letter in letters if "a" <= letter <= "z")


def sorting_key(name: str, pk: int) -> str:
    """Where a name stands in a list: by pinyin, unique by ``pk``; lower-case letters and digits only."""
    folded = "".join(runs(fold(name)))[:_LONGEST_KEY]
    return f"{''.join(c for c in folded.translate(_syllables()) if c.isascii() and c.isalnum())}0{pk:08x}"


@lru_cache(maxsize=50_000)
def syllables(word: str) -> tuple[str, ...]:
    """The reading of each character of a word as it is read there: 重庆 is ``chong qing``."""
    if word.isascii():
        return tuple(word)
    found = [_plain(each) for each in lazy_pinyin(word, v_to_u=False)]
    return (
        tuple(found) if len(found) == len(word) else tuple(_syllables().get(ord(each), each) for each in word)
    )


def spelt(word: str) -> tuple[str, str]:
    """A word's full pinyin and its initials: 居住证 is ``juzhuzheng`` and ``jzz``."""
    found = syllables(word)
    return "".join(found), "".join(each[:1] for each in found)

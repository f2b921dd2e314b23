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
def spelt(word: str) -> tuple[str, str]:
    """A word's full pinyin and its initials: 居住证 is ``juzhuzheng`` and ``jzz``."""
    syllables = [
        _plain(each) if not each.isascii() else each.lower() for each in lazy_pinyin(word, v_to_u=False)
    ]
    return "".join(syllables), "".join(
        each[0] if not _is_number(each) else each for each in syllables if each
    )


def _is_number(text: str) -> bool:
    return text.isascii() and not text.isalpha()

"""Text as it is compared: one width, one case, simplified characters, dictionary words.

Every folding is one character for one, so that a place in the folded text is the same place in the original.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import rjieba

# A dictionary word is found wherever it stands, inside longer ones too: 公安, 公安局 and 安全 are three words.
_RUNS: Final = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+|[\U00020000-\U0003ffff]|[0-9a-z]+")
_SURE: Final = 1_000_000
LONGEST_QUERY: Final = 200
MOST_TOKENS: Final = 24
# They say nothing about what is looked for; a query of nothing else still asks for them.
_EMPTY: Final = frozenset(
    [
        "的",
        "了",
        "和",
        "与",
        "及",
        "或",
        "等",
        "在",
        "是",
        "对",
        "为",
        "之",
        "以",
        "部门",
        "机关",
        "单位",
        "请",
        "查询",
        "有关",
        "相关",
    ]
)


@cache
def _table() -> dict[int, str]:
    """Full-width forms, capitals and traditional characters, one to one (OpenCC's own table of characters)."""
    table: dict[int, str] = {0x3000: " "}
    for code in [*range(0xFF01, 0xFF5F), *range(0x41, 0x5B), *range(0xC0, 0x250)]:
        plain = unicodedata.normalize("NFKC", chr(code)).lower()
        if len(plain) == 1:
            table[code] = plain
    lines = files("opencc").joinpath("dictionary/TSCharacters.txt").read_text("utf-8").splitlines()
    for line in lines:
        traditional, _, simplified = line.partition("\t")
        first = simplified.split(" ")[0]
        if len(traditional) == len(first) == 1:
            table[ord(traditional)] = first
    return table


def fold(text: str) -> str:
    """``text`` in one width, one case, simplified; every character stays at its place."""
    return text.translate(_table())


def read_lines(name: str) -> list[str]:
    """The lines of one of the word files."""
    text = files("guantong.catalog.search").joinpath(f"words/{name}").read_text("utf-8")
    return [fold(line.strip()) for line in text.splitlines() if line.strip() and not line.startswith("#")]


@cache
def _groups() -> dict[str, frozenset[str]]:
    """For each word of the tables, the words that mean the same."""
    groups: dict[str, set[str]] = {}
    for line in [*read_lines("agencies.csv"), *read_lines("synonyms.csv")]:
        together = line.split(",")
        for word in together:
            groups.setdefault(word, set()).update(together)
    return {word: frozenset(others - {word}) for word, others in groups.items()}


class _Words:
    """jieba's dictionary with our own words in it."""

    def __init__(self) -> None:
        self.jieba = rjieba.Jieba()
        for word in [*read_lines("terms.txt"), *_groups()]:
            self.jieba.add_word(word, _SURE, "n")


@cache
def _words() -> _Words:
    return _Words()


@lru_cache(maxsize=100_000)
def _cut_all(run: str) -> tuple[str, ...]:
    """Every dictionary word of a run of characters; single ones only where no word covers them."""
    if run[0] < "\u3400" or len(run) == 1:
        return (run,)
    words = _words().jieba.cut_all(run)
    longer = [word for word in words if len(word) > 1]
    if not longer:
        return tuple(words)
    covered = set("".join(longer))
    return (*longer, *(word for word in words if len(word) == 1 and word not in covered))


def runs(folded: str) -> list[str]:
    """The stretches of a folded text that carry words."""
    return _RUNS.findall(folded)


def index_tokens(text: str, *, singles: bool = False) -> str:
    """The words of ``text`` with blanks between; with ``singles`` every single character, too."""
    found = [word for run in runs(fold(text)) for word in _cut_all(run)]
    if singles:
        found += dict.fromkeys(each for run in runs(fold(text)) if run[0] >= "\u3400" for each in run)
    return " ".join(found)


def index_many(texts: Iterable[str]) -> str:
    """The words of several texts."""
    return " ".join(index_tokens(text) for text in texts)


def cut(text: str) -> list[str]:
    """The words of a folded text, one beside the other."""
    found: list[str] = []
    for run in runs(text):
        found += [run] if run[0] < "\u3400" else _words().jieba.cut(run, False)
    return found


def query_words(text: str) -> tuple[list[str], list[str]]:
    """The words of what somebody asks: those an entry must have, and those that only raise it.

    Single characters and words that say nothing are demanded only where there is nothing else.
    """
    words = list(dict.fromkeys(cut(fold(text[:LONGEST_QUERY]))))[:MOST_TOKENS]
    telling = [word for word in words if word not in _EMPTY and (len(word) > 1 or word.isascii())]
    if not telling:
        return words, []
    return telling, [word for word in words if word not in telling]


def alike(word: str) -> list[str]:
    """The words that mean the same: synonyms, and agencies' other names (公安部门, 市公安局, 公安局)."""
    found = set(_groups().get(word, ()))
    if not found and len(word) > 3 and word.endswith(("部门", "机关")):
        found = {word[:-2], *_groups().get(word[:-2], ())}
    return sorted(found)


def exact(text: str) -> str:
    """A name as it is compared whole: folded, without blanks and signs."""
    return "".join(runs(fold(text)))[:LONGEST_QUERY]


def fingerprint() -> str:
    """What the tokens depend on: an index made with other words has to be made anew."""
    folder = Path(str(files("guantong.catalog.search").joinpath("words")))
    parts = [path.read_bytes() for path in sorted(folder.iterdir())]
    return "1-" + hashlib.sha256(b"".join(parts)).hexdigest()[:16]

"""The suggestion box's vocabulary: names, keywords and departments, by characters, pinyin and initials.

One SQLite file beside the index. A term is found from the start of any of its words, so ``jzz`` finds 居住证 in the
middle of a name. It holds what is published, and no more than the commonest terms; what a viewer may not see is
sorted out by asking the index what a term finds for them.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from guantong.catalog.search.folding import cut, fold, index_tokens, runs
from guantong.catalog.search.pinyin import syllables
from guantong.catalog.search.types import EVERYBODY, Entry

NAME: Final = "vocabulary.sqlite3"
MOST_TERMS: Final = 30_000
_MOST_STARTS: Final = 8
_LONGEST_KEY: Final = 24
_MOST_HELD: Final = 400_000

_TABLES: Final = """
CREATE TABLE terms (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, weight INTEGER NOT NULL);
CREATE TABLE starts (key TEXT NOT NULL, term INTEGER NOT NULL, PRIMARY KEY (key, term)) WITHOUT ROWID;
"""

Term = tuple[str, str]
"""Text and kind."""


def terms_of(entry: Entry) -> Iterator[Term]:
    """The terms that an entry gives to the vocabulary; a draft gives none."""
    if EVERYBODY not in entry.seen_by:
        return
    yield entry.name, "name"
    yield entry.provider_name, "department"
    yield from ((keyword, "keyword") for keyword in entry.keywords if keyword)


class Tally:
    """Counts terms while an index is built, in bounded memory: the rare ones are let go when there are too many."""

    def __init__(self) -> None:
        self._counts: Counter[Term] = Counter()

    def passing(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The same entries, counted on their way."""
        for entry in entries:
            self._counts.update(terms_of(entry))
            if len(self._counts) > _MOST_HELD:
                self._counts = Counter(dict(self._counts.most_common(MOST_TERMS)))
            yield entry

    def write(self, folder: Path) -> None:
        """The commonest terms as the vocabulary of ``folder``."""
        departments = [(term, n) for term, n in self._counts.items() if term[1] == "department"]
        common = [each for each in self._counts.most_common(MOST_TERMS) if each[0][1] != "department"]
        with closing(sqlite3.connect(folder / NAME)) as base, base:
            base.executescript(_TABLES)
            _insert(base, [*departments[:MOST_TERMS], *common])


def add(folder: Path, entries: Iterable[Entry]) -> None:
    """Take the terms of changed entries in."""
    counted = Counter(term for entry in entries for term in terms_of(entry))
    with closing(sqlite3.connect(folder / NAME, timeout=5)) as base, base:
        _insert(base, list(counted.items()))


def look_up(folder: Path, typed: str, limit: int) -> list[Term]:
    """The weightiest terms with a word that starts as ``typed``."""
    key = "".join(runs(fold(typed[:_LONGEST_KEY])))
    if not key:
        return []
    place = f"file:{folder / NAME}?mode=ro"
    with closing(sqlite3.connect(place, uri=True, timeout=1)) as base:
        rows = base.execute(
            "SELECT text, kind FROM terms WHERE id IN (SELECT term FROM starts WHERE key >= ? AND key < ?)"
            " ORDER BY weight DESC, length(text), text LIMIT ?",
            (key, key + "\U0010ffff", limit),
        )
        return [(str(text), str(kind)) for text, kind in rows]


def _insert(base: sqlite3.Connection, counted: list[tuple[Term, int]]) -> None:
    for (text, kind), count in counted:
        row = base.execute(
            "INSERT INTO terms (text, kind, weight) VALUES (?, ?, ?)"
            " ON CONFLICT (text) DO UPDATE SET weight = weight + excluded.weight RETURNING id, weight",
            (text, kind, count),
        ).fetchone()
        if row[1] == count:
            keys = {(key, row[0]) for key in starts_of(text)}
            base.executemany("INSERT OR IGNORE INTO starts VALUES (?, ?)", sorted(keys))


def starts_of(text: str) -> Iterator[str]:
    """What might be typed for a term: its characters, pinyin and initials, from the start of each of its words."""
    folded = "".join(runs(fold(text)))
    spelling = [syllable for word in cut(folded) for syllable in syllables(word)]
    for start in _starts(folded):
        yield folded[start : start + _LONGEST_KEY]
        yield "".join(spelling[start : start + _LONGEST_KEY])[:_LONGEST_KEY]
        yield "".join(syllable[:1] for syllable in spelling[start : start + _LONGEST_KEY])


def _starts(folded: str) -> list[int]:
    """Where words begin, also those inside longer ones: in 市公安局 there is 公安局."""
    at = {0} | {folded.find(word) for word in index_tokens(folded).split() if len(word) > 1}
    return sorted(at)[:_MOST_STARTS]

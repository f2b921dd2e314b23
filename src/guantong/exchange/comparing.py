"""比对: of all rows of a source only those go that are new or have changed since the last run, and tombstones.

What is compared is the row as it leaves, masked and converted; a row that the gate refuses leaves the target's as it
is. The snapshot (:mod:`exchange.snapshots`) of a run is taken over when the run is closed. Until then every key that
is sent is noted first, so that after a crash nobody relies on what may not have arrived, or may have.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from guantong.exchange.columns import GONE, Column
from guantong.exchange.snapshots import (
    DIGEST,
    UNKNOWN,
    About,
    Drafting,
    Snapshot,
    digests,
    hashing,
    named,
)
from guantong.kit.durable import replacing, sync_folder

_BATCH_ROWS = 25_000
_MANY_NOTES = 200


class Book:
    """A job's folder: the snapshot in force, the one that waits for its run's end, notes of what is under way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.sent = folder / "sent"
        self.waiting = folder / "waiting"
        self.notes = folder / "notes"
        self.draft = folder / "draft"

    def take_over(self, run: str) -> None:
        """The run is closed: its snapshot is the one in force. Harmless if that has been done."""
        if (self.waiting / "about.json").exists() and Snapshot(self.waiting).about.run == run:
            old = self._folder / "old"
            shutil.rmtree(old, ignore_errors=True)
            if self.sent.exists():
                self.sent.rename(old)
            self.waiting.rename(self.sent)
            shutil.rmtree(self.notes, ignore_errors=True)
            sync_folder(self._folder)
            shutil.rmtree(old, ignore_errors=True)

    def in_force(self, about: About) -> Snapshot | None:
        """The snapshot that can be compared with, with what is noted as under way marked as unknown."""
        old = self._folder / "old"
        if old.exists() and not self.sent.exists():
            old.rename(self.sent)  # a crash between the two renames
        snapshot = Snapshot(self.sent) if (self.sent / "about.json").exists() else None
        if snapshot is not None and not snapshot.about.is_like(about):
            snapshot = None
        notes = sorted(self.notes.glob("*.arrow")) if self.notes.exists() else []
        is_current = snapshot is None or snapshot.about.hashing == hashing()
        if not notes and is_current:
            return snapshot
        return self._rebuilt(snapshot, notes, about)

    def note(self, keys: pl.DataFrame, run: str, chunk: int) -> None:
        """Before they are sent."""
        self.notes.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.notes / f"{run}-{chunk:06d}.arrow"
        with replacing(path) as file:
            keys.write_ipc(file, compat_level=pl.CompatLevel.oldest())

    def fold(self, about: About) -> None:
        """Take up many notes into the snapshot."""
        if self.notes.exists() and len(list(self.notes.iterdir())) >= _MANY_NOTES:
            self.in_force(about)
            old = self._folder / "old"
            if self.sent.exists():
                self.sent.rename(old)
            (self._folder / "rebuilt").rename(self.sent)
            shutil.rmtree(self.notes)
            sync_folder(self._folder)
            shutil.rmtree(old, ignore_errors=True)

    def _rebuilt(self, snapshot: Snapshot | None, notes: list[Path], about: About) -> Snapshot:
        """The snapshot under today's hashes, with every noted key of unknown digest."""
        rebuilt = self._folder / "rebuilt"
        drafting = Drafting(rebuilt)
        for entries in snapshot.entries() if snapshot else ():
            keys = entries.select(about.key)
            is_current = snapshot is not None and snapshot.about.hashing == about.hashing
            drafting.add(entries if is_current else named(keys, UNKNOWN))
        for path in notes:
            keys = pl.read_ipc(path.read_bytes())
            if keys.columns == list(about.key):
                drafting.add(named(keys, UNKNOWN))
        drafting.finish(
            About(snapshot.about.run if snapshot else "", about.target, about.key, about.kinds, about.hashing)
        )
        return Snapshot(rebuilt)


class Sent:
    """What one run sends, noted before it goes."""

    def __init__(
        self, folder: Path, *, run: str, target: str, key: Sequence[str], columns: Mapping[str, Column]
    ) -> None:
        self._book = Book(folder)
        self._run = run
        self._columns = columns
        kinds = tuple(str(columns[item].dtype) for item in key)
        self._about = About(run, target, tuple(key), kinds, hashing())

    def note(self, rows: pl.DataFrame, chunk: int) -> None:
        """``rows`` are about to be sent."""
        self._book.note(rows.select(self._about.key), self._run, chunk)

    def tidy(self) -> None:
        """Many notes become part of the snapshot."""
        self._book.fold(self._about)

    def marked(self, rows: pl.DataFrame, *, is_gone: bool) -> pl.DataFrame:
        """``rows`` with all columns and the mark; what a tombstone does not say is null."""
        absent = [
            pl.lit(None, column.dtype).alias(item)
            for item, column in self._columns.items()
            if item not in rows.columns and item != GONE
        ]
        marked = rows.with_columns(*absent, pl.lit(is_gone).alias(GONE))
        return marked.select(*(item for item in self._columns if item != GONE), GONE)


class Comparison(Sent):
    """One run of comparing. ``before`` is the last closed run as the receiving side tells, None if one stands open."""

    def __init__(
        self,
        folder: Path,
        *,
        run: str,
        target: str,
        key: Sequence[str],
        columns: Mapping[str, Column],
        before: str | None,
    ) -> None:
        super().__init__(folder, run=run, target=target, key=key, columns=columns)
        if before:
            self._book.take_over(before)
        self._old = self._book.in_force(self._about)
        # Nothing, or something else than we believe, has arrived there: all rows are sent.
        self._is_trusted = self._old is not None and before in {None, self._old.about.run}
        self._seen = np.zeros(len(self._old) if self._old is not None else 0, np.bool_)
        self._draft = Drafting(self._book.draft)

    def changed(self, rows: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
        """Those of ``rows`` that are to be sent; ``refused`` are the keys of refused ones."""
        self._keep(refused)
        if rows.is_empty():
            return self.marked(rows, is_gone=False)
        entries = named(rows.select(self._about.key), digests(rows))
        self._draft.add(entries)
        if self._old is None:
            return self.marked(rows, is_gone=False)
        places, had = self._old.find(entries)
        self._seen[places[places >= 0]] = True
        is_same = (places >= 0) & (had == entries[DIGEST].to_numpy()) & self._is_trusted
        return self.marked(rows.filter(~pl.Series(is_same)), is_gone=False)

    def gone(self) -> Iterator[pl.DataFrame]:
        """Tombstones of the rows that were sent once and are no longer there, after all rows were compared."""
        at = 0
        for entries in self._old.entries() if self._old is not None else ():
            gone = entries.filter(~pl.Series(self._seen[at : at + entries.height]))
            at += entries.height
            for part in gone.select(self._about.key).iter_slices(_BATCH_ROWS):
                if part.height:
                    yield self.marked(part, is_gone=True)

    def finish(self) -> None:
        """All is compared; the snapshot waits for the run's end."""
        self._draft.finish(self._about)
        shutil.rmtree(self._book.waiting, ignore_errors=True)
        self._book.draft.rename(self._book.waiting)
        sync_folder(self._book.waiting.parent)

    def _keep(self, refused: pl.DataFrame) -> None:
        """What was sent of rows that are refused now stays as it is."""
        if self._old is None or refused.is_empty():
            return
        entries = named(refused, UNKNOWN)
        places, had = self._old.find(entries)
        is_known = places >= 0
        self._seen[places[is_known]] = True
        self._draft.add(named(refused.filter(pl.Series(is_known)), had[is_known]))

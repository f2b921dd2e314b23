"""比对底稿: what a job has last sent, a key and a digest of the row for each, and which of it differs now.

Everything is found by a hash of the key, in files sorted by it, so that memory does not grow with the table: 24 bytes
a row are mapped while a chunk is looked up, the keys' values are only read to name those that are gone.
"""

import json
import mmap
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from guantong.kit.durable import sync_folder

UNKNOWN = 0
"""The digest of what may or may not have arrived."""
K1, K2, DIGEST = "~k1", "~k2", "~digest"
_INDEX = (K1, K2, DIGEST)
_BUCKETS = 64
_SHIFT = np.uint64(58)
_HELD_ROWS = 150_000
_BATCH_ROWS = 65_536
_SEEDS = (20, 51)

Numbers = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class About:
    """What a snapshot is of: it is of no use for another target, another key, or keys of other kinds."""

    run: str
    target: str
    key: tuple[str, ...]
    kinds: tuple[str, ...]
    hashing: str

    def is_like(self, other: "About") -> bool:
        """Whether rows of one can be found in the other."""
        return (self.target, self.key, self.kinds) == (other.target, other.key, other.kinds)


def hashing() -> str:
    """The hash functions' name: polars keeps its own from one release to the next, not for ever."""
    return f"polars {pl.__version__}"


def named(keys: pl.DataFrame, digest: npt.ArrayLike) -> pl.DataFrame:
    """``keys`` with the hashes by which they are found, and their rows' digests."""
    found = [keys.hash_rows(seed).alias(name) for name, seed in zip((K1, K2), _SEEDS, strict=True)]
    numbers = pl.Series(DIGEST, np.broadcast_to(np.asarray(digest, np.uint64), (keys.height,)))
    return keys.with_columns(*found, numbers)


def digests(rows: pl.DataFrame) -> Numbers:
    """A digest of every row, never ``UNKNOWN``."""
    return rows.hash_rows(7).to_numpy() | np.uint64(1)


class Snapshot:
    """A finished one, to look things up in."""

    def __init__(self, folder: Path) -> None:
        told = json.loads((folder / "about.json").read_text("utf-8"))
        self.about = About(**{**told, "key": tuple(told["key"]), "kinds": tuple(told["kinds"])})
        self._folder = folder
        self._k1, self._k2, self._digest = (_mapped(folder / name) for name in _INDEX)
        edges = np.arange(_BUCKETS, dtype=np.uint64) << _SHIFT
        self._edges = [*np.searchsorted(self._k1, edges).tolist(), len(self._k1)]

    def __len__(self) -> int:
        return len(self._k1)

    def find(self, wanted: pl.DataFrame) -> tuple[npt.NDArray[np.int64], Numbers]:
        """For each of ``wanted`` (see :func:`named`) its place here, or -1, and the digest it had."""
        k1, k2 = wanted[K1].to_numpy(), wanted[K2].to_numpy()
        places = np.full(len(k1), -1, np.int64)
        had = np.zeros(len(k1), np.uint64)
        bucket = (k1 >> _SHIFT).astype(np.int64)
        order = np.argsort(k1)
        bounds = np.searchsorted(bucket[order], np.arange(_BUCKETS + 1))
        for number in range(_BUCKETS):
            mine = order[bounds[number] : bounds[number + 1]]
            first, end = self._edges[number], self._edges[number + 1]
            if len(mine) and first < end:
                found = self._found(k1[mine], k2[mine], first, end)
                places[mine] = found
                had[mine] = np.where(found >= 0, self._digest[np.maximum(found, 0)], UNKNOWN)
        for mapped in (self._k1, self._k2, self._digest):
            _let_go(mapped)
        return places, had

    def _found(self, k1: Numbers, k2: Numbers, first: int, end: int) -> npt.NDArray[np.int64]:
        at = first + np.searchsorted(self._k1[first:end], k1)
        found = np.full(len(k1), -1, np.int64)
        for step in (0, 1):  # two keys that share 64 bits stand side by side
            here = np.minimum(at + step, end - 1)
            is_it = (self._k1[here] == k1) & (self._k2[here] == k2)
            found = np.where(is_it & (found < 0), here, found)
        return found

    def entries(self) -> Iterator[pl.DataFrame]:
        """Everything, in the snapshot's own order: keys, hashes, digests."""
        at = 0
        with pa.OSFile(str(self._folder / "keys.arrow")) as file, pa.ipc.open_file(file) as reader:
            for number in range(reader.num_record_batches):
                keys = _frame(reader.get_batch(number))
                numbers = [
                    pl.Series(name, np.array(mapped[at : at + keys.height]))
                    for name, mapped in zip(_INDEX, (self._k1, self._k2, self._digest), strict=True)
                ]
                at += keys.height
                for mapped in (self._k1, self._k2, self._digest):
                    _let_go(mapped)
                yield keys.with_columns(numbers)


class Drafting:
    """A snapshot in the making: entries in any order, sorted at the end; of equal keys the last one counts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        self._held: list[pl.DataFrame] = []
        self._count = 0
        self._spills: list[Any] = []

    def add(self, entries: pl.DataFrame) -> None:
        """More of what :func:`named` makes."""
        if entries.height:
            self._held.append(entries)
            self._count += entries.height
        if self._count >= _HELD_ROWS:
            self._spill()

    def finish(self, about: About) -> None:
        """Sort, write, make durable: the folder is a snapshot then."""
        if self._spills and self._held:
            self._spill()
        for spill in self._spills:
            spill.close()
        files = [(self._folder / name).open("wb") for name in _INDEX]
        keys: pa.ipc.RecordBatchFileWriter | None = None
        for entries in self._sorted():
            for file, name in zip(files, _INDEX, strict=True):
                file.write(entries[name].to_numpy().tobytes())
            table = entries.drop(_INDEX).to_arrow(compat_level=pl.CompatLevel.oldest())
            if keys is None:
                keys = pa.ipc.new_file(str(self._folder / "keys.arrow"), table.schema)
            keys.write_table(table, max_chunksize=_BATCH_ROWS)
        if keys is None:
            keys = pa.ipc.new_file(str(self._folder / "keys.arrow"), pa.schema([]))
        keys.close()
        for file in files:
            file.flush()
            os.fsync(file.fileno())
            file.close()
        told = {name: getattr(about, name) for name in About.__slots__}
        (self._folder / "about.json").write_text(json.dumps(told), "utf-8")
        for name in ("keys.arrow", "about.json"):
            _synced(self._folder / name)
        sync_folder(self._folder)

    def _spill(self) -> None:
        whole = pl.concat(self._held).sort(K1)
        schema = whole.head(0).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        if not self._spills:
            self._spills = [pa.ipc.new_stream(self._spilled(n), schema) for n in range(_BUCKETS)]
        edges = np.arange(_BUCKETS, dtype=np.uint64) << _SHIFT
        bounds = [*np.searchsorted(whole[K1].to_numpy(), edges).tolist(), whole.height]
        for number, spill in enumerate(self._spills):
            part = whole.slice(bounds[number], bounds[number + 1] - bounds[number])
            spill.write_table(part.to_arrow(compat_level=pl.CompatLevel.oldest()))
        self._held, self._count = [], 0

    def _spilled(self, number: int) -> str:
        return str(self._folder / f"spill-{number:02d}")

    def _sorted(self) -> Iterator[pl.DataFrame]:
        if not self._spills:
            if self._held:
                yield _last_of_each(pl.concat(self._held))
            return
        for number in range(_BUCKETS):
            path = Path(self._spilled(number))
            with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as reader:
                entries = pl.from_arrow(reader.read_all())
            path.unlink()
            assert isinstance(entries, pl.DataFrame)  # noqa: S101 - a table becomes a frame
            if entries.height:
                yield _last_of_each(entries)


def _last_of_each(entries: pl.DataFrame) -> pl.DataFrame:
    return entries.unique([K1, K2], keep="last", maintain_order=True).sort(K1)


def _frame(batch: pa.RecordBatch) -> pl.DataFrame:
    frame = pl.from_arrow(pa.Table.from_batches([batch]))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table becomes a frame
    return frame


def _mapped(path: Path) -> Numbers:
    if not path.stat().st_size:
        return np.zeros(0, np.uint64)
    mapped: Numbers = np.memmap(path, np.uint64, mode="r")
    return mapped


def _let_go(mapped: Numbers) -> None:
    """What was touched of the file need not stay in this process's memory."""
    if isinstance(mapped, np.memmap):
        mapped._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined] # noqa: SLF001 - numpy has no way of its own


def _synced(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())

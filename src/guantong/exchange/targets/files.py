"""CSV and Parquet files as targets. Chunks are gathered as parts beside the file, and become it at the end.

Their ledgers (:mod:`guantong.exchange.targets.ledgers`), one a job, are in a folder of the same name with ``.ledger``
behind; a line is durable after its part. The finished file takes its name in one step; a reader sees the old one or the new one.
"""

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast
from urllib.parse import unquote, urlsplit

import polars as pl
import pyarrow as pa
from pyarrow import parquet

from guantong.exchange.columns import Column
from guantong.exchange.errors import JobMisdeclared, TableVanished
from guantong.exchange.sources.files import below
from guantong.exchange.sources.reading import Found
from guantong.exchange.targets.applying import Entry, Landing, Load, Standing, short
from guantong.exchange.targets.ledgers import FileLedger
from guantong.kit.durable import sync_folder


class FileTarget(ABC):
    """What all kinds of files have in common. ``file:///folder`` must be there."""

    stores_nul = True
    stores_nan = True
    longest_text = 0

    def __init__(self, name: str, address: str, landing: Landing) -> None:
        folder = Path(unquote(urlsplit(address).path))
        self._landing = landing
        self._path = below(folder, landing.table, name)
        if not self._path.parent.is_dir():
            raise TableVanished(name=name, table=landing.table)
        if landing.writing == "upsert":
            raise self._no_keys()
        self._parts = self._path.with_name(f".{self._path.name}.{short(landing.job)}")
        ledger = self._path.with_name(self._path.name + ".ledger") / short(landing.job)
        ledger.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ledger = FileLedger(ledger)

    def find(self) -> Found:
        """See :class:`guantong.exchange.targets.applying.Target`. A file takes what comes."""
        return Found({name: self._taken(column) for name, column in self._landing.columns.items()})

    def standing(self) -> Standing:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        standing = replace(self._ledger.standing(), is_whole=self._parts.is_dir())
        if standing.is_closed and self._parts.is_dir():
            self._put_in_place()
        return standing

    def begin(self, run: str, *, fresh: bool) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        del run
        if fresh:
            self.give_up()
            self._parts.mkdir(mode=0o700)

    def give_up(self) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        shutil.rmtree(self._parts, ignore_errors=True)
        self._ledger.forget_open()

    def encode(self, rows: pl.DataFrame) -> Load:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        return Load(rows.height, rows)

    def encode_gone(self, keys: pl.DataFrame) -> object:
        """Refused: tombstones come with upserts alone, and only whoever signs wrongly sends them here. JobMisdeclared."""
        del keys
        raise self._no_keys()

    def apply(self, load: Load, entry: Entry) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        if self._ledger.has(entry):
            return
        part = self._parts / f"{entry.chunk:06d}.arrow"
        fresh = part.with_suffix(".new")
        cast("pl.DataFrame", load.data).write_ipc(fresh, compression="zstd")
        _synced(fresh)
        fresh.replace(part)
        sync_folder(self._parts)
        self._ledger.enter(entry)

    def close_run(self, entry: Entry) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        if not self._ledger.has(entry):
            # The whole file is made first: what is closed can always be put in place.
            made = self._parts / "whole"
            self._write(made, self._frames())
            _synced(made)
            sync_folder(self._parts)
            self._ledger.enter(entry)
        self._put_in_place()

    def close(self) -> None:  # noqa: B027 - nothing is held open between calls
        """See :class:`guantong.exchange.targets.applying.Target`."""

    def _taken(self, column: Column) -> Column:
        length = self.longest_text if column.kind == "text" else 0
        return Column(column.kind, precision=column.precision, scale=column.scale, length=length)

    @abstractmethod
    def _write(self, path: Path, frames: Iterator[pl.DataFrame]) -> None:
        """Make the whole file at ``path``."""

    @abstractmethod
    def _old(self) -> Iterator[pl.DataFrame]:
        """The rows of the file that is there."""

    def _no_keys(self) -> JobMisdeclared:
        return JobMisdeclared(
            job=self._landing.job, why_zh="文件不能按主键更新", why_en="a file cannot be updated by key"
        )

    def _frames(self) -> Iterator[pl.DataFrame]:
        """The file's rows to be: those that are there, to append, then the parts'. At least one, for its head."""
        yield pl.DataFrame(schema={name: column.dtype for name, column in self._landing.columns.items()})
        if self._landing.writing == "append" and self._path.exists():
            yield from self._old()
        for part in sorted(self._parts.glob("*.arrow")):
            yield pl.read_ipc(part)

    def _put_in_place(self) -> None:
        made = self._parts / "whole"
        if made.exists():
            made.replace(self._path)
            sync_folder(self._path.parent)
        shutil.rmtree(self._parts, ignore_errors=True)


class CSVTarget(FileTarget):
    """Comma-separated values with a header, UTF-8; texts are quoted, absent values are not."""

    def _write(self, path: Path, frames: Iterator[pl.DataFrame]) -> None:
        is_added = self._landing.writing == "append" and self._path.exists()
        with path.open("wb") as file:
            if is_added:
                with self._path.open("rb") as old:
                    shutil.copyfileobj(old, file)
            for number, frame in enumerate(frames):
                is_head = number == 0 and not is_added
                frame.write_csv(file, include_header=is_head, quote_style="non_numeric", null_value="")

    def _old(self) -> Iterator[pl.DataFrame]:
        yield from ()  # copied as it is


class ParquetTarget(FileTarget):
    """Apache Parquet with zstd, a row group a chunk."""

    def _write(self, path: Path, frames: Iterator[pl.DataFrame]) -> None:
        writer = None
        for frame in frames:
            table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            writer = writer or parquet.ParquetWriter(path, table.schema, compression="zstd")
            if table.num_rows:
                writer.write_table(table.cast(writer.schema))
        if writer is not None:
            writer.close()

    def _old(self) -> Iterator[pl.DataFrame]:
        with parquet.ParquetFile(self._path) as file:
            for batch in file.iter_batches(batch_size=25_000):
                frame = pl.from_arrow(pa.Table.from_batches([batch]))
                assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table becomes a frame
                yield frame


def _synced(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)

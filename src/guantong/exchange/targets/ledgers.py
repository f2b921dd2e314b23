"""A ledger in files, for targets that are no database: one file a run, one line a chunk, durable when it is there."""

import json
import os
from pathlib import Path
from typing import Any

from guantong.exchange.targets.applying import Entry, Standing
from guantong.kit.durable import sync_folder


class FileLedger:
    """The runs of one job. Only the latest is held in memory, and of it only what resuming needs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._chunks: set[int] = set()
        self._standing = Standing()
        self._length = 0
        self._read()

    def standing(self) -> Standing:
        """How far the job has come."""
        return self._standing

    def has(self, entry: Entry) -> bool:
        """Whether that line is there."""
        return entry.run == self._standing.run and entry.chunk in self._chunks

    def enter(self, entry: Entry) -> None:
        """Write a line; it is durable on return."""
        line = {
            "run": entry.run,
            "chunk": entry.chunk,
            "rows": entry.rows,
            "place": list(entry.place),
            "digest": entry.digest,
            "high": entry.high,
            "manifest": entry.manifest.decode(),
        }
        is_new = entry.run != self._standing.run
        if is_new:
            self._standing, self._chunks, self._length = Standing(run=entry.run, is_closed=False), set(), 0
        data = (json.dumps(line, ensure_ascii=False) + "\n").encode()
        file = os.open(self._path(entry.run), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # A line without its end was being written when the power went.
            os.ftruncate(file, self._length)
            os.pwrite(file, data, self._length)
            os.fsync(file)
        finally:
            os.close(file)
        if is_new:
            sync_folder(self._folder)
        self._length += len(data)
        self._note(line)

    def forget_open(self) -> None:
        """A run that is not closed was never there."""
        if self._standing.run and not self._standing.is_closed:
            self._path(self._standing.run).unlink(missing_ok=True)
            sync_folder(self._folder)
            self._read()

    def _path(self, run: str) -> Path:
        return self._folder / f"{run}.jsonl"

    def _read(self) -> None:
        self._standing, self._chunks, self._length = Standing(), set(), 0
        runs = sorted(self._folder.glob("*.jsonl"))
        if not runs:
            return
        self._standing = Standing(run=runs[-1].stem, is_closed=False)
        with runs[-1].open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._length += len(line)
                self._note(json.loads(line))

    def _note(self, line: dict[str, Any]) -> None:
        before = self._standing
        is_closing = line["chunk"] == 0
        self._chunks.add(line["chunk"])
        self._standing = Standing(
            run=line["run"],
            chunk=before.chunk if is_closing else line["chunk"],
            rows=before.rows if is_closing else before.rows + line["rows"],
            place=tuple(line["place"]),
            previous=line["digest"],
            high=line["high"],
            manifest=line["manifest"].encode(),
            is_closed=is_closing,
        )

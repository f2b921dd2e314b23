"""The embedded index on disk: ``<home>/search/<generation>``, and a pointer to the one in use.

A generation is built under a name nobody points to, and the pointer is swapped when it is whole: whoever is killed
half-way leaves a folder that is swept away later. Readers look at the pointer and at the generation's manifest before
each question (two ``stat`` calls) and follow.
"""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from guantong.catalog.search import engine, suggesting
from guantong.catalog.search.errors import SearchIndexMissing
from guantong.catalog.search.folding import fingerprint
from guantong.catalog.search.types import (
    Asked,
    Building,
    Changed,
    Entry,
    Found,
    Position,
    Progress,
    Suggestion,
)
from guantong.kit import clock, durable

POINTER: Final = "current"
MANIFEST: Final = "manifest.json"
BUILDING: Final = "building.json"
LOCK: Final = "build.lock"
BROKEN: Final = "broken"


class Manifest(msgspec.Struct, frozen=True):
    """What a generation holds: up to which change, made with which words."""

    position: Position
    entries: int
    fingerprint: str
    built_at: str
    commits: int = 0


@contextlib.contextmanager
def _as_missing() -> Iterator[None]:
    """Whatever a damaged index does, up to a panic of the library, becomes :class:`SearchIndexMissing`."""
    try:
        yield
    except (ValueError, OSError, KeyError, sqlite3.Error, msgspec.DecodeError) as error:
        raise SearchIndexMissing from error
    except BaseException as error:
        # A panic of the Rust library comes as a BaseException of a class that cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise SearchIndexMissing from error


class EmbeddedIndex:
    """The index of a node's own folder. See :class:`~guantong.catalog.search.types.SearchIndex`."""

    def __init__(self, folder: Path, kept: int = engine.KEPT) -> None:
        """``kept``: how many questions' counts are kept until the next commit."""
        self._folder, self._kept = folder, kept
        self._lock = threading.Lock()
        self._reader: engine.IndexReader | None = None
        self._changer: tuple[str, engine.IndexChanger] | None = None
        self._seen: tuple[str, int, int] = ("", 0, 0)

    # ── making ──

    def build(self, entries: Iterable[Entry], *, position: Position, progress: Progress) -> int:
        """Index everything in a new folder, and swap it in. One builder at a time; a second one waits."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._building() as began_at:
            place = self._folder / f"{began_at.replace(':', '').replace('.', '').lower()}-{os.getpid()}"
            place.mkdir()
            try:
                count = self._write(place, entries, position, _telling(self._folder, began_at, progress))
            except BaseException:
                shutil.rmtree(place, ignore_errors=True)
                raise
            durable.replace(self._folder / POINTER, place.name.encode())
            (self._folder / BROKEN).unlink(missing_ok=True)
            self.sweep()
        return count

    def _write(self, place: Path, entries: Iterable[Entry], position: Position, progress: Progress) -> int:
        tally = suggesting.Tally()
        count = engine.write_index(place, tally.passing(entries), progress)
        tally.write(place)
        manifest = Manifest(position, count, fingerprint(), clock.rfc3339(clock.now()))
        durable.replace(place / MANIFEST, msgspec.json.encode(manifest))
        return count

    @contextlib.contextmanager
    def _building(self) -> Iterator[str]:
        lock = os.open(self._folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            began_at = clock.rfc3339(clock.now())
            durable.replace(self._folder / BUILDING, msgspec.json.encode(Building(0, began_at)))
            yield began_at
        finally:
            (self._folder / BUILDING).unlink(missing_ok=True)
            os.close(lock)

    def sweep(self) -> None:
        """Remove the generations that nobody points to. Readers that still have one open keep its files."""
        current = self.generation()
        for place in self._folder.iterdir():
            if place.is_dir() and place.name != current:
                shutil.rmtree(place, ignore_errors=True)

    # ── changing ──

    def apply(self, changes: Sequence[Changed], *, position: Position) -> None:
        """Take changes in; durable before the position is."""
        with _as_missing():
            generation = self.generation()
            place = self._folder / generation
            manifest = self._manifest(generation)
            if self._changer is None or self._changer[0] != generation:
                self._changer = None
                self._changer = generation, engine.IndexChanger(place)
            self._changer[1].apply(changes)
            suggesting.add(place, (face for change in changes for face in change.faces))
            told = msgspec.structs.replace(manifest, position=position, commits=manifest.commits + 1)
            durable.replace(place / MANIFEST, msgspec.json.encode(told))

    def position(self) -> Position:
        """How far the generation in use has followed."""
        with _as_missing():
            return self._manifest(self.generation()).position

    def is_sound(self) -> bool:
        """Whether there is an index, made with today's words, that opens and holds what its manifest says."""
        try:
            with _as_missing():
                manifest = self._manifest(self.generation())
                if manifest.fingerprint != fingerprint() or (self._folder / BROKEN).exists():
                    return False
                reader = engine.IndexReader(self._folder / self.generation())
                reader.search(Asked(limit=1))
                return manifest.commits > 0 or reader.size == manifest.entries
        except SearchIndexMissing:
            return False

    def is_marked_broken(self) -> bool:
        """Whether a reader has met damage since the last build."""
        return (self._folder / BROKEN).exists()

    def building(self) -> Building | None:
        """How far the running build has come; None when there is none."""
        try:
            return msgspec.json.decode((self._folder / BUILDING).read_bytes(), type=Building)
        except (OSError, msgspec.DecodeError):
            return None

    def generation(self) -> str:
        """The name of the generation in use; :class:`SearchIndexMissing` when there is none."""
        try:
            return (self._folder / POINTER).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SearchIndexMissing from error

    def _manifest(self, generation: str) -> Manifest:
        return msgspec.json.decode((self._folder / generation / MANIFEST).read_bytes(), type=Manifest)

    # ── asking ──

    def search(self, asked: Asked) -> Found:
        """The answer of the newest commit of the generation in use."""
        with self._careful():
            return self._open().search(asked)

    def related(self, entry: Entry, *, sight: Sequence[str], limit: int = 5) -> list[int]:
        """Keys of the entries most like this one."""
        with self._careful():
            return self._open().related(entry, sight=sight, limit=limit)

    def suggest(self, text: str, *, sight: Sequence[str], limit: int = 8) -> list[Suggestion]:
        """Completions that find something for this viewer, each with its number of hits."""
        with self._careful():
            reader = self._open()
            terms = suggesting.look_up(self._folder / self._seen[0], text, limit * 2)
            found = ((term, kind, reader.total(Asked(text=term, sight=sight))) for term, kind in terms)
            return [Suggestion(*each) for each in found if each[2]][:limit]

    def _open(self) -> engine.IndexReader:
        """The reader, after a look at pointer and manifest: another generation is opened, another commit loaded."""
        pointer = self._folder / POINTER
        with self._lock:
            for attempt in (1, 2):
                generation = self.generation()
                try:
                    seen = (generation, pointer.stat().st_ino, self._manifest_stamp(generation))
                    if self._reader is None or seen[0] != self._seen[0]:
                        self._reader = engine.IndexReader(self._folder / generation, self._kept)
                    elif seen != self._seen:
                        self._reader.reload()
                except (OSError, ValueError):
                    # The generation may have been swept away between the two looks.
                    self._reader = None
                    if attempt == 2:
                        raise
                else:
                    self._seen = seen
                    return self._reader
        raise SearchIndexMissing

    def _manifest_stamp(self, generation: str) -> int:
        found = (self._folder / generation / MANIFEST).stat()
        return found.st_mtime_ns ^ found.st_ino

    @contextlib.contextmanager
    def _careful(self) -> Iterator[None]:
        """Damage is marked, so that the worker rebuilds; the asker is told that there is no index."""
        try:
            with _as_missing():
                yield
        except SearchIndexMissing:
            self._reader = None
            if (self._folder / POINTER).exists():
                # A mark that cannot be written is made by the next who meets the damage.
                with contextlib.suppress(OSError):
                    (self._folder / BROKEN).touch()
            raise


def _telling(folder: Path, began_at: str, progress: Progress) -> Progress:
    def tell(count: int) -> None:
        durable.replace(folder / BUILDING, msgspec.json.encode(Building(count, began_at)))
        progress(count)

    return tell

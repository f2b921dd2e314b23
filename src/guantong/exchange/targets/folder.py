"""A folder of files as a target: pieces are gathered in parts, and a part takes its name when its digest is right.

All of ours is in ``.guantong`` within the folder, on the same disk: ``<job>/parts`` (and ``ready``, what waits for
the end of a run), ``<job>/ledger/<run>.jsonl`` with a line a chunk, durable after its pieces, and ``quarantine``
with what did not arrive whole. A reader of the folder sees whole files only. Links in the folder are not followed.
"""

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl

from guantong.exchange.decide import Permit
from guantong.exchange.errors import JobMisdeclared, TableVanished, TargetFull
from guantong.exchange.files import COLUMNS, KEY, OWN, inside
from guantong.exchange.node import Node
from guantong.exchange.quarantine import put_aside
from guantong.exchange.sources.reading import Found
from guantong.exchange.targets.applying import Entry, Landing, Load, Standing, short
from guantong.exchange.targets.ledgers import FileLedger
from guantong.exchange.targets.parts import Part, Piece, PieceWrong, Place
from guantong.kit.durable import replace

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
DELIVERED = "delivered.json"


class FolderTarget:
    """``file:///folder`` must be there; the table is a sub-folder of it, or ``.``.

    A job that replaces is a mirror: what it delivered before and has gone from the source goes here too, at the
    end of a run. One that appends never changes a file that is there; one that updates replaces file by file.
    """

    stores_nul = False
    stores_nan = True

    def __init__(self, name: str, address: str, landing: Landing, permit: Permit, node: Node) -> None:
        self._name = name
        self._landing = landing
        self._node = node
        self._job = permit.job.id
        if landing.columns and set(landing.columns) != set(COLUMNS):
            raise JobMisdeclared(
                job=landing.job,
                why_zh="文件作业须包含且仅包含 " + "、".join(COLUMNS),
                why_en="a job of files has these fields and no others: " + ", ".join(COLUMNS),
            )
        home = Path(unquote(urlsplit(address).path))
        self._folder = home if landing.table in {"", "."} else _sub_folder(home, landing.table, name)
        if not self._folder.is_dir():
            raise TableVanished(name=name, table=landing.table)
        self._quarantine = self._folder / OWN / "quarantine"
        self._own = self._folder / OWN / short(landing.job)
        with self._truthful():
            self._place = Place(self._folder)
            for place in (self._quarantine, self._own / "ledger", self._own / "parts", self._own / "ready"):
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._ledger = FileLedger(self._own / "ledger")
        self._part: Part | None = None
        self._run = ""

    def find(self) -> Found:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        return Found(COLUMNS, (frozenset(KEY),))

    def standing(self) -> Standing:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._truthful():
            standing = self._ledger.standing()
            if standing.is_closed and standing.run:
                self._put_in_place(standing.run)
        return standing

    def begin(self, run: str, *, fresh: bool) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._truthful():
            if fresh:
                self._forget()
            self._run = run

    def give_up(self) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._truthful():
            self._forget()

    def encode(self, rows: pl.DataFrame) -> Load:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        return Load(rows.height, rows)

    def encode_gone(self, keys: pl.DataFrame) -> object:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        return keys

    def apply(self, load: Load, entry: Entry) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        rows = load.data
        assert isinstance(rows, pl.DataFrame)  # noqa: S101 - as encode made it
        with self._truthful():
            if self._ledger.has(entry):
                return
            if isinstance(load.gone, pl.DataFrame):
                self._drop_gone(load.gone)
            for row in rows.select(list(COLUMNS)).iter_rows():
                self._take(Piece(*row), entry)
            if self._part is not None:
                self._part.sync()
            self._ledger.enter(entry)

    def close_run(self, entry: Entry) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        with self._truthful():
            if not self._ledger.has(entry):
                self._leave_part()
                for part in list(Part.all(self._own / "parts")):
                    self._drop(part, entry)
                self._ledger.enter(entry)
            self._put_in_place(entry.run)

    def close(self) -> None:
        """See :class:`guantong.exchange.targets.applying.Target`."""
        self._leave_part()
        self._place.close()

    # ── one piece ──

    def _drop_gone(self, keys: pl.DataFrame) -> None:
        """Files whose first piece has gone are gone; the rest of one that is shorter now comes anew as a whole."""
        if self._landing.writing != "upsert":
            return
        for name in keys.filter(pl.col("offset") == 0)["file"].to_list():
            if inside(name):
                self._place.drop(name)

    def _take(self, piece: Piece, entry: Entry) -> None:
        """Write one piece to its part, and the whole file where it belongs if it was the last."""
        part = self._part_of(piece, entry)
        if part is None:
            return
        try:
            part.write(piece)
        except PieceWrong as wrong:
            self._put_aside(part, wrong.reason, entry)
            return
        if part.is_whole:
            self._finish(part, entry)

    def _part_of(self, piece: Piece, entry: Entry) -> Part | None:
        """The part that the piece belongs to; None if nothing is to be done about it any more."""
        if self._part is not None and self._part.fits(piece):
            return self._part
        self._leave_part()
        part = Part(self._own / "parts", piece)
        if self._is_aside(part, entry.run):
            return None
        if piece.offset == 0:
            reason = piece.fault()
            if reason:
                self._put_aside(part, reason, entry)
                return None
            part.create()
        elif not part.resume(piece.offset):
            # It was finished before a crash, or its beginning is of another version of the file.
            if not self._is_finished(part):
                self._put_aside(part, "changed_midway", entry)
            return None
        self._part = part
        return part

    def _finish(self, part: Part, entry: Entry) -> None:
        self._part = None
        part.sync()
        if part.found_digest() != part.digest:
            self._put_aside(part, "digest_differs", entry)
            return
        if self._landing.aside:
            part.move(self._own / "ready")
            return
        self._put(part, entry.run, entry.chunk)

    def _put(self, part: Part, run: str, chunk: int) -> None:
        """The whole file takes its name."""
        if not part.path.exists():
            part.remove()  # a crash came after it had taken its name
            return
        is_kept = self._landing.writing == "append" and self._place.has(part.file)
        if is_kept and self._place.holds(part):
            part.remove()
        elif is_kept or not self._place.put(part):
            self._put_part_aside(part, "name_taken", run, chunk)

    def _drop(self, part: Part, entry: Entry) -> None:
        """The run is over, and the part is not whole. Without bytes it is what a crash left of one that was."""
        if part.path.exists():
            self._put_aside(part, "incomplete", entry)
        else:
            part.remove()

    def _is_finished(self, part: Part) -> bool:
        return part.is_in(self._own / "ready") or self._place.holds(part)

    # ── what did not arrive whole ──

    def _is_aside(self, part: Part, run: str) -> bool:
        return (self._quarantine / f"{run}-{part.id}.json").exists()

    def _put_aside(self, part: Part, reason: str, entry: Entry) -> None:
        if self._part is part:
            self._part = None
        self._put_part_aside(part, reason, entry.run, entry.chunk)

    def _put_part_aside(self, part: Part, reason: str, run: str, chunk: int) -> None:
        found = part.found_digest()
        told = {**part.as_json(), "found": found, "reason": reason, "run": run}
        rows = pl.DataFrame(
            {name: [str(told[name])] for name in ("file", "size", "digest", "found")}
            | {"reasons": [f"file:{reason}"]}
        )
        put_aside(
            self._node.quarantine, job=self._job, run=run, chunk=chunk, side=f"file-{part.id[:12]}", rows=rows
        )
        part.close()
        if part.path.exists():
            part.path.replace(self._quarantine / f"{run}-{part.id}.bytes")
        replace(self._quarantine / f"{run}-{part.id}.json", json.dumps(told, ensure_ascii=False).encode())
        part.remove()

    # ── the end of a run ──

    def _put_in_place(self, run: str) -> None:
        """Give what is ready its names. Done again after a crash until nothing is left to do."""
        if not self._landing.aside:
            return
        waiting = list(Part.all(self._own / "ready"))
        mark = self._own / f"mirrored-{run}"
        if mark.exists() and not waiting:
            return
        names = self._delivered(run) | {part.file for part in waiting} | self._put_aside_in(run)
        # Who was delivered in this run must be known even after half of them have their names.
        replace(self._own / f"{DELIVERED}.{run}", json.dumps(sorted(names), ensure_ascii=False).encode())
        for part in waiting:
            self._put(part, run, 0)
        if self._landing.writing == "replace":
            for name in self._delivered("") - names:
                self._place.drop(name)
            replace(self._own / DELIVERED, json.dumps(sorted(names), ensure_ascii=False).encode())
        for old in self._own.glob("mirrored-*"):
            old.unlink()
        mark.touch()
        with suppress(FileNotFoundError):  # the run was taken up after this was done
            (self._own / f"{DELIVERED}.{run}").unlink()

    def _put_aside_in(self, run: str) -> set[str]:
        """Files that are still at the source, but did not arrive whole in this run: their old version stays."""
        told = (json.loads(path.read_text("utf-8")) for path in self._quarantine.glob(f"{run}-*.json"))
        return {str(one["file"]) for one in told}

    def _delivered(self, run: str) -> set[str]:
        path = self._own / (f"{DELIVERED}.{run}" if run else DELIVERED)
        try:
            return set(json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            return set()

    def _forget(self) -> None:
        """Nothing of a run that stands open is left."""
        self._leave_part()
        for name in ("parts", "ready"):
            shutil.rmtree(self._own / name, ignore_errors=True)
            (self._own / name).mkdir(mode=0o700)
        self._ledger.forget_open()

    def _leave_part(self) -> None:
        if self._part is not None:
            self._part.sync()
            self._part.close()
            self._part = None

    @contextmanager
    def _truthful(self) -> Iterator[None]:
        try:
            yield
        except OSError as fault:
            if fault.errno in _FULL:
                # What is open may lack its end; it is taken up again from what the disk holds.
                if self._part is not None:
                    self._part.close()
                    self._part = None
                raise TargetFull(name=self._name) from fault
            raise


def _sub_folder(home: Path, table: str, name: str) -> Path:
    path = (home / table).resolve()
    if "\0" in table or home.resolve() not in path.parents:
        raise TableVanished(name=name, table=table)
    return path

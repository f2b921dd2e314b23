"""Where old records rest: sealed spool segments, packed by zstd, each with a manifest of its digests.

A segment leaves the spool when all of it is in the log's witnessed tree and whoever reads the spool has read it. The
order of writes makes a crash harmless: the packed segment, its manifest, the writer's mark (:data:`MARK`), and only then
is the segment taken from the spool; doing it again ends in the same state. Proofs never need the spool: the log's index
has the digests, and the record itself is found here by its writer and offset.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from guantong.evidence import spool
from guantong.evidence.chains import link_of
from guantong.evidence.spool import Spooled
from guantong.kit import durable
from guantong.kit.errors import GuantongError
from guantong.kit.suites import Suite

MARK = "archived.json"
"""In a writer's spool folder: up to where its records are archived, and where its chains stood there."""

_NAME = re.compile(r"[0-9]{20}\Z")

Step = Callable[[str], None]


class ArchiveDamaged(GuantongError):
    """A packed segment is not what its manifest says."""

    code = "archive_damaged"
    status = 500
    zh = "归档文件 {path} 已损坏或缺失。"
    en = "The archived file {path} is damaged or missing."


class RecordNotKept(GuantongError):
    """A record that is in the log is neither in the spool nor in the archive."""

    code = "record_not_kept"
    status = 404
    zh = "写入者 {writer} 在偏移 {offset} 处的记录既不在待存区，也不在归档中。"
    en = "The record of writer {writer} at offset {offset} is neither in the spool nor in the archive."


class Segment(msgspec.Struct, frozen=True):
    """The manifest of one packed segment: offsets, lengths in bytes, SHA-256 of the plain and of the packed bytes."""

    writer: str
    start: int
    end: int
    records: int
    digest: str
    packed_digest: str
    packed_bytes: int


class Mark(msgspec.Struct, frozen=True):
    """Up to which offset a writer's records are archived, and where its chains stood: number and digests."""

    before: int = 0
    chains: dict[str, tuple[int, tuple[str, ...]]] = {}

    def tails(self, suite: Suite) -> dict[str, tuple[int, str | None]]:
        """Chain → last archived number and that receipt's digest in ``suite``."""
        mine = f"{suite.digest_name}:"
        return {
            chain: (number, next(digest for digest in digests if digest.startswith(mine)))
            for chain, (number, digests) in self.chains.items()
        }


class Archive:
    """The archive in ``folder``: a folder a writer, two files a segment. ``step`` is called after every write."""

    def __init__(self, folder: Path, *, step: Step = lambda _: None) -> None:
        self._folder = folder
        self._step = step

    def add(self, spools: Path, writer: str, start: int) -> Segment:
        """Move the sealed segment of ``writer`` that begins at ``start`` from the spool to here."""
        place, path = self._folder / writer, spool.segment_path(spools / writer, start)
        place.mkdir(parents=True, exist_ok=True)
        data = path.read_bytes()
        records = list(spool.unframed(data, start))
        if not records or records[-1].next_offset != start + len(data):
            raise spool.SpoolDamaged(writer=writer, offset=records[-1].next_offset if records else start)
        packed = _pack(data)
        segment = Segment(
            writer, start, start + len(data), len(records), _hex(data), _hex(packed), len(packed)
        )
        durable.replace(self._packed(writer, start), packed)
        self._step("segment packed")
        durable.replace(self._manifest(writer, start), msgspec.json.format(msgspec.json.encode(segment)))
        self._step("manifest written")
        self.data(segment)  # what is taken away must be readable here
        _move_mark(spools / writer, segment, records)
        self._step("mark moved")
        path.unlink()
        durable.sync_folder(path.parent)
        self._step("segment taken from the spool")
        return segment

    def segments(self, writer: str) -> list[Segment]:
        """The writer's packed segments, oldest first."""
        place = self._folder / writer
        paths = sorted(path for path in place.glob("*.json") if _NAME.match(path.stem))
        return [_manifest(path) for path in paths]

    def writers(self) -> list[str]:
        """The writers that have something here."""
        return spool.writers(self._folder)

    def data(self, segment: Segment) -> bytes:
        """The plain bytes of a packed segment, compared with its digests; :class:`ArchiveDamaged`."""
        path = self._packed(segment.writer, segment.start)
        try:
            packed = path.read_bytes()
            fits = _hex(packed) == segment.packed_digest
            data = _unpack(packed, segment.end - segment.start) if fits else b""
        except (OSError, ValueError):
            data = b""
        if _hex(data) != segment.digest:
            raise ArchiveDamaged(path=str(path))
        return data

    def read(self, writer: str, offset: int = 0) -> Iterator[Spooled]:
        """The writer's archived records from ``offset`` on."""
        for segment in self.segments(writer):
            if segment.end > offset:
                records = spool.unframed(self.data(segment), segment.start)
                yield from (record for record in records if record.offset >= offset)

    def restore(self, spools: Path, writer: str, start: int) -> list[Segment]:
        """Put the writer's segments from ``start`` on back into the spool; the copies here stay."""
        wanted = [segment for segment in self.segments(writer) if segment.start >= start]
        for segment in reversed(wanted):  # the newest first: the spool has no gap at any moment
            durable.replace(spool.segment_path(spools / writer, segment.start), self.data(segment))
        return wanted

    def _packed(self, writer: str, start: int) -> Path:
        return self._folder / writer / f"{start:020d}.seg.zst"

    def _manifest(self, writer: str, start: int) -> Path:
        return self._folder / writer / f"{start:020d}.json"


def move_old(archive: Archive, spools: Path, floors: Mapping[str, int], *, before: datetime) -> list[Segment]:
    """Archive every sealed segment last written ``before`` and wholly below its writer's floor; which ones."""
    moved = []
    for writer, floor in floors.items():
        for start, end, path in spool.sealed(spools, writer):
            if end > floor or path.stat().st_mtime > before.timestamp():
                break
            moved.append(archive.add(spools, writer, start))
    return moved


def read(spools: Path, archive: Archive, writer: str, offset: int = 0) -> Iterator[Spooled]:
    """All records of a writer from ``offset`` on that are kept, from the archive first, then from the spool.

    A segment that was lost is passed over: whether anything is missing is for :mod:`guantong.evidence.chains` to say.
    """
    kept = spool.first(spools, writer)
    for record in archive.read(writer, offset):
        if kept is not None and record.offset >= kept:
            break
        offset = record.next_offset
        yield record
    yield from spool.read(spools, writer, max(offset, kept or 0))


def find(spools: Path, archive: Archive, writer: str, offset: int) -> bytes:
    """The record of ``writer`` at ``offset``; :class:`RecordNotKept`."""
    # What rests in the archive is read there; damage is told, lest a record pass for one that was never kept.
    with suppress(spool.SpoolArchived):
        found = next(spool.read(spools, writer, offset), None)
        if found is not None and found.offset == offset:
            return found.record
    found_here = next(archive.read(writer, offset), None)
    if found_here is None or found_here.offset != offset:
        raise RecordNotKept(writer=writer, offset=offset)
    return found_here.record


def read_mark(place: Path) -> Mark:
    """The mark in a writer's spool folder."""
    try:
        return msgspec.json.decode((place / MARK).read_bytes(), type=Mark)
    except FileNotFoundError:
        return Mark()


def _move_mark(place: Path, segment: Segment, records: list[Spooled]) -> None:
    mark = read_mark(place)
    if mark.before >= segment.end:
        return
    chains = dict(mark.chains)
    for record in records:
        # An alert, or whatever else is no statement with a number, belongs to no chain.
        with suppress(GuantongError):
            link = link_of(record.record)
            if link:
                chains[link.chain] = (link.n, link.digests)
    durable.replace(place / MARK, msgspec.json.encode(Mark(segment.end, chains)))


def _manifest(path: Path) -> Segment:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Segment)
    except (OSError, msgspec.MsgspecError) as fault:
        raise ArchiveDamaged(path=str(path)) from fault


def _hex(data: bytes) -> str:
    return sha256(data).hexdigest()


def _pack(data: bytes) -> bytes:
    import pyarrow  # noqa: PLC0415 - heavy, and only archiving needs it

    return bytes(pyarrow.compress(data, codec="zstd", asbytes=True))


def _unpack(packed: bytes, length: int) -> bytes:
    import pyarrow  # noqa: PLC0415 - as above

    return bytes(pyarrow.decompress(packed, decompressed_size=length, codec="zstd", asbytes=True))

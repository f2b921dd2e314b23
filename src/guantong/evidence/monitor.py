"""A monitor follows a log: it reads every new tile, computes the root itself, and never forgets what it was shown.

It needs nothing but the log's address and public key. What it has verified it keeps as a mirror: the same files as the
log's own tree. From a mirror a log that was restored from an old backup is repaired, and a rewritten history is proven
(:mod:`guantong.evidence.accusations`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from guantong.evidence import merkle, notes
from guantong.evidence.accusations import Accusation, check_accusation
from guantong.evidence.checkpoints import Checkpoint, read_checkpoint
from guantong.evidence.merkle import Hash
from guantong.evidence.notes import Note
from guantong.evidence.proofs import ENTRY_BYTES, ENTRY_PREFIX
from guantong.evidence.tiles import (
    ENTRIES,
    TILE_HEIGHT,
    TILE_WIDTH,
    TilePath,
    Tiles,
    TreeDamaged,
    write_tile_path,
)
from guantong.kit import durable
from guantong.kit.errors import GuantongError
from guantong.kit.suites import VerifyKey

TILES_AT_ONCE = 16
_ENTRY_HEAD = ENTRY_BYTES.to_bytes(2) + ENTRY_PREFIX


class LogUnreadable(GuantongError):
    """A followed log does not answer as a log should."""

    code = "log_unreadable"
    status = 502
    zh = "日志 {origin} 的应答无法使用：{why}。"
    en = "What the log {origin} answers is of no use: {why}."


class Reply(Protocol):
    """A peer's answer, as :class:`guantong.courier.client.Reply`."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def body(self) -> bytes:
        """The whole body."""


Get = Callable[[str], Awaitable[Reply]]
"""``get(path)``, the path below the log's address."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look showed: the size that is verified now, how many entries were new, and what is wrong, if anything.

    ``alarm`` is ``log_forked`` (proven: ``accusation``), ``log_tiles_wrong`` (the tiles are not those of the signed root)
    or ``log_shrunk`` (a smaller tree of the same history: an old copy).
    """

    size: int
    new: int = 0
    alarm: str | None = None
    accusation: Accusation | None = None
    shown: Checkpoint | None = None


class Mirror:
    """What was verified of one log, in ``folder``: its tree and the newest checkpoint that fits it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "checkpoint"
        self.tiles = Tiles(folder)
        self.note: bytes | None = self._path.read_bytes() if self._path.exists() else None
        self.checkpoint = read_checkpoint(notes.read(self.note).text) if self.note else None
        self.tiled = self.size if self._is_whole() else 0
        """How many leaves the files hold; less than :attr:`size` if they were lost and must be read again."""

    @property
    def size(self) -> int:
        """The size of the newest verified tree."""
        return self.checkpoint.size if self.checkpoint else 0

    def root(self, size: int) -> Hash:
        """The root of the first ``size`` leaves; :class:`TreeDamaged`."""
        return merkle.root(size, self.tiles.node)

    def keep(self, raw: bytes, checkpoint: Checkpoint) -> None:
        """The files hold this tree, and it is verified: it is the newest now, also after a power cut."""
        self.tiles.sync()
        durable.replace(self._path, raw)
        self.note, self.checkpoint, self.tiled = raw, checkpoint, checkpoint.size

    def tile(self, path: TilePath) -> bytes | None:
        """A tile of the verified tree."""
        height = TILE_HEIGHT * path.level if isinstance(path.level, int) else 0
        if path.number * TILE_WIDTH + path.width > self.size >> height:
            return None
        return self.tiles.read(path)

    def close(self) -> None:
        """Close the files."""
        self.tiles.close()

    def _is_whole(self) -> bool:
        try:
            return self.checkpoint is None or self.root(self.checkpoint.size) == self.checkpoint.root
        except TreeDamaged:
            return False


class Monitor:
    """Follows one log. ``keys`` are the public keys by which the log ``origin`` may sign."""

    def __init__(
        self, mirror: Mirror, origin: str, keys: Callable[[], Mapping[str, VerifyKey]], get: Get
    ) -> None:
        self.mirror = mirror
        self.origin = origin
        self._keys = keys
        self._get = get
        self._doubted: dict[str, Look] = {}

    async def look(self) -> Look:
        """Read what is new and compare; :class:`LogUnreadable` and the courier's errors say why it could not."""
        note, checkpoint = await read_signed(self._get, self.origin, self._keys())
        raw = note.to_bytes()
        before = self.mirror.size
        if doubted := self._doubted.get(note.text):
            return doubted  # nothing new, and it was examined as far as it can be
        if checkpoint.size < before or (checkpoint.size == before and self.mirror.tiled == before):
            return self._doubt(note, self.judge(raw))
        await self._take_in(checkpoint.size)
        try:
            fits = self._fits(checkpoint)
        except TreeDamaged:
            fits = False
        if not fits:
            return self._doubt(note, await self._examine(raw, checkpoint))
        self.mirror.keep(raw, checkpoint)
        return Look(checkpoint.size, checkpoint.size - before)

    def judge(self, raw: bytes) -> Look:
        """Compare a checkpoint, wherever it was shown, with what was verified here.

        Larger trees are not judged, nor any while the mirror is read anew.
        """
        _, checkpoint = self.read(raw)
        size = self.mirror.size
        if self.mirror.note is None or self.mirror.tiled < size or checkpoint.size > size:
            return Look(size, shown=checkpoint)
        prefix = self.mirror.root(checkpoint.size)
        if prefix == checkpoint.root:
            return Look(size, alarm="log_shrunk" if checkpoint.size < size else None, shown=checkpoint)
        path = merkle.consistency_path(checkpoint.size, size, self.mirror.tiles.node)
        return self._accused(Accusation(self.mirror.note, raw, prefix, tuple(path)), checkpoint)

    def read(self, raw: bytes) -> tuple[Note, Checkpoint]:
        """The note and checkpoint in ``raw``, signed by the log; :class:`LogUnreadable`."""
        return check_signed(raw, self.origin, self._keys())

    def _fits(self, checkpoint: Checkpoint) -> bool:
        old = self.mirror.checkpoint
        if old and self.mirror.root(old.size) != old.root:
            return False
        return self.mirror.root(checkpoint.size) == checkpoint.root

    async def _take_in(self, size: int) -> None:
        """Write the digests up to ``size`` to the mirror's files; they count once :meth:`Mirror.keep` says so."""
        start = self.mirror.tiled
        async for digests in read_digests(self._get, self.origin, start, size):
            await asyncio.to_thread(self.mirror.tiles.write, start, digests)
            start += len(digests)

    async def _examine(self, raw: bytes, checkpoint: Checkpoint) -> Look:
        """The larger tree does not go on where the verified one was: is that proven by its own tiles?"""
        old, note = self.mirror.checkpoint, self.mirror.note
        # What was written beyond the verified tree is not believed; the verified leaves below it were not touched.
        wrong = Look(self.mirror.size, alarm="log_tiles_wrong", shown=checkpoint)
        if old is None or note is None:
            return wrong
        try:
            prefix, path = await self._consistency(old.size, checkpoint.size)
            accusation = Accusation(raw, note, prefix, tuple(path))
            check_accusation(accusation, self._keys().values())
        except GuantongError:
            return wrong
        return self._accused(accusation, checkpoint)

    async def _consistency(self, old: int, new: int) -> tuple[Hash, list[Hash]]:
        """The root at ``old`` and the path from there to ``new`` by the log's own tiles."""
        tiles: dict[tuple[int, int], bytes] = {}
        wanted: set[tuple[int, int]] = set()

        def node(height: int, index: int) -> Hash:
            level, above = divmod(height, TILE_HEIGHT)
            number, first = divmod(index << above, TILE_WIDTH)
            if (level, number) not in tiles:
                wanted.add((level, number))
                return merkle.EMPTY_ROOT
            rows = tiles[level, number][first * 32 : (first + (1 << above)) * 32]
            return merkle.fold([rows[at : at + 32] for at in range(0, len(rows), 32)])

        merkle.root(old, node)  # the first time only to see which tiles it takes
        merkle.consistency_path(old, new, node)
        for level, number in sorted(wanted):
            tiles[level, number] = await read_tile(
                self._get, self.origin, TilePath(level, number, _width(level, number, new))
            )
        return merkle.root(old, node), merkle.consistency_path(old, new, node)

    def _accused(self, accusation: Accusation, shown: Checkpoint) -> Look:
        return Look(self.mirror.size, alarm="log_forked", accusation=accusation, shown=shown)

    def _doubt(self, note: Note, look: Look) -> Look:
        if look.alarm is None:
            return Look(look.size)
        self._doubted = {note.text: replace(look, alarm=None, accusation=None)}
        return look


async def read_signed(get: Get, origin: str, keys: Mapping[str, VerifyKey]) -> tuple[Note, Checkpoint]:
    """The checkpoint at ``/checkpoint``, signed by the log; :class:`LogUnreadable`."""
    return check_signed(await _read(get, origin, "/checkpoint"), origin, keys)


def check_signed(raw: bytes, origin: str, keys: Mapping[str, VerifyKey]) -> tuple[Note, Checkpoint]:
    """The note and checkpoint in ``raw``, if one of ``keys`` that bears the log's name signed it; :class:`LogUnreadable`."""
    try:
        note = notes.read(raw)
        checkpoint = read_checkpoint(note.text)
    except GuantongError as fault:
        raise LogUnreadable(origin=origin, why=fault.sentence("en")) from fault
    own = {ref: key for ref, key in keys.items() if key.name == origin}
    if checkpoint.origin != origin or not note.signed_by(own):
        raise LogUnreadable(origin=origin, why="its checkpoint is not signed by a known key")
    return note, checkpoint


async def read_digests(get: Get, origin: str, start: int, size: int) -> AsyncIterator[list[bytes]]:
    """The records' digests from leaf ``start`` to ``size``, some thousands at a time; :class:`LogUnreadable`."""
    while start < size:
        first = start // TILE_WIDTH
        numbers = range(first, min(first + TILES_AT_ONCE, -(-size // TILE_WIDTH)))
        paths = [TilePath(ENTRIES, number, _width(ENTRIES, number, size)) for number in numbers]
        tiles = await asyncio.gather(*(read_tile(get, origin, path) for path in paths))
        digests = [digest for tile in tiles for digest in _digests(tile, origin)]
        yield digests[start - first * TILE_WIDTH :]
        start = first * TILE_WIDTH + len(digests)


async def read_tile(get: Get, origin: str, path: TilePath) -> bytes:
    """The bytes of one tile; :class:`LogUnreadable`."""
    body = await _read(get, origin, f"/tile/{write_tile_path(path)}")
    each = 2 + ENTRY_BYTES if path.level == ENTRIES else merkle.HASH_BYTES
    if len(body) != path.width * each:
        raise LogUnreadable(origin=origin, why="a tile has the wrong length")
    return body


def mirror_name(origin: str) -> str:
    """The name of a log's folder among mirrors, and of its place in addresses: 32 hexadecimal digits."""
    return sha256(origin.encode()).hexdigest()[:32]


def keep_accusation(folder: Path, accusation: Accusation) -> tuple[Path, bool]:
    """Keep an accusation in ``folder``, named by its digest; its file, and whether it is new."""
    folder.mkdir(parents=True, exist_ok=True)
    data = accusation.to_bytes()
    path = folder / f"accusation-{sha256(data).hexdigest()[:16]}.json"
    is_new = not path.exists()
    if is_new:
        durable.replace(path, data)
    return path, is_new


async def _read(get: Get, origin: str, path: str) -> bytes:
    reply = await get(path)
    if reply.status != 200:
        raise LogUnreadable(origin=origin, why=f"{reply.status} for {path}")
    return reply.body


def _width(level: int | str, number: int, size: int) -> int:
    height = TILE_HEIGHT * level if isinstance(level, int) else 0
    return min(TILE_WIDTH, (size >> height) - number * TILE_WIDTH)


def _digests(tile: bytes, origin: str) -> list[bytes]:
    each, head = 2 + ENTRY_BYTES, len(_ENTRY_HEAD)
    entries = [tile[at : at + each] for at in range(0, len(tile), each)]
    if any(entry[:head] != _ENTRY_HEAD for entry in entries):
        raise LogUnreadable(origin=origin, why="an entry is not a record's digest")
    return [entry[head:] for entry in entries]

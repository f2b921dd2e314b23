"""The tree on disk, served as tiles (https://c2sp.org/tlog-tiles).

One append-only file per tile level holds that level's hashes end to end, and ``digests`` holds the records'
digests, from which entries follow. A tile is a slice of its level's file and a partial tile is a shorter
slice, so there is nothing to rewrite and nothing to collect. Writing the same leaves again writes the same
bytes.
"""

import os
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from guantong.evidence.merkle import HASH_BYTES, Hash, fold
from guantong.evidence.proofs import ENTRY_BYTES, ENTRY_PREFIX
from guantong.kit.durable import sync_folder
from guantong.kit.errors import GuantongError

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
ENTRIES = "entries"

_LEAF_PREFIX = b"\x00" + ENTRY_PREFIX
_PATH = re.compile(r"(entries|0|[1-5]?[0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?\Z")


class TreeDamaged(GuantongError):
    """The tree on disk does not hold what the log has signed."""

    code = "tree_damaged"
    status = 500
    zh = "日志的默克尔树与已签署的检查点不符：{why}。"
    en = "The log's tree does not match what the log has signed: {why}."


class TilePath(NamedTuple):
    """Which tile: level (or ``entries``), number within the level, and width (256 if full)."""

    level: int | str
    number: int
    width: int


def read_tile_path(path: str) -> TilePath | None:
    """What ``<L>/<N>[.p/<W>]`` names, e.g. ``0/x001/x234/067.p/5``; None if that is not its one form."""
    found = _PATH.match(path)
    if found is None:
        return None
    level = found[1] if found[1] == ENTRIES else int(found[1])
    groups = found[2].replace("x", "").split("/")
    width = int(found[3]) if found[3] else TILE_WIDTH
    if (len(groups) > 1 and groups[0] == "000") or width > TILE_WIDTH - (found[3] is not None):
        return None
    return TilePath(level, int("".join(groups)), width)


def write_tile_path(tile: TilePath) -> str:
    """The path of a tile: 1234067 is ``x001/x234/067``."""
    digits = str(tile.number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    number = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
    return f"{tile.level}/{number}" + (f".p/{tile.width}" if tile.width < TILE_WIDTH else "")


class Tiles:
    """The files. One writer; any number of threads may read what is already there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._digests = self._open("digests")
        self._levels = [self._open("level-0")]
        while (folder / f"level-{len(self._levels)}").exists():
            self._levels.append(self._open(f"level-{len(self._levels)}"))
        self._touched: set[int] = set()

    def write(self, start: int, digests: Sequence[bytes]) -> None:
        """Put the leaves of records with these SHA-256 ``digests`` at ``start`` and fill the levels above."""
        self._put(self._digests, start, b"".join(digests))
        self._put(self._levels[0], start, b"".join([sha256(_LEAF_PREFIX + one).digest() for one in digests]))
        level, first, last = 0, start, start + len(digests)
        while first >> TILE_HEIGHT < last >> TILE_HEIGHT:
            first, last = first >> TILE_HEIGHT, last >> TILE_HEIGHT
            rows = self._get(self._levels[level], first * TILE_WIDTH, (last - first) * TILE_WIDTH)
            folded = [fold(_hashes(rows, at)) for at in range(0, len(rows), TILE_WIDTH * HASH_BYTES)]
            level += 1
            if level == len(self._levels):
                self._levels.append(self._open(f"level-{level}"))
                sync_folder(self._folder)
            self._put(self._levels[level], first, b"".join(folded))

    def sync(self) -> None:
        """Return when everything written is on disk."""
        touched, self._touched = self._touched, set()
        for file in touched:
            os.fdatasync(file)

    def node(self, height: int, index: int) -> Hash:
        """The root of the complete subtree ``(height, index)``; :class:`TreeDamaged` if it is not there."""
        level, above = divmod(height, TILE_HEIGHT)
        if level >= len(self._levels):
            raise TreeDamaged(why=f"no level {level}")
        rows = self._get(self._levels[level], index << above, 1 << above)
        return fold(_hashes(rows, 0, 1 << above))

    def read(self, tile: TilePath) -> bytes | None:
        """The bytes of a tile or bundle of entries, or None if the tree is not that wide (yet)."""
        start = tile.number * TILE_WIDTH
        try:
            if isinstance(tile.level, int):
                known = tile.level < len(self._levels)
                return self._get(self._levels[tile.level], start, tile.width) if known else None
            digests = self._get(self._digests, start, tile.width)
        except TreeDamaged:
            return None
        prefix = ENTRY_BYTES.to_bytes(2) + ENTRY_PREFIX
        return b"".join([prefix + digests[at : at + HASH_BYTES] for at in range(0, len(digests), HASH_BYTES)])

    def close(self) -> None:
        """Close the files."""
        for file in (self._digests, *self._levels):
            os.close(file)

    def _open(self, name: str) -> int:
        return os.open(self._folder / name, os.O_RDWR | os.O_CREAT, 0o644)

    def _put(self, file: int, position: int, hashes: bytes) -> None:
        view, at = memoryview(hashes), position * HASH_BYTES
        while view:
            written = os.pwrite(file, view, at)
            view, at = view[written:], at + written
        self._touched.add(file)

    def _get(self, file: int, position: int, count: int) -> bytes:
        rows = os.pread(file, count * HASH_BYTES, position * HASH_BYTES)
        if len(rows) != count * HASH_BYTES:
            raise TreeDamaged(why=f"hash {position + count - 1} is missing")
        return rows


def _hashes(rows: bytes, start: int, count: int = TILE_WIDTH) -> list[Hash]:
    return [rows[at : at + HASH_BYTES] for at in range(start, start + count * HASH_BYTES, HASH_BYTES)]

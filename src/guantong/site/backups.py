"""A node's folder, copied while its processes run, and put back.

The order is what makes the copy consistent: first the log's index, then every database, last the spools. So whatever a
database or the index says of a spool, the copied spool has it. What has come since the backup is the log's to notice: it
asks its witnesses before it signs again (:mod:`guantong.evidence.repair`).
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from guantong.evidence import generations
from guantong.evidence.log import RESTORED
from guantong.kit import clock, durable
from guantong.kit.errors import GuantongError
from guantong.kit.settings import Settings

MANIFEST = "backup.json"
INDEX = "log/log.sqlite"

# The tree follows from the index, mirrors from the logs they mirror, the search index from the database.
_LEFT = ("keys", "run", "archive", "search", "log/tree", "log/mirrors", "worker.lock")
_SQLITE = b"SQLite format 3\0"


class BackupFailed(GuantongError):
    """A backup cannot be made at that place."""

    code = "backup_failed"
    status = 409
    zh = "无法备份到 {path}：目录须为空。"
    en = "No backup can be made at {path}: the folder must be empty."


class BackupWrong(GuantongError):
    """What is to be restored is not a whole backup of this node."""

    code = "backup_wrong"
    status = 422
    zh = "{path} 不是本节点的完整备份：{why_zh}。"
    en = "{path} is not a whole backup of this node: {why_en}."


class NodeNotEmpty(GuantongError):
    """The node's folder has records already; a backup is not put over them."""

    code = "node_not_empty"
    status = 409
    zh = "节点目录 {path} 已有日志或凭证，须先移开才能恢复备份。"
    en = "The node's folder {path} has a log or records already; move them away before a backup is restored."


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds: node, moment, and each file's SHA-256."""

    node: str
    at: str
    has_keys: bool
    files: dict[str, str]


def back_up(settings: Settings, target: Path, *, has_keys: bool, at: datetime) -> Manifest:
    """Copy this node's folder to ``target``, with the private keys only if ``has_keys``; :class:`BackupFailed`.

    A control database on a PostgreSQL server is not in it: dump it before, by the server's own means.
    """
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(target.iterdir()):
        raise BackupFailed(path=str(target))
    left = tuple(part for part in _LEFT if part != "keys" or not has_keys)
    files: dict[str, str] = {}
    for turn in range(3):  # looked for anew each time: a segment that began meanwhile belongs to the copy
        for name in sorted(name for name in _wanted(settings.home, left) if _turn(name)[0] == turn):
            if digest := _copy(settings.home / name, target / name):
                files[name] = digest
    manifest = Manifest(settings.node, clock.rfc3339(at), has_keys, files)
    durable.replace(target / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def restore(settings: Settings, source: Path) -> Manifest:
    """Put a backup into this node's folder. Its log asks the witnesses before it signs; its writers begin new chains.

    :class:`BackupWrong`, :class:`NodeNotEmpty`.
    """
    manifest = _checked(source, settings.node)
    if (settings.home / INDEX).exists() or any(settings.spool_folder.glob("*/*.seg")):
        raise NodeNotEmpty(path=str(settings.home))
    settings.log_folder.mkdir(parents=True, exist_ok=True)
    durable.replace(settings.log_folder / RESTORED, manifest.at.encode())
    for name in sorted(
        manifest.files, key=_turn, reverse=True
    ):  # the index last: without it nothing starts halfway
        place = settings.home / name
        place.parent.mkdir(parents=True, exist_ok=True)
        with (source / name).open("rb") as read, durable.replacing(place) as write:
            shutil.copyfileobj(read, write)
    generations.begin(settings.spool_folder)
    return manifest


def _wanted(home: Path, left: tuple[str, ...]) -> Iterator[str]:
    for path in home.rglob("*"):
        name = path.relative_to(home).as_posix()
        is_left = any(name == part or name.startswith(f"{part}/") for part in left)
        is_passing = path.name.endswith(("-wal", "-shm", "-journal", ".lock")) or path.name in {
            "lock",
            "lease",
        }
        if path.is_file() and not path.is_symlink() and not is_left and not is_passing:
            yield name


def _turn(name: str) -> tuple[int, str]:
    """When a file is copied: the log's index, then what may speak of spools, then the spools, oldest segment first."""
    return (0 if name == INDEX else 2 if name.startswith("spool/") else 1), name


def _copy(source: Path, target: Path) -> str | None:
    """The digest of the copy; None if the file has gone meanwhile, as passing files do."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with source.open("rb") as file:
            is_database = file.read(len(_SQLITE)) == _SQLITE
            file.seek(0)
            if not is_database:
                with target.open("xb") as copy:
                    shutil.copyfileobj(file, copy)
    except FileNotFoundError:
        return None
    if is_database:
        with closing(sqlite3.connect(source, timeout=30)) as read, closing(sqlite3.connect(target)) as write:
            read.backup(write)
    return _digest(target)


def _checked(source: Path, node: str) -> Manifest:
    def wrong(why_zh: str, why_en: str) -> BackupWrong:
        return BackupWrong(path=str(source), why_zh=why_zh, why_en=why_en)

    try:
        manifest = msgspec.json.decode((source / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as fault:
        raise wrong("没有清单", "it has no manifest") from fault
    if manifest.node != node:
        raise wrong(f"属于节点 {manifest.node}", f"it is of node {manifest.node}")
    for name, digest in manifest.files.items():
        path = source / name
        if (
            not path.resolve().is_relative_to(source.resolve())
            or not path.is_file()
            or _digest(path) != digest
        ):
            raise wrong(f"文件 {name} 缺失或已损坏", f"the file {name} is missing or damaged")
    return manifest


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        hashed = sha256()
        while block := file.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()

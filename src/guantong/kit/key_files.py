"""Secrets at rest: one file each, readable by the node alone."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from guantong.kit.durable import sync_folder
from guantong.kit.errors import GuantongError
from guantong.kit.suites import SigningKey


class KeyExposed(GuantongError):
    """A private key's file can be read by others than the node."""

    code = "key_exposed"
    status = 500
    zh = "私钥文件 {path} 可被他人读取，须将权限改为 0600。"
    en = "The key file {path} can be read by others; its mode must be 0600."


def write_secret(path: Path, make: Callable[[], str]) -> None:
    """Write what ``make`` returns to ``path`` with mode 0600 unless the file is there already.

    The name appears when the file is whole and on disk: a crash leaves no empty key behind.
    """
    if path.exists():
        return
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(make() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # somebody was faster: theirs stays
            os.link(fresh, path)
    finally:
        Path(fresh).unlink()
    sync_folder(path.parent)


@lru_cache(maxsize=16)
def load_key(path: Path) -> SigningKey:
    """The signing key in ``path``; :class:`KeyExposed` if its mode lets others than the node read it."""
    if path.stat().st_mode & 0o077:
        raise KeyExposed(path=str(path))
    return SigningKey.from_text(path.read_text(encoding="utf-8").strip())

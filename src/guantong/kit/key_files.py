"""Secrets at rest: one file each, readable by the node alone."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from guantong.kit.durable import sync_folder
from guantong.kit.errors import GuantongError
from guantong.kit.suites import SigningKey, VerifyKey


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


def load_key(path: Path) -> SigningKey:
    """The signing key in ``path`` now; :class:`KeyExposed` if its mode lets others than the node read it."""
    if path.stat().st_mode & 0o077:
        raise KeyExposed(path=str(path))
    return read_key(path)


def read_key(path: Path) -> SigningKey:
    """The signing key in ``path`` now; read once for each file that has stood there."""
    found = path.stat()
    return _read(path, (found.st_ino, found.st_mtime_ns, found.st_size))


class HeldKey(SigningKey):
    """The key in a file, for processes that run for long: another key that takes its place is taken over by :meth:`renew`.

    It signs like the key that it holds; who needs reference and signature of one key takes :attr:`steady`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = read_key(path)

    def renew(self) -> None:
        """Hold the key that is in the file now."""
        self._held = read_key(self._path)

    @property
    def steady(self) -> SigningKey:
        """The key that is held at this moment."""
        return self._held

    @property
    def name(self) -> str:  # type: ignore[override]
        """Its name."""
        return self._held.name

    @property
    def algorithm(self) -> str:  # type: ignore[override]
        """Its algorithm."""
        return self._held.algorithm

    @property
    def public(self) -> VerifyKey:
        """The public half."""
        return self._held.public

    def sign(self, data: bytes) -> bytes:
        """The signature over ``data``."""
        return self._held.sign(data)

    def to_text(self) -> str:
        """The signed-note signer key (skey)."""
        return self._held.to_text()


@lru_cache(maxsize=64)
def _read(path: Path, stamp: tuple[int, ...]) -> SigningKey:
    del stamp  # another file under the same name is another key
    return SigningKey.from_text(path.read_text(encoding="utf-8").strip())

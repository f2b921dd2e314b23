"""This node's keys: one file a key in the node's folder, readable by the node alone."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from secrets import token_hex

from guantong.federation.errors import KeyExposed
from guantong.kit.durable import sync_folder
from guantong.kit.settings import Settings
from guantong.kit.suites import INTERNATIONAL, SigningKey, suite


def make_keys(settings: Settings) -> None:
    """Make the keys that are missing: node (receipts, messages, bundles), log, witness, subject (an HMAC key).

    The log and the witness speak C2SP formats, which know Ed25519 only; the node key follows the suite.
    """
    settings.key_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    makers = {
        "node": lambda: suite(settings.suite).generate(f"{settings.name}/node").to_text(),
        "log": lambda: INTERNATIONAL.generate(f"{settings.name}/log").to_text(),
        "witness": lambda: INTERNATIONAL.generate_witness(f"{settings.name}/witness").to_text(),
        "subject": lambda: token_hex(32),
    }
    for name, make in makers.items():
        write_secret(settings.key_folder / f"{name}.key", make)


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


def node_key(settings: Settings) -> SigningKey:
    """The key by which this node signs receipts, messages, cards and bundles."""
    return load_key(settings.key_folder / "node.key")

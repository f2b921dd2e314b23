"""This node's keys: one file a key in the node's folder, readable by the node alone."""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from secrets import token_hex

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
    """Write what ``make`` returns to ``path`` with mode 0600 unless the file is there already."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(make() + "\n")


@lru_cache(maxsize=16)
def load_key(path: Path) -> SigningKey:
    """The signing key in ``path``."""
    return SigningKey.from_text(path.read_text(encoding="utf-8").strip())


def node_key(settings: Settings) -> SigningKey:
    """The key by which this node signs receipts, messages, cards and bundles."""
    return load_key(settings.key_folder / "node.key")

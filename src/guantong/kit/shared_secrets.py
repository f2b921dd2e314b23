"""Secrets that a node shares with applications: their digests, and the one file in which they rest (mode 0600)."""

import fcntl
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from guantong.kit.durable import replace

FILE = "applications.json"


def digest_of(secret: str) -> str:
    """What is written down of a secret: ``sha-256:<hex>``. Secrets are long and random, so nothing is guessed from it."""
    return "sha-256:" + sha256(secret.encode()).hexdigest()


def follow(folder: Path, name: str, secret: str, *, former: str = "") -> None:
    """Let the file in ``folder`` hold ``secret`` under ``name``. On disk on return.

    What it held there goes on under the name ``former``, if one is given. Several processes may do it at once: the
    file is read, changed and replaced under a lock. Readers see the old file or the new.
    """
    with _changed(folder) as held:
        if former and name in held:
            held[former] = held[name]
        held[name] = secret


def drop(folder: Path, names: Iterable[str]) -> None:
    """Take out of the file what it holds under ``names``. On disk on return."""
    with _changed(folder) as held:
        for name in names:
            held.pop(name, None)


@contextmanager
def _changed(folder: Path) -> Iterator[dict[str, str]]:
    path = folder / FILE
    with _alone(folder / f".{FILE}.lock"):
        held: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        yield held
        replace(path, json.dumps(held, ensure_ascii=False, indent=1, sort_keys=True).encode())


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed, also by a crash
        yield

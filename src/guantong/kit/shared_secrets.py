"""Secrets that a node shares with applications: their digests, and the one file in which they rest (mode 0600)."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from guantong.kit.durable import replace

FILE = "applications.json"


def digest_of(secret: str) -> str:
    """What is written down of a secret: ``sha-256:<hex>``. Secrets are long and random, so nothing is guessed from it."""
    return "sha-256:" + sha256(secret.encode()).hexdigest()


def keep(folder: Path, name: str, secret: str | None) -> None:
    """Let the file in ``folder`` hold ``secret`` under ``name``; None takes it out. On disk on return.

    Several processes may do it at once: the file is read, changed and replaced under a lock. Readers see the old file
    or the new.
    """
    path = folder / FILE
    with _alone(folder / f".{FILE}.lock"):
        held: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        if secret is None:
            held.pop(name, None)
        else:
            held[name] = secret
        replace(path, json.dumps(held, ensure_ascii=False, indent=1, sort_keys=True).encode())


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed, also by a crash
        yield

"""Where bundles are left and picked up: a folder with ``current.bundle`` (offered) and ``accepted.bundle``.

The accepted one is the last that was verified, kept so that after a restart the gateway serves at once
and knows below which sequence it may not fall.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from guantong.bundle.errors import BundleRefused
from guantong.bundle.sealing import open_bundle
from guantong.bundle.types import Bundle
from guantong.kit import durable
from guantong.kit.suites import VerifyKey

OFFERED = "current.bundle"
ACCEPTED = "accepted.bundle"


def publish(folder: Path, raw: bytes) -> None:
    """Offer a sealed bundle: it is there wholly or not at all, also after a power cut."""
    folder.mkdir(parents=True, exist_ok=True)
    durable.replace(folder / OFFERED, raw)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A new bundle came into force."""

    bundle: Bundle


@dataclass(frozen=True, slots=True)
class Rejected:
    """A bundle was refused; the one in force stays. ``digest`` is the SHA-256 of the refused file."""

    reason: BundleRefused
    digest: str


class Depot:
    """The reading side. ``bundle`` is the one in force, or None before the first."""

    def __init__(self, folder: Path, keyring: Mapping[str, VerifyKey], *, node: str, edge: str = "") -> None:
        self._folder = folder
        self._keyring = keyring
        self._node = node
        self._edge = edge
        self._seen: tuple[int, int, int] | None = None
        self._in_force = b""
        self._refused = ""
        self.bundle: Bundle | None = None

    def recover(self) -> Accepted | Rejected | None:
        """Put the last accepted bundle back into force; it is refused if its file was touched."""
        try:
            raw = (self._folder / ACCEPTED).read_bytes()
        except FileNotFoundError:
            return None
        return self._consider(raw)

    def poll(self) -> Accepted | Rejected | None:
        """Look whether a new file is there (one stat when it is not) and judge it.

        A file is judged once: None is returned while it stays the same.
        """
        try:
            stat = (self._folder / OFFERED).stat()
            mark = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if mark == self._seen:
                return None
            raw = (self._folder / OFFERED).read_bytes()
        except FileNotFoundError:
            return None
        self._seen = mark
        if raw == self._in_force:
            return None
        news = self._consider(raw)
        if isinstance(news, Accepted):
            durable.replace(self._folder / ACCEPTED, raw)
        return news

    def _consider(self, raw: bytes) -> Accepted | Rejected | None:
        floor = self.bundle.sequence if self.bundle else -1
        try:
            bundle = open_bundle(raw, self._keyring, node=self._node, edge=self._edge, floor=floor)
        except BundleRefused as reason:
            digest = hashlib.sha256(raw).hexdigest()
            if digest == self._refused:
                return None
            self._refused = digest
            return Rejected(reason, digest)
        self.bundle, self._in_force = bundle, raw
        return Accepted(bundle)

"""The secrets that applications share with their node, for the profiles that sign with one (HMAC).

The bundle holds their digests only; the secrets themselves lie in one file of the key folder (mode 0600), written by
the control plane when it gives one out. A secret that does not fit a digest of the bundle is none.
"""

from pathlib import Path

from guantong.bundle.addresses import read_secrets
from guantong.bundle.overlaps import Overlaps
from guantong.bundle.types import Application, Bundle
from guantong.kit.shared_secrets import digest_of


class SharedSecrets:
    """Reads the file again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._secrets: dict[str, bytes] = {}
        self._overlaps = Overlaps()

    def of(self, application: Application, bundle: Bundle) -> list[bytes]:
        """The secrets by which ``application`` may sign as the bundle stands, the present one first.

        More than one while they overlap. Raises SecretsExposed.
        """
        digests = self._overlaps.digests(application, bundle)
        if not digests:
            return []
        held = self._current()
        return [held[digest] for digest in digests if digest in held]

    def _current(self) -> dict[str, bytes]:
        """The secrets by their digests, so that it does not matter whether bundle or file changes first."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return {}
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._seen:
            secrets = read_secrets(self._path).values()
            self._secrets, self._seen = {digest_of(each): each.encode() for each in secrets}, stamp
        return self._secrets

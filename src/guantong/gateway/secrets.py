"""The secrets that applications share with their node, for the profiles that sign with one (HMAC).

The bundle holds their digests only; the secrets themselves lie in one file of the key folder (mode 0600), written by
the control plane when it gives one out. A secret that does not fit the bundle's digest is none.
"""

import hmac
from pathlib import Path

from guantong.bundle.addresses import read_secrets
from guantong.bundle.types import Application
from guantong.kit.shared_secrets import digest_of


class SharedSecrets:
    """Reads the file again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._secrets: dict[str, str] = {}

    def of(self, application: Application) -> bytes | None:
        """The secret of ``application`` as it stands in the bundle, or None. Raises SecretsExposed."""
        if not application.secret:
            return None
        secret = self._current().get(application.id, "")
        return secret.encode() if hmac.compare_digest(digest_of(secret), application.secret) else None

    def _current(self) -> dict[str, str]:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return {}
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._seen:
            self._secrets, self._seen = read_secrets(self._path), stamp
        return self._secrets

"""What a run needs of its node: keys, suite, folders, addresses, and the book of receipts."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from guantong.exchange.mail.room import Mailroom
from guantong.exchange.objects import ObjectStore
from guantong.exchange.receipts import Book
from guantong.exchange.staging import DEFAULT_QUOTA, FolderStore, Store
from guantong.kit.suites import SigningKey, Suite


@dataclass(frozen=True, slots=True)
class Node:
    """This node's side of all exchanges. ``folder`` is its own (``<home>/exchange``)."""

    code: str
    key: SigningKey
    suite: Suite
    folder: Path
    subject_key: bytes
    addresses: Callable[[], Mapping[str, str]]
    accounts: Book
    quota: int = DEFAULT_QUOTA
    """Bytes that the staging store may hold."""
    mailroom: Mailroom | None = None
    salts: Callable[[str], bytes] | None = None
    """An edge has no subject key: its node tells it the salts of the grants that it serves."""
    staging_url: str = ""
    """Where the staging store is, if it is not a folder here."""
    staging_credentials: str = ""

    @property
    def keys(self) -> Path:
        """Where the node's keys rest."""
        return self.folder.parent / "keys"

    def room(self) -> Mailroom:
        """What lies in the staging store. One process looks after it, with one such list."""
        return self.mailroom or Mailroom(self.store())

    def store(self) -> Store:
        """The staging store: an object store if the settings name one, else a folder."""
        if self.staging_url:
            return ObjectStore(self.staging_url, Path(self.staging_credentials), quota=self.quota)
        return FolderStore(self.folder / "staging", quota=self.quota)

    @property
    def quarantine(self) -> Path:
        """Where refused rows rest."""
        return self.folder / "quarantine"

    def mask_salt(self, grant: str) -> bytes:
        """The salt of a grant's hashes: the gateway's, so that a person has one pseudonym under one grant."""
        if self.salts is not None:
            return self.salts(grant)
        return hmac.digest(self.subject_key, b"mask\n" + grant.encode(), "sha256")

"""The files that a person or the control plane writes for a log, read again whenever they change.

``policy``: a C2SP tlog-policy that names this log's witnesses with their addresses and the quorum. Without
the file, nobody witnesses. ``known-logs``: the logs that this node witnesses, one verifier key a line,
``#`` comments. ``followed``: the logs whose tiles this node reads, verifier keys and address, one log a line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from guantong.evidence.policy import NO_WITNESSES, Policy, read_policy
from guantong.kit.errors import GuantongError
from guantong.kit.suites import VerifyKey

T = TypeVar("T")


class Reread(Generic[T]):
    """A file's content, parsed, as fresh as its last change; an unreadable change leaves the old content."""

    def __init__(self, path: Path, parse: Callable[[str], T], absent: T) -> None:
        self._path, self._parse, self._absent = path, parse, absent
        self._stamp: tuple[int, ...] | None = None
        self._content = absent
        self.trouble: GuantongError | None = None

    def current(self) -> T:
        """The content now; :attr:`trouble` says why a change was not taken."""
        stamp = self._look()
        if stamp != self._stamp:
            try:
                text = self._path.read_text("utf-8") if stamp else None
                self._content = self._absent if text is None else self._parse(text)
                self._stamp, self.trouble = stamp, None
            except GuantongError as fault:
                self._stamp, self.trouble = stamp, fault
            except (OSError, UnicodeDecodeError):
                self._stamp = None  # it vanished or is half written: look again next time
        return self._content

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def policy_file(path: Path) -> Reread[Policy]:
    """The log's witnesses and quorum."""
    return Reread(path, read_policy, NO_WITNESSES)


def known_logs_file(path: Path) -> Reread[Mapping[str, VerifyKey]]:
    """The logs that this node witnesses, by key reference."""
    return Reread(path, read_keys, {})


@dataclass(frozen=True, slots=True)
class Followed:
    """A log to follow: by which keys it may sign, and where it is reached."""

    origin: str
    keys: Mapping[str, VerifyKey]
    url: str


def followed_file(path: Path) -> Reread[tuple[Followed, ...]]:
    """The logs that this node follows."""
    return Reread(path, read_followed, ())


def read_followed(text: str) -> tuple[Followed, ...]:
    """Lines of an address and one or more verifier keys of one log."""
    found = []
    for line in text.split("\n"):
        words = line.split()
        if len(words) > 1 and not line.startswith("#"):
            url, keys = words[0], [VerifyKey.from_text(word) for word in words[1:]]
            found.append(Followed(keys[0].name, {key.ref: key for key in keys}, url.rstrip("/")))
    return tuple(found)


def read_keys(text: str) -> Mapping[str, VerifyKey]:
    """Verifier keys, one a line, by key reference; blank lines and ``#`` comments are skipped."""
    lines = (line.strip() for line in text.split("\n"))
    keys = [VerifyKey.from_text(line) for line in lines if line and not line.startswith("#")]
    return {key.ref: key for key in keys}

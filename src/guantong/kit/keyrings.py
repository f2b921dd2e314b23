"""The keys of one node at one moment: the one by which it signs, the one to come, and those by which it signed before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from guantong.kit import clock
from guantong.kit.suites import VerifyKey


@dataclass(frozen=True, slots=True)
class Former:
    """A key that was followed by another; ``until`` (RFC 3339) is the last moment at which it may have signed."""

    key: VerifyKey
    until: str


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """What verifies a node's signatures. Keys overlap: the next one is believed as soon as it is known, the former one
    until its last moment.
    """

    present: VerifyKey
    coming: VerifyKey | None = None
    former: tuple[Former, ...] = ()

    def at(self, moment: datetime) -> Mapping[str, VerifyKey]:
        """The keys by which the node may have signed at ``moment``, by reference.

        At a door that is now; for an old statement the moment that it claims.
        """
        keys = [self.present, *([self.coming] if self.coming else [])]
        keys += [each.key for each in self.former if moment <= clock.parse(each.until)]
        return {key.ref: key for key in keys}

    def now(self) -> Mapping[str, VerifyKey]:
        """The keys that open doors at this moment."""
        if not self.former and self.coming is None:
            return {self.present.ref: self.present}
        return self.at(clock.now())


class PresentRing(Mapping[str, VerifyKey]):
    """The keys of ``_keys`` that are good now, by reference, however often those change."""

    _keys: NodeKeys

    def __getitem__(self, ref: str) -> VerifyKey:
        return self._keys.now()[ref]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys.now())

    def __len__(self) -> int:
        return len(self._keys.now())

"""What one gateway process counts about itself, in plain numbers; told ten times a second to whoever gathers them.

Labels are few and of our own making: outcome codes, modes, names of rules, names of sources and codes of resources.
No key, case, person, grant or address of a caller is ever one. A kind of count that would get too many
label sets counts what comes beyond as ``other``.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from guantong.bundle.types import Bundle
from guantong.gateway.faults import PeerRefused
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.kit.histograms import CALL_S, Histogram

MOST_LABELS = 200
OTHER = "other"
ANSWERED = "ok"

Labels = tuple[str, ...]
MODES = {
    "/v1/query": "query", "/v1/verify": "verify", "/v1/relay": "relay", "/oauth2/token": "token", "/health": "look",
    "/ready": "look",
}  # fmt: skip


class Histogrammed(msgspec.Struct, frozen=True):
    """A histogram as told: bounds, counts (one more than bounds), sum."""

    labels: Labels
    bounds: list[float]
    counts: list[int]
    total: float


class Snapshot(msgspec.Struct, frozen=True):
    """All that a process counts at one moment; by the names of :mod:`guantong.gateway.board`."""

    counters: dict[str, list[tuple[Labels, float]]]
    gauges: dict[str, list[tuple[Labels, float]]]
    histograms: dict[str, list[Histogrammed]]


class Tally:
    """Counts by label set, never more than ``MOST_LABELS`` of them."""

    def __init__(self) -> None:
        self.by: dict[Labels, int] = {}

    def add(self, labels: Labels) -> None:
        """One more."""
        by = self.by
        if labels in by:
            by[labels] += 1
        elif len(by) < MOST_LABELS:
            by[labels] = 1
        else:
            labels = (OTHER,) * len(labels)
            by[labels] = by.get(labels, 0) + 1


class Meters:
    """The counts of one gateway process. For its event loop alone."""

    def __init__(self) -> None:
        self.calls = Tally()
        """By mode and outcome code."""
        self.seconds: dict[str, Histogram] = {}
        self.in_flight = 0
        self._known = frozenset(_codes())

    def done(self, mode: str, code: str, seconds: float) -> None:
        """A request was answered."""
        self.in_flight -= 1
        self.calls.add((mode, code))
        taken = self.seconds.get(mode)
        if taken is None:
            taken = self.seconds[mode] = Histogram(CALL_S)
        taken.note(seconds)

    def code(self, error: GuantongError) -> str:
        """The code to count ``error`` under: one that this program knows, whatever another node calls it."""
        if isinstance(error, PeerRefused) and error.code not in self._known:
            return OTHER
        return error.code


def mode_of(path: str) -> str:
    """What kind of request the address stands for."""
    known = MODES.get(path)
    if known is not None:
        return known
    if path.startswith("/v1/services/"):
        return "service"
    if path.startswith(("/httpproxy", "/sysapi/")):
        return "national"
    return "proof" if path.startswith(("/v1/proofs/", "/v1/nodes/")) else OTHER


def told(labels: Labels, histogram: Histogram) -> Histogrammed:
    """The histogram as it goes into a snapshot."""
    return Histogrammed(labels, list(histogram.bounds), list(histogram.counts), histogram.total)


def of_bundle(bundle: Bundle | None) -> dict[str, list[tuple[Labels, float]]]:
    """The bundle in force, and since when; nothing while there is none."""
    if bundle is None:
        return {}
    published = clock.parse(bundle.published_at)
    return {
        "bundle_sequence": [((), bundle.sequence)],
        "bundle_age_seconds": [((), max(0.0, (clock.now() - published).total_seconds()))],
    }


def listed(tally: Tally) -> list[tuple[Labels, float]]:
    """A tally as it goes into a snapshot."""
    return list(tally.by.items())


def _codes(kind: Any = GuantongError) -> Iterator[str]:
    """The codes of all errors that are known so far."""
    for one in kind.__subclasses__():
        if isinstance(one.code, str):
            yield one.code
        yield from _codes(one)

"""The addresses of one service: which is asked next, and which rests because it failed again and again."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Endpoint:
    """One address. ``failures`` in a row; it rests ``until`` a moment of the event loop's clock."""

    base: str
    failures: int = 0
    until: float = 0.0
    is_well: bool = True
    """What its health path said last."""
    failed: int = 0
    """Failures in all."""


class Endpoints:
    """The addresses of one service, taken in turn; a circuit breaker for each (断路).

    A resting address is asked again by one call when its rest is over; that call's outcome closes it or lets it rest
    anew. When all rest, whoever calls is refused at once instead of waiting for what will not come.
    """

    def __init__(self, bases: list[str], *, failures: int, rest_s: float) -> None:
        self.all = [Endpoint(base) for base in bases]
        self._failures = failures
        self._rest_s = rest_s
        self._next = 0
        self._now: Callable[[], float] = asyncio.get_running_loop().time

    def ready(self) -> Iterator[Endpoint]:
        """Each address that may be asked now, once, beginning where the last caller did not."""
        count = len(self.all)
        self._next = (self._next + 1) % count if count else 0
        turn = [self.all[(self._next + place) % count] for place in range(count)]
        # An address that says itself that it is not well comes last, and not never: its health path may be what fails.
        for endpoint in sorted(turn, key=lambda one: not one.is_well):
            if endpoint.until <= self._now():
                if endpoint.failures >= self._failures:
                    endpoint.until = self._now() + self._rest_s  # the one that tries; others go on resting
                yield endpoint

    def is_resting(self, endpoint: Endpoint) -> bool:
        """Whether it failed so often that it is left alone (断路)."""
        return endpoint.failures >= self._failures and endpoint.until > self._now()

    def went_well(self, endpoint: Endpoint) -> None:
        """It answered."""
        endpoint.failures, endpoint.until = 0, 0.0

    def failed(self, endpoint: Endpoint) -> None:
        """It did not answer, or said that it cannot."""
        endpoint.failures += 1
        endpoint.failed += 1
        if endpoint.failures >= self._failures:
            endpoint.until = self._now() + self._rest_s

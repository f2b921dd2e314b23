"""The only clock. Moments are aware UTC datetimes; tests stop it with :func:`frozen`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache

_stopped_at: datetime | None = None


def now() -> datetime:
    """This moment, in UTC."""
    return _stopped_at or datetime.now(UTC)


def millis() -> int:
    """Milliseconds since 1970, the unit of the national platform's ``rtime``."""
    return int(now().timestamp() * 1000)


def rfc3339(moment: datetime) -> str:
    """``2026-11-22T13:20:00.123Z``: RFC 3339 in UTC with milliseconds, so that text order is time order."""
    return f"{_to_the_second(int(moment.timestamp() // 1))}{moment.microsecond // 1000:03d}Z"


@lru_cache(maxsize=64)
def _to_the_second(seconds: int) -> str:
    """The part that all moments of one second share; many are written in each."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.")


def parse(text: str) -> datetime:
    """The moment that an RFC 3339 text names; a text without an offset is refused (ValueError)."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


@contextmanager
def frozen(moment: datetime) -> Iterator[None]:
    """Stop the clock at ``moment`` within the block (tests, replays)."""
    global _stopped_at  # noqa: PLW0603 - one clock for the process is the point
    before, _stopped_at = _stopped_at, moment
    try:
        yield
    finally:
        _stopped_at = before

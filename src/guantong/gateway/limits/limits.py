"""From a grant's terms to counts: what a call may use up, and which limit stands in its way.

Every allowed call is counted before it is answered. A limit of 0 is none. Days are those of China Standard Time.
"""

from collections.abc import Mapping
from datetime import datetime

from guantong.bundle import refusals
from guantong.bundle.deciding import Stopped
from guantong.bundle.types import Grant
from guantong.gateway.limits.counts import Counts, Want
from guantong.gateway.usage import DAY_S, Day, day_of, next_midnight

# By what a count's name begins with: the rule that its limit is, and what is said when it is reached.
_MEANINGS: Mapping[bytes, tuple[str, type[refusals.LimitReached]]] = {
    b"second": ("rate", refusals.RateExceeded),
    b"day": ("quota", refusals.QuotaExceeded),
    b"rows": ("volume", refusals.VolumeExceeded),
    b"key": ("key_limit", refusals.KeyLimitExceeded),
}

RULES = frozenset({"concurrency", *(rule for rule, _ in _MEANINGS.values())})
"""The rules that are limits."""


class Limits:
    """Admits calls to what their grants leave.

    ``recovered`` are the day's counts as this process's receipts tell them (``writer`` names the process), for
    when the counts themselves were lost.
    """

    def __init__(self, counts: Counts, writer: str, recovered: Mapping[str, Day]) -> None:
        self._counts = counts
        self._writer = writer
        self._recovered: Mapping[str, Day] | None = recovered

    async def admit(self, grant: Grant, subject: str, at: datetime, *, seconds: float) -> bytes:
        """Count one call under ``grant`` about ``subject`` (a pseudonym), which lasts ``seconds`` at most.

        What is returned goes to :meth:`over` when the call has ended. Raises Stopped (rules ``concurrency``, ``rate``,
        ``quota``, ``volume``, ``key_limit``) or CountsUnavailable; then nothing was counted.
        """
        now = int(at.timestamp())
        if self._recovered is not None:
            await self._recover(self._recovered, at)
        place = await self._entered(grant, now, seconds) if grant.concurrent else b""
        wants = _wants(grant, subject, now)
        try:
            beyond = await self._counts.take(wants, now=now)
        except BaseException:
            await self.over(place)
            raise
        if beyond is None:
            return place
        await self.over(place)
        want = wants[beyond]
        rule, refusal = _MEANINGS[want.name.partition(b"\0")[0]]
        raise Stopped(rule, refusal(grant=grant.id, limit=want.limit, retry_after_s=want.until - now))

    async def over(self, place: bytes) -> None:
        """The call that was admitted so has ended."""
        if place:
            await self._counts.leave(place)

    async def delivered(self, grant: Grant, rows: int, at: datetime) -> None:
        """So many rows leave under ``grant``."""
        if grant.rows_per_day and rows:
            now = int(at.timestamp())
            await self._counts.add(_rows(grant.id), rows, until=next_midnight(now), now=now)

    async def _entered(self, grant: Grant, now: int, seconds: float) -> bytes:
        name = b"flight\0" + grant.id.encode()
        place = await self._counts.enter(name, grant.concurrent, until=now + int(seconds) + 2, now=now)
        if place is None:
            refusal = refusals.ConcurrencyExceeded(grant=grant.id, limit=grant.concurrent, retry_after_s=1)
            raise Stopped("concurrency", refusal)
        return place

    async def _recover(self, days: Mapping[str, Day], at: datetime) -> None:
        """Count again what receipts say of this day, if the counts began after they were written."""
        now = int(at.timestamp())
        told = Want(f"recovered\0{self._writer}".encode(), 1, now + 365 * DAY_S)
        if await self._counts.take([told], now=now) is None:
            midnight = next_midnight(now)
            for grant, (day, calls, rows) in days.items():
                if day == day_of(at):
                    await self._counts.add(b"day\0" + grant.encode(), calls, until=midnight, now=now)
                    await self._counts.add(_rows(grant), rows, until=midnight, now=now)
        self._recovered = None


def _wants(grant: Grant, subject: str, now: int) -> list[Want]:
    name, midnight = grant.id.encode(), next_midnight(now)
    wants = [
        Want(b"second\0" + name, grant.per_second, now + 1),
        Want(b"day\0" + name, grant.per_day, midnight),
    ]
    if grant.rows_per_day:
        wants.append(Want(_rows(grant.id), grant.rows_per_day, midnight, amount=0))
    if grant.per_key_per_day:
        wants.append(Want(f"key\0{grant.id}\0{subject}".encode(), grant.per_key_per_day, midnight))
    return wants


def _rows(grant: str) -> bytes:
    return b"rows\0" + grant.encode()

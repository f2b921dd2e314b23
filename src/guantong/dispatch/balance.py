"""对账: what one side sent and the other received, per day and grant, from the receipts of both."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from django.db.models import Q, QuerySet, Sum

from guantong.dispatch.models import Handover, Run
from guantong.sharing.models import Grant

State = Literal["equal", "open", "differs", "one_side"]


@dataclass
class Balance:
    """One day of one grant. Rows of runs that were closed; those of runs that were not are ``pending``.

    ``set_aside`` rows were sent, but the target's own types could not take them: they lie in quarantine.
    """

    day: date
    grant: str
    resource: str
    provider: str
    consumer: str
    is_two_sided: bool
    runs: int = 0
    sent: int = 0
    received: int = 0
    set_aside: int = 0
    pending_runs: int = 0
    pending: int = 0

    @property
    def difference(self) -> int:
        """Rows that were sent, and neither received nor set aside."""
        return self.sent - self.received - self.set_aside

    @property
    def state(self) -> State:
        """In one word."""
        if not self.is_two_sided:
            return "one_side"
        if self.difference:
            return "differs"
        return "equal" if self.runs else "open"


def balances(rows: QuerySet[Handover], *, since: date, until: date, own: str) -> list[Balance]:
    """The balances of the days ``since`` to ``until`` (both included), the newest first, at the node ``own``."""
    found = (
        rows.filter(day__gte=since, day__lte=until, role__in=["provider", "consumer"])
        .order_by()
        .values_list("day", "grant", "resource", "provider", "consumer", "run", "role")
        .annotate(total=Sum("rows"))
    )
    # The other node shows us its receipts; of what only passes through here we have none.
    local = set(
        Grant.objects.filter(Q(provider_node=own) | Q(consumer_node=own)).values_list("code", flat=True)
    )
    made: dict[tuple[date, str], Balance] = {}
    sides: dict[tuple[date, str], dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for day, grant, resource, provider, consumer, run, role, total in found:
        key = (day, grant)
        made.setdefault(key, Balance(day, grant, resource, provider, consumer, grant in local))
        sides[key][run][role] = total
    aside = _set_aside({run for runs in sides.values() for run in runs})
    for key, balance in made.items():
        _add_up(balance, sides[key], aside)
    return sorted(made.values(), key=lambda b: (-b.day.toordinal(), b.grant))


def _add_up(balance: Balance, runs: dict[str, dict[str, int]], aside: dict[str, int]) -> None:
    for run, rows in runs.items():
        # Where the other side is elsewhere, ours is all there is to count.
        if "consumer" in rows or not balance.is_two_sided:
            balance.runs += 1
            balance.sent += rows.get("provider", 0)
            balance.received += rows.get("consumer", 0)
            balance.set_aside += aside.get(run, 0)
        else:
            balance.pending_runs += 1
            balance.pending += rows["provider"]


def _set_aside(runs: Iterable[str]) -> dict[str, int]:
    rows = Run.objects.filter(set_aside__gt=0).values_list("code", "set_aside")
    wanted = set(runs)
    return {code: count for code, count in rows if code in wanted}

"""对账: what one side sent and the other received, per day and grant, from the receipts of both."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from django.db.models import Max, Q, QuerySet, Sum

from guantong.dispatch.models import Handover, Run, RunState
from guantong.sharing.models import Grant

State = Literal["equal", "open", "differs", "one_side", "given_up"]


@dataclass
class Balance:
    """One day of one grant. Rows of runs that were closed; those of runs that were not are ``pending``.

    ``set_aside`` rows were sent, but the target's own types could not take them: they lie in quarantine. Runs
    that were cancelled, or in whose place another began, are ``given_up``: they will never be closed.
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
    given_up_runs: int = 0
    given_up: int = 0
    in_words: str = ""
    """The whole of it explained, in the reader's language."""

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
        if self.pending_runs or not (self.runs or self.given_up_runs):
            return "open"
        return "equal" if self.runs else "given_up"


def balances(rows: QuerySet[Handover], *, since: date, until: date, own: str) -> list[Balance]:
    """The balances of the days ``since`` to ``until`` (both included), the newest first, at the node ``own``."""
    found = (
        rows.filter(day__gte=since, day__lte=until, role__in=["provider", "consumer"])
        .order_by()
        .values_list("day", "grant", "resource", "provider", "consumer", "run", "role", "job")
        .annotate(total=Sum("rows"))
    )
    # The other node shows us its receipts; of what only passes through here we have none.
    local = set(
        Grant.objects.filter(Q(provider_node=own) | Q(consumer_node=own)).values_list("code", flat=True)
    )
    made: dict[tuple[date, str], Balance] = {}
    sides: dict[tuple[date, str], dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    jobs: dict[str, str] = {}
    for day, grant, resource, provider, consumer, run, role, job, total in found:
        jobs[run] = job
        key = (day, grant)
        made.setdefault(key, Balance(day, grant, resource, provider, consumer, grant in local))
        sides[key][run][role] = total
    aside = _set_aside(jobs)
    given_up = _given_up(jobs)
    for key, balance in made.items():
        _add_up(balance, sides[key], aside, given_up)
    return sorted(made.values(), key=lambda b: (-b.day.toordinal(), b.grant))


def _add_up(
    balance: Balance, runs: dict[str, dict[str, int]], aside: dict[str, int], given_up: set[str]
) -> None:
    for run, rows in runs.items():
        # Where the other side is elsewhere, ours is all there is to count.
        if "consumer" in rows or not balance.is_two_sided:
            balance.runs += 1
            balance.sent += rows.get("provider", 0)
            balance.received += rows.get("consumer", 0)
            balance.set_aside += aside.get(run, 0)
        elif run in given_up:
            balance.given_up_runs += 1
            balance.given_up += rows["provider"]
        else:
            balance.pending_runs += 1
            balance.pending += rows["provider"]


def _set_aside(runs: Iterable[str]) -> dict[str, int]:
    rows = Run.objects.filter(set_aside__gt=0).values_list("code", "set_aside")
    wanted = set(runs)
    return {code: count for code, count in rows if code in wanted}


def _given_up(jobs: dict[str, str]) -> set[str]:
    """Of the runs (run → its job) those that will not be closed: cancelled, or followed by one that was closed."""
    ended = Run.objects.filter(
        state__in=[RunState.CANCELLED, RunState.GIVEN_UP], job__code__in=set(jobs.values())
    )
    found = set(ended.values_list("code", flat=True)) & set(jobs)
    closed = Handover.objects.filter(role="consumer", job__in=set(jobs.values())).order_by()
    latest = dict(closed.values_list("job").annotate(run=Max("run")))
    # Names of runs begin with the moment at which they began.
    return found | {run for run, job in jobs.items() if run < latest.get(job, "")}

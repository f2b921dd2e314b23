"""A town with one grant in use, its receipts as the gateway's would come in, and a security officer."""

from datetime import datetime, timedelta
from typing import Any

from tests.cast import NODE, NOON, Cast, assemble, need, publish_permits

from guantong.identity.actions import register_person
from guantong.identity.models import Person
from guantong.journal.models import Receipt
from guantong.journal.types import SYSTEM
from guantong.kit import canonical, clock
from guantong.kit.workdays import is_workday
from guantong.risk import actions as risk
from guantong.risk.watching import Watcher
from guantong.sharing import actions
from guantong.sharing.models import Grant


class Desk:
    """The cast, one grant, and a worker that judges."""

    def __init__(self) -> None:
        self.cast: Cast = assemble()
        self.grant = granted(self.cast)
        self.an: Person = register_person(
            "an", "安全", password="an-password-1", roles=["security_officer"], organisation=self.cast.bureau,
            by=SYSTEM, at=NOON,
        )  # fmt: skip
        self.watcher = Watcher()
        self._count = 0
        risk.ship_rules(by=SYSTEM, at=NOON)

    def call(self, at: datetime, **changes: Any) -> Receipt:
        """A receipt that is not stored yet."""
        self._count += 1
        body = {"rows": changes.pop("rows", 1), "chain": changes.pop("chain", "g/gateway")}
        if steps := changes.pop("steps", 0):
            body["steps"] = steps
        values: dict[str, Any] = {
            "digest": f"sha-256:{self._count:064d}",
            "at": at,
            "call": f"call-{self._count}",
            "role": "provider",
            "grant": self.grant.code,
            "decision": "allow",
            "resource": self.grant.resource,
            "consumer_organisation": self.grant.consumer,
            "consumer_application": "one-window",
            "consumer_node": NODE,
            "provider_organisation": self.grant.provider,
            "provider_node": NODE,
            "purpose": self.grant.purpose,
            "mode": "query",
            "fields": ["valid_to"],
            "case": f"QS-2026-{self._count:06d}",
            "subject": f"{self._count:064x}",
            **changes,
        }
        raw = canonical.dumps({"body": body, "kind": "guantong/receipt@v1", "signatures": []})
        return Receipt(raw=raw, **values)

    def arrive(self, rows: list[Receipt]) -> None:
        Receipt.objects.bulk_create(rows)

    def judge(self, at: datetime | None = None) -> int:
        """Let the worker judge everything that has come in."""
        count = 0
        while taken := self.watcher.judge(by=SYSTEM, at=at or clock.now()):
            count += taken
        return count


def granted(cast: Cast) -> Grant:
    publish_permits(cast)
    asked = actions.file_request(
        need(fields=["residence_division", "valid_to"]),
        consumer=cast.education,
        by=cast.as_actor(cast.xu),
        at=NOON,
    )
    actions.decide(asked, "approved", by=cast.as_actor(cast.jiang), at=NOON)
    actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=NOON)
    return Grant.objects.get()


def month_of_use(desk: Desk, *, until: datetime) -> None:
    """Four weeks of office hours, then a pull of the last hour, a night, and one case for many."""
    rows = []
    for day in range(28, 0, -1):
        morning = (until - timedelta(days=day)).replace(hour=1, minute=0, second=0, microsecond=0)
        if is_workday(morning.date()):
            rows += [desk.call(morning + timedelta(minutes=7 * n + day % 5)) for n in range(40 + day % 7)]
    rows += [desk.call(until - timedelta(seconds=9 * n), rows=40, case="QS-2026-000007") for n in range(90)]
    night = (until - timedelta(days=1)).replace(hour=18, minute=5)
    rows += [desk.call(night + timedelta(minutes=n)) for n in range(25)]
    rows += [
        desk.call(
            until - timedelta(minutes=n), decision="refuse", reason="purpose_not_granted", resource=f"x{n}"
        )
        for n in range(9)
    ]
    desk.arrive(rows)
    desk.judge(until)

"""How a grant was used, as this node's receipts tell: calls a day, what was refused, rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from guantong.journal.models import Receipt
from guantong.kit import canonical
from guantong.pages.charts import Bar, bars
from guantong.sharing.models import Grant

DAYS = 14
MOST = 2000
"""Receipts whose rows are counted."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The last :data:`DAYS` days of a grant: what this node's receipts tell."""

    bars: list[Bar]
    allow: int
    refuse: int
    rows: int

    @property
    def total(self) -> int:
        """All calls."""
        return self.allow + self.refuse

    @property
    def refused_percent(self) -> str:
        """The share of calls that were refused."""
        return f"{100 * self.refuse / self.total:.1f}" if self.total else "0"


def usage_of(grant: Grant, *, at: datetime, role: str) -> Usage:
    """The use of ``grant`` in the days before ``at``, by the receipts that this node wrote in ``role``."""
    found = Receipt.objects.filter(
        grant=grant.code, role=role, at__gt=at - timedelta(days=DAYS), at__lte=at
    ).order_by()
    by_day = found.annotate(day=TruncDate("at")).values("day", "decision").annotate(count=Count("pk"))
    drawn = bars(by_day, last=timezone.localtime(at).date(), days=DAYS)
    newest = found.filter(decision="allow").order_by("-at").values_list("raw", flat=True)[:MOST]
    return Usage(
        bars=drawn,
        allow=sum(bar.allow for bar in drawn),
        refuse=sum(bar.refuse for bar in drawn),
        rows=sum(_rows(bytes(raw)) for raw in newest),
    )


def _rows(raw: bytes) -> int:
    """How many rows a receipt speaks of; 0 if it does not say."""
    try:
        rows = canonical.loads(raw)["body"].get("rows", 0)
    except (canonical.NotCanonical, KeyError, TypeError, AttributeError):
        return 0
    return rows if isinstance(rows, int) else 0

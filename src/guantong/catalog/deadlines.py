"""By when whoever has a draft should have acted: working days of the node's calendar, counted from the next day."""

from datetime import date, datetime

from django.conf import settings

from guantong.catalog.models import State
from guantong.identity.workdays import after


def due(state: str, at: datetime) -> date:
    """The last day for what is pending in ``state`` since ``at``; the numbers of days are settings."""
    node = settings.NODE
    days = {
        State.SUBMITTED.value: node.catalogue_department_days,
        State.REVIEWED.value: node.catalogue_bureau_days,
    }
    return after(at, days.get(state, node.catalogue_update_days))

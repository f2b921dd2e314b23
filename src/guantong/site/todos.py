"""待办: what waits for a person, by kind. The page shows it, and every page's navigation counts it."""

from typing import Any

from django.db.models import QuerySet

from guantong.catalog import queries as catalog
from guantong.catalog.needs import queries as needs
from guantong.counter.models import Case
from guantong.federation.models import Node
from guantong.identity.models import Person
from guantong.identity.queries import may
from guantong.journal.models import Alert
from guantong.sharing import queries as sharing


def waiting_for(person: Person) -> dict[str, QuerySet[Any]]:
    """Steps to decide, entries, needs, cases that wait, nodes to confirm, alerts to settle."""
    code = person.organisation.code if person.organisation else ""
    own = person.organisation_id or 0
    waiting: dict[str, tuple[str, QuerySet[Any]]] = {
        "steps": ("request:decide", sharing.to_decide(code)),
        "to_supplement": ("request:file", sharing.to_supplement(code)),
        "late": ("request:decide", sharing.late_steps(person.organisation)),
        "to_submit": ("resource:submit", catalog.to_submit(own).select_related("provider")),
        "to_approve": ("resource:publish", catalog.to_approve(own).select_related("provider")),
        "to_publish": (
            "resource:publish",
            catalog.to_publish(person.organisation).select_related("provider"),
        ),
        "updates": ("resource:draft", needs.stale_of(own).select_related("provider")),
        "to_answer": ("need:answer", needs.needs_to_answer(own)),
        "to_judge": ("request:file", needs.needs_to_judge(own)),
        "to_send": ("need:route", needs.needs_to_send(person.organisation)),
        "cases": ("case:advance", Case.objects.filter(state="waiting").select_related("item")),
        "nodes": ("node:confirm", Node.objects.filter(is_confirmed=False)),
        "alerts": ("alert:settle", Alert.objects.filter(seen_at__isnull=True)),
    }
    return {
        kind: rows if may(person, permission) else rows.none() for kind, (permission, rows) in waiting.items()
    }


def count_for(person: Person) -> int:
    """How much waits for a person."""
    return sum(rows.count() for rows in waiting_for(person).values() if not rows.query.is_empty())

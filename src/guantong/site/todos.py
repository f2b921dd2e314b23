"""待办: what waits for a person, by kind, the most pressing first. The page shows it, and every page's navigation counts it.

Everything is asked in one statement, whatever its kind: which row, until when. Only the rows of one page are read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import CharField, DateField, F, Q, QuerySet, Value
from django.db.models.functions import Cast, Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from guantong.catalog import queries as catalog
from guantong.catalog.needs import queries as needs
from guantong.counter.models import Case
from guantong.federation.models import Node
from guantong.identity.models import Person
from guantong.identity.queries import may
from guantong.identity.workdays import workdays
from guantong.journal.models import Alert
from guantong.kit import clock
from guantong.pages.answers import language
from guantong.risk import queries as risk
from guantong.sharing import queries as sharing
from guantong.site import words

NEVER = date(9999, 12, 31)
LONGEST_COUNT = 60


@dataclass(frozen=True)
class Todo:
    """One thing that waits: what, about whom, where to do it, and its clock (working days left; less than 0: late)."""

    kind: str
    key: int
    title: str
    about: str
    number: str
    url: str
    due_on: date | None
    days_left: int | None

    @property
    def is_late(self) -> bool:
        """Whether it should have been done before today."""
        return self.days_left is not None and self.days_left < 0


@dataclass(frozen=True)
class _Kind:
    """How rows of one kind are found, sorted, searched and shown."""

    permission: str
    rows: QuerySet[Any]
    due: str = ""
    named: tuple[str, ...] = ()
    show: Callable[[Any], tuple[str, str, str, str]] = lambda row: (str(row), "", "", "/")
    also: str = ""
    """Another permission that does as well."""


def _kinds(person: Person) -> dict[str, _Kind]:
    code = person.organisation.code if person.organisation else ""
    own = person.organisation_id or 0
    step, request = (
        ("request__resource_name", "request__number", "request__consumer_name"),
        ("resource_name", "number"),
    )
    entry, need = ("name", "code"), ("wanted", "organisation__name")
    voice = ("resource_name", "number", "asker_name", "provider_name")
    return {
        "steps": _Kind("request:decide", sharing.to_decide(code), "due_on", step, _step),
        "late": _Kind("request:decide", sharing.late_steps(person.organisation), "due_on", step, _late_step),
        "to_supplement": _Kind("request:file", sharing.to_supplement(code), "", request, _request),
        "corrections": _Kind("correction:answer", sharing.corrections_to_answer(code), "due_on", voice, _correction),
        "late_corrections": _Kind("request:decide", sharing.late_corrections(code), "due_on", voice, _correction),
        "corrections_own": _Kind(
            "correction:file", sharing.corrections_to_follow(person), "", voice, _correction, also="correction:own"
        ),
        "disputes": _Kind("dispute:speak", sharing.disputes_waiting(code), "due_on", voice, _dispute),
        "to_approve": _Kind("resource:publish", catalog.to_approve(own), "due_on", entry, _entry),
        "to_publish": _Kind("resource:publish", catalog.to_publish(person.organisation), "due_on", entry, _entry),
        "to_submit": _Kind("resource:submit", catalog.to_submit(own), "due_on", entry, _entry),
        "to_answer": _Kind("need:answer", needs.needs_to_answer(own), "due_on", need, _need),
        "to_send": _Kind("need:route", needs.needs_to_send(person.organisation), "due_on", need, _need),
        "to_judge": _Kind("request:file", needs.needs_to_judge(own), "due_on", need, _need),
        "updates": _Kind("resource:draft", needs.stale_of(own), "stale_on", entry, _entry),
        "cases": _Kind(
            "case:advance", Case.objects.filter(state="waiting").select_related("item"), "", ("number", "item__name"), _case
        ),
        "nodes": _Kind("node:confirm", Node.objects.filter(is_confirmed=False), "", ("title", "code"), _node),
        "findings": _Kind("risk:settle", risk.to_settle(person), "", ("key",), _finding),
        "alerts": _Kind("alert:settle", Alert.objects.filter(seen_at__isnull=True), "", ("code",), _alert),
    }  # fmt: skip


def _permitted(person: Person) -> dict[str, _Kind]:
    return {
        name: kind
        for name, kind in _kinds(person).items()
        if may(person, kind.permission) or (kind.also and may(person, kind.also))
    }


def waiting_for(person: Person) -> dict[str, QuerySet[Any]]:
    """The rows that wait for a person, by kind."""
    return {name: kind.rows for name, kind in _permitted(person).items()}


def count_for(person: Person) -> int:
    """How much waits for a person: one statement."""
    found = _together([kind.rows.order_by().values_list("pk") for kind in _permitted(person).values()])
    return found.count() if found is not None else 0


def listed(
    person: Person, *, kind: str = "", words: str = "", is_late: bool = False
) -> QuerySet[Any] | list[Any]:
    """Which rows wait, as (kind, key, due), the most pressing first; what has no deadline comes last."""
    kinds = {name: each for name, each in _permitted(person).items() if kind in {"", name}}
    found = _together([_keys(name, each, words, is_late) for name, each in kinds.items()])
    return found.order_by("todo_due", "todo_kind", "pk") if found is not None else []


def kinds_of(person: Person) -> list[str]:
    """The kinds of things that can wait for a person."""
    return list(_permitted(person))


def shown(person: Person, keys: list[tuple[str, int, Any]]) -> list[Todo]:
    """The rows of one page, read kind by kind."""
    kinds, is_workday = _permitted(person), workdays()
    today = timezone.localdate(clock.now())
    read = {
        (name, row.pk): row
        for name in {each[0] for each in keys}
        for row in kinds[name].rows.filter(pk__in=[key for kind, key, _ in keys if kind == name])
    }
    return [
        _todo(name, kinds[name], read[name, key], _day(due), today, is_workday)
        for name, key, due in keys
        if (name, key) in read
    ]


def _together(parts: list[QuerySet[Any]]) -> QuerySet[Any] | None:
    parts = [part for part in parts if not part.query.is_empty()]
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    found: QuerySet[Any] = parts[0].union(*parts[1:], all=True)
    return found


def _keys(name: str, kind: _Kind, text: str, is_late: bool) -> QuerySet[Any]:
    rows = kind.rows.order_by()
    if text:
        wanted = Q()
        for field in kind.named:
            wanted |= Q(**{f"{field}__icontains": text})
        rows = rows.filter(wanted)
    if is_late:
        rows = (
            rows.filter(**{f"{kind.due}__lt": timezone.localdate(clock.now())}) if kind.due else rows.none()
        )
    never = Value(NEVER, output_field=DateField())
    due = Coalesce(F(kind.due), never) if kind.due else Cast(never, DateField())
    told = rows.annotate(todo_kind=Value(name, output_field=CharField()), todo_due=due)
    keys: QuerySet[Any] = told.values_list("todo_kind", "pk", "todo_due")
    return keys


def _day(due: Any) -> date | None:
    day = date.fromisoformat(due[:10]) if isinstance(due, str) else due
    return None if day == NEVER else day


def _todo(
    name: str, kind: _Kind, row: Any, due: date | None, today: date, is_workday: Callable[[date], bool]
) -> Todo:
    title, about, number, url = kind.show(row)
    left = _days_left(due, today, is_workday) if due else None
    return Todo(name, row.pk, title, about, number, url, due, left)


def _days_left(due: date, today: date, is_workday: Callable[[date], bool]) -> int:
    """Working days from today to the last day, at most 60; those that have passed since it, as a negative number."""
    step = 1 if due >= today else -1
    day, count = today, 0
    while day != due and abs(count) < LONGEST_COUNT:
        day += timedelta(days=step)
        count += step * is_workday(day if step > 0 else day + timedelta(days=1))
    return count if step > 0 else min(count, -1)


def _step(row: Any) -> tuple[str, str, str, str]:
    asked = row.request
    about = f"{asked.consumer_name} · {asked.purpose_text}"
    return asked.resource_name, about, asked.number, reverse("request", args=[asked.uuid])


def _late_step(row: Any) -> tuple[str, str, str, str]:
    asked = row.request
    return asked.resource_name, row.decider_name, asked.number, reverse("request", args=[asked.uuid])


def _request(row: Any) -> tuple[str, str, str, str]:
    return row.resource_name, row.missing, row.number, reverse("request", args=[row.uuid])


def _correction(row: Any) -> tuple[str, str, str, str]:
    return (
        row.resource_name,
        f"{row.asker_name} · {row.words}",
        row.number,
        reverse("correction", args=[row.uuid]),
    )


def _dispute(row: Any) -> tuple[str, str, str, str]:
    about = f"{row.asker_name} · {row.provider_name}"
    return row.resource_name, about, row.number, reverse("dispute", args=[row.uuid])


def _entry(row: Any) -> tuple[str, str, str, str]:
    return row.name, row.summary, row.code, reverse("resource", args=[row.code])


def _need(row: Any) -> tuple[str, str, str, str]:
    return (
        row.wanted,
        f"{row.organisation.name} · {row.service_item or row.law}",
        "",
        reverse("need", args=[row.pk]),
    )


def _case(row: Any) -> tuple[str, str, str, str]:
    return row.item.name, row.holder_name, row.number, reverse("case", args=[row.uuid])


def _node(row: Any) -> tuple[str, str, str, str]:
    about = gettext("Compare its fingerprint by telephone before you confirm.")
    return row.title, about, row.code, f"{reverse('oversee')}#node-{row.code}"


def _finding(row: Any) -> tuple[str, str, str, str]:
    about = risk.words_of(row, language())
    return risk.name_of(row, language()), about, row.key, reverse("finding", args=[row.uuid])


def _alert(row: Any) -> tuple[str, str, str, str]:
    return str(words.word("alert", row.code)), "", "", f"{reverse('oversee')}#alerts"

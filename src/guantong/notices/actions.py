"""The only writers of notices, of how people want to hear, and of what has gone out."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from guantong.identity.models import Person
from guantong.identity.queries import may
from guantong.journal.actions import record
from guantong.journal.errors import JournalOutsideTransaction
from guantong.journal.types import Actor, Subject
from guantong.notices import queries
from guantong.notices.errors import MailMissing
from guantong.notices.models import CalendarToken, Choice, Delivery, DeliveryState, Notice, Reading
from guantong.notices.words import KINDS, kind_of

TOGETHER = 500
MOST_ATTEMPTS = 12
LONGEST_PAUSE = timedelta(hours=6)


def tell(
    organisation: str,
    code: str,
    details: dict[str, Any],
    *,
    permission: str,
    subject: Subject,
    once: str = "",
    by: Actor,
    at: datetime,
) -> Notice:
    """Tell those of ``organisation`` who hold ``permission``; in the transaction of what they hear of.

    The same ``once`` of the same code is told to an organisation once; without it, once a moment.
    """
    key = f"{organisation}/{code}/{subject.id}/{once or at.isoformat()}"[:200]
    return _tell(
        key, code, details, {"organisation": organisation, "permission": permission}, subject, by=by, at=at
    )


def tell_person(
    person: str,
    code: str,
    details: dict[str, Any],
    *,
    subject: Subject,
    once: str = "",
    by: Actor,
    at: datetime,
) -> Notice:
    """Tell one person, by their public identifier: a citizen, who belongs to no organisation."""
    key = f"{person}/{code}/{subject.id}/{once or at.isoformat()}"[:200]
    return _tell(key, code, details, {"person": person}, subject, by=by, at=at)


def _tell(
    once: str,
    code: str,
    details: dict[str, Any],
    whom: dict[str, str],
    subject: Subject,
    *,
    by: Actor,
    at: datetime,
) -> Notice:
    if not connection.in_atomic_block:
        raise JournalOutsideTransaction(act=code)
    values = {
        **whom,
        "code": code,
        "details": details,
        "subject_kind": subject.kind,
        "subject_id": subject.id,
        "at": at,
        "told_by": by.id,
    }
    notice, _ = Notice.objects.get_or_create(once=once, defaults=values)
    return notice


@transaction.atomic
def choose(
    person: Person,
    *,
    language: str,
    mail: str,
    by_mail: Collection[str],
    webhook: str,
    by_webhook: Collection[str],
    by: Actor,
    at: datetime,
) -> Choice:
    """Note how somebody wants to hear: only to an address that the operator allows. WebhookNotAllowed, MailMissing."""
    if by_mail and not mail.strip():
        raise MailMissing
    if webhook.strip():
        queries.demand_allowed(webhook.strip())
    if person.email != mail.strip():
        person.email = mail.strip()
        person.save(update_fields=["email"])
    values = {
        "language": "en" if language == "en" else "zh",
        "by_mail": [kind for kind in KINDS if kind in by_mail],
        "webhook": webhook.strip()[:300],
        "by_webhook": [kind for kind in KINDS if kind in by_webhook and webhook.strip()],
    }
    choice, _ = Choice.objects.update_or_create(person=person, defaults=values)
    details = {"mail": len(values["by_mail"]), "webhook": len(values["by_webhook"])}
    record("notices.chosen", by=by, at=at, subject=Subject("person", str(person.uuid)), details=details)
    return choice


@transaction.atomic
def read(person: Person, notices: Sequence[int], *, by: Actor, at: datetime) -> int:
    """Note that somebody has read some of what concerns them."""
    del by  # reading leaves no trace: it is nobody else's business
    own = queries.of_person(person).filter(pk__in=list(notices)[:TOGETHER]).values_list("pk", flat=True)
    rows = [Reading(person=person, notice_id=pk, at=at) for pk in own]
    Reading.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


@transaction.atomic
def read_all(person: Person, *, by: Actor, at: datetime) -> None:
    """Note that somebody has read everything that is there."""
    del by, at
    newest = Notice.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    Choice.objects.update_or_create(person=person, defaults={"read_to": newest})
    Reading.objects.filter(person=person, notice_id__lte=newest).delete()


@transaction.atomic
def spread(*, by: Actor, at: datetime) -> int:
    """Note for each new notice to whom it goes by which way; how many. The worker calls this."""
    del by
    fresh = list(Notice.objects.filter(spread_at__isnull=True).order_by("pk")[:TOGETHER])
    if not fresh:
        return 0
    choices = [
        each
        for each in Choice.objects.select_related("person__organisation").filter(person__is_active=True)
        if each.by_mail or each.by_webhook
    ]
    rows = []
    for notice in fresh:
        for choice in choices:
            if not _concerns(notice, choice.person):
                continue
            kind = kind_of(notice.code)
            ways = [
                way
                for way, kinds in (("mail", choice.by_mail), ("webhook", choice.by_webhook))
                if kind in kinds
            ]
            rows += [
                Delivery(notice=notice, person=choice.person, way=way, next_attempt_at=at) for way in ways
            ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    Notice.objects.filter(pk__in=[each.pk for each in fresh]).update(spread_at=at)
    return len(fresh)


def _concerns(notice: Notice, person: Person) -> bool:
    if notice.person:
        return notice.person == str(person.uuid)
    code = person.organisation.code if person.organisation else ""
    return bool(code) and code == notice.organisation and may(person, notice.permission)


@transaction.atomic
def note_sent(deliveries: Sequence[Delivery], *, by: Actor, at: datetime) -> None:
    """What has gone out."""
    del by
    keys = [each.pk for each in deliveries]
    Delivery.objects.filter(pk__in=keys).update(state=DeliveryState.SENT, sent_at=at, failure="")


@transaction.atomic
def note_failed(
    deliveries: Sequence[Delivery], *, why: str, is_final: bool = False, by: Actor, at: datetime
) -> None:
    """What did not go out, and why: tried again later each time, for a day or so; then it stands as failed."""
    del by
    for each in deliveries:
        each.attempts += 1
        each.failure = why[:300]
        each.next_attempt_at = at + min(timedelta(seconds=30) * 2**each.attempts, LONGEST_PAUSE)
        if is_final or each.attempts >= MOST_ATTEMPTS:
            each.state = DeliveryState.FAILED
        each.save()


@transaction.atomic
def try_again(person: Person, *, by: Actor, at: datetime) -> int:
    """Send again now what failed for good, after somebody has put right why."""
    failed = Delivery.objects.filter(person=person, state=DeliveryState.FAILED)
    count = failed.update(state=DeliveryState.WAITING, attempts=0, next_attempt_at=at)
    if count:
        about = Subject("person", str(person.uuid))
        record("notices.retried", by=by, at=at, subject=about, details={"count": count})
    return count


@transaction.atomic
def make_calendar_token(person: Person, *, by: Actor, at: datetime) -> str:
    """A new word by which a calendar program reads somebody's to-dos: shown once, kept as a digest. The old one ends."""
    end_calendar_token(person, by=by, at=at)
    word = secrets.token_urlsafe(32)
    CalendarToken.objects.create(person=person, digest=queries.token_digest(word), made_at=at)
    record("calendar.opened", by=by, at=at, subject=Subject("person", str(person.uuid)))
    return word


def note_used(token: CalendarToken, *, by: Actor, at: datetime) -> None:
    """When a token was last used, to the hour: whoever ends one wants to know."""
    del by
    hour = at.replace(minute=0, second=0, microsecond=0)
    CalendarToken.objects.filter(pk=token.pk).exclude(used_at__gte=hour).update(used_at=at)


@transaction.atomic
def end_calendar_token(person: Person, *, by: Actor, at: datetime) -> None:
    """No calendar program reads somebody's to-dos any more."""
    ended = CalendarToken.objects.filter(person=person, revoked_at__isnull=True).update(revoked_at=at)
    if ended:
        record("calendar.closed", by=by, at=at, subject=Subject("person", str(person.uuid)))

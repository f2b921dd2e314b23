"""Finding notices: what concerns somebody, what they have not read, what waits to go out."""

import hashlib

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from guantong.courier.client import origin_of
from guantong.identity.models import Person
from guantong.identity.queries import permissions_of
from guantong.kit.errors import GuantongError
from guantong.notices.errors import WebhookNotAllowed
from guantong.notices.models import CalendarToken, Choice, Delivery, DeliveryState, Notice, Reading
from guantong.notices.words import WORDS, kind_of

COUNTED_TO = 99


def of_person(person: Person) -> QuerySet[Notice]:
    """The notices that concern somebody: to themselves, or to those of their organisation who may do what it says."""
    mine = Q(person=str(person.uuid), organisation="")
    code = person.organisation.code if person.organisation else ""
    if code:
        mine |= Q(organisation=code, permission__in=permissions_of(person))
    return Notice.objects.filter(mine)


def with_reading(person: Person, *, is_unread: bool = False) -> QuerySet[Notice]:
    """The same, each with ``is_unread``; what was not read comes first, the newest of it at the top."""
    unread = Q(pk__gt=read_to(person)) & ~Q(_read_by(person))
    rows = of_person(person).filter(unread) if is_unread else of_person(person)
    return rows.annotate(is_unread=unread).order_by("-is_unread", "-at", "-pk")


def unread_of(person: Person) -> QuerySet[Notice]:
    """What somebody has not read."""
    return of_person(person).filter(~Q(_read_by(person)), pk__gt=read_to(person))


def unread_count(person: Person) -> int:
    """How many that are, counted to 99: the navigation of every page asks."""
    return unread_of(person).order_by()[: COUNTED_TO + 1].count()


def _read_by(person: Person) -> Exists:
    return Exists(Reading.objects.filter(person=person, notice=OuterRef("pk")))


def read_to(person: Person) -> int:
    """The last notice of those that count as read altogether."""
    return Choice.objects.filter(person=person).values_list("read_to", flat=True).first() or 0


def of_kind(rows: QuerySet[Notice], kind: str) -> QuerySet[Notice]:
    """Of ``rows``, those of a kind of :data:`guantong.notices.words.KINDS`."""
    codes = {each for each in WORDS if kind_of(each) == kind}
    return rows.filter(code__in=codes) if kind != "other" else rows.exclude(code__in=set(WORDS) - codes)


def is_mailed() -> bool:
    """Whether this node has a mail server."""
    return bool(settings.NODE.mail_host)


def choice_of(person: Person) -> Choice:
    """How somebody wants to hear; in the page only, as long as they have not said."""
    return Choice.objects.filter(person=person).first() or Choice(person=person)


def waiting(way: str) -> QuerySet[Delivery]:
    """What waits to go out by a way."""
    rows = Delivery.objects.filter(way=way, state=DeliveryState.WAITING)
    return rows.select_related("notice", "person").order_by("person", "pk")


def deliveries_of(person: Person) -> QuerySet[Delivery]:
    """What went out to somebody, and what did not."""
    return Delivery.objects.filter(person=person).select_related("notice").order_by("-pk")


def allowed_origins() -> set[str]:
    """The origins to which the operator lets webhooks go."""
    return {origin_of(each.strip()) for each in settings.NODE.notice_webhooks.split(",") if each.strip()}


def demand_allowed(address: str) -> None:
    """WebhookNotAllowed unless the operator has named the origin of ``address``."""
    try:
        origin = origin_of(address)
    except GuantongError as error:
        raise WebhookNotAllowed(origin="?") from error
    if origin not in allowed_origins():
        raise WebhookNotAllowed(origin=origin)


def token_digest(word: str) -> str:
    """The digest under which a calendar token is kept; the token itself is random enough to need no salt."""
    return "sha-256:" + hashlib.sha256(word.encode()).hexdigest()


def token_of(person: Person) -> CalendarToken | None:
    """The token in force, if somebody has one."""
    return CalendarToken.objects.filter(person=person, revoked_at__isnull=True).first()


def by_token(username: str, word: str) -> CalendarToken | None:
    """The token that a calendar program shows, if it holds and belongs to that account."""
    found = CalendarToken.objects.select_related("person__organisation").filter(
        digest=token_digest(word), revoked_at__isnull=True, person__is_active=True
    )
    return found.filter(person__username=username).first()

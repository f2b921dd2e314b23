"""Who someone is, and whether they may."""

import re
from datetime import datetime, timedelta

from django.contrib.auth.models import AnonymousUser

from guantong.identity.errors import NotPermitted, NotYourCalendar
from guantong.identity.models import Application, Division, Organisation, Person, SignInFailure
from guantong.identity.roles import ROLES
from guantong.identity.subjects import subjects_of as subjects_of  # noqa: PLC0414 - asked for here by the rooms above
from guantong.journal.types import Actor

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LOCK_MINUTES = 15
# An account from one address; an account from anywhere; an address, which a whole office may share.
FAILURES_OF_BOTH, FAILURES_OF_ACCOUNT, FAILURES_OF_ADDRESS = 5, 20, 100


def may(person: Person | AnonymousUser, permission: str) -> bool:
    """Whether any role of ``person`` carries ``permission`` (``resource:act``)."""
    if not isinstance(person, Person) or not person.is_active:
        return False
    return any(permission in ROLES.get(role, frozenset()) for role in person.roles)


def permissions_of(person: Person) -> set[str]:
    """Everything that somebody may do."""
    return {each for role in person.roles for each in ROLES.get(role, ())}


def demand(person: Person | AnonymousUser, permission: str) -> Person:
    """``person``, who may; or :class:`NotPermitted`."""
    if not isinstance(person, Person) or not may(person, permission):
        raise NotPermitted(permission=permission)
    return person


def actor(person: Person) -> Actor:
    """``person`` as the journal writes them down."""
    code = person.organisation.code if person.organisation else ""
    return Actor("person", str(person.uuid), person.full_name or person.username, code)


def holds(by: Actor, permission: str) -> bool:
    """Whether ``by`` is a person of this node who may, for acts that no program and no other node can do."""
    if by.kind != "person" or not _UUID.fullmatch(by.id):
        return False
    person = Person.objects.filter(uuid=by.id).select_related("organisation").first()
    return person is not None and may(person, permission) and actor(person).organisation == by.organisation


def organisation(code: str) -> Organisation | None:
    """The organisation that nodes know by ``code``."""
    return Organisation.objects.filter(code=code).first()


def bureaus(node: str) -> set[str]:
    """The codes of a node's data bureaus (数据主管部门)."""
    return set(Organisation.objects.filter(node=node, is_bureau=True).values_list("code", flat=True))


def demand_bureau(by: Actor) -> None:
    """:class:`NotYourCalendar` for a person who is not of a data bureau."""
    is_bureau = Organisation.objects.filter(code=by.organisation, is_bureau=True).exists()
    if by.kind == "person" and not is_bureau:
        raise NotYourCalendar


def applications_of(owner: Organisation) -> list[Application]:
    """The active applications of an organisation."""
    return list(Application.objects.filter(organisation=owner, is_active=True))


def division_name(code: str) -> str:
    """The full name of a division, from the province down; the code itself where it is unknown."""
    padded = code.ljust(12, "0")
    parents = dict.fromkeys((padded[:n].ljust(12, "0") for n in (2, 4, 6, 9, 12)), "")
    found = dict(Division.objects.filter(code__in=list(parents)).values_list("code", "name"))
    return "".join(found[each] for each in parents if each in found) or code


def account_name(typed: str) -> str:
    """The account that a typed user name counts for."""
    return typed.replace("\0", "").strip().casefold()[:150]


def is_locked(account: str, address: str, *, at: datetime) -> bool:
    """Whether this account, from this address, has to wait because of wrong passwords."""
    recent = SignInFailure.objects.filter(at__gt=at - timedelta(minutes=LOCK_MINUTES))
    of_account = recent.filter(account=account)
    return (
        of_account.filter(address=address).count() >= FAILURES_OF_BOTH
        or of_account.count() >= FAILURES_OF_ACCOUNT
        or recent.filter(address=address).count() >= FAILURES_OF_ADDRESS
    )

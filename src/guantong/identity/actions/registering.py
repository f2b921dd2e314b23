"""Divisions, organisations and people; who signs in, and the days on which is worked."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import transaction

from guantong.identity.errors import (
    ColumnMissing,
    OrganisationCodeTaken,
    OrganisationNameTaken,
    OrganisationOfAnotherNode,
    RoleUnknown,
)
from guantong.identity.models import CalendarDay, Division, Organisation, Person, SignInFailure
from guantong.identity.queries import account_name, demand_bureau
from guantong.identity.roles import ROLES
from guantong.identity.workdays import Day
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.kit import codes
from guantong.kit.errors import GuantongError

_LEVEL_BY_LENGTH = {1: 1, 2: 2, 4: 3, 6: 4, 9: 5}


@dataclass(frozen=True)
class Problem:
    """One fault of an imported file: the line (the heading is line 1), the value, and the refusal."""

    line: int
    value: str
    error: GuantongError

    def sentence(self) -> str:
        """``第 70 行「130501003」：…`` for the import page and the terminal."""
        return f"第 {self.line} 行「{self.value}」：{self.error.sentence('zh')}"


@dataclass
class ImportReport:
    """What became of an imported file: rows read, things made or found, and every fault by line."""

    rows: int = 0
    accepted: int = 0
    problems: list[Problem] = field(default_factory=list)


@transaction.atomic
def import_divisions(rows: Iterable[tuple[str, str]], *, by: Actor, at: datetime) -> ImportReport:
    """Take in divisions as (code of 1 to 9 digits, name) pairs; the parent follows from the code."""
    report = ImportReport()
    divisions = []
    for line, (code, name) in enumerate(rows, start=2):
        report.rows += 1
        level = _LEVEL_BY_LENGTH.get(len(code))
        try:
            if level is None:
                raise codes.CodeLengthWrong(
                    kind_zh="行政区划代码", kind_en="division code", expected=9, length=len(code)
                )
            full = codes.division_code(code) if level > 1 else "0" * 12
        except codes.CodeError as error:
            report.problems.append(Problem(line, code, error))
            continue
        parent = {1: "", 2: "0", 3: code[:2], 4: code[:4], 5: code[:6]}[level]
        divisions.append(
            Division(code=full, name=name, parent_code=parent and parent.ljust(12, "0"), level=level)
        )
    Division.objects.bulk_create(
        divisions,
        batch_size=2000,
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=["name", "parent_code", "level"],
    )
    report.accepted = len(divisions)
    record(
        "divisions.imported",
        by=by,
        at=at,
        subject=Subject("division", "all"),
        details={"accepted": report.accepted},
    )
    return report


@transaction.atomic
def import_organisations(
    rows: Iterable[Mapping[str, str]], *, division: str, node: str, by: Actor, at: datetime
) -> ImportReport:
    """Take in the departments named in ``rows`` (``department``, ``dept_code``), one organisation a name.

    A wrong code is reported with its line and the department is kept under a provisional code, so that one
    bad cell does not lose a department and its service items.
    """
    report = ImportReport()
    seen: set[tuple[str, str]] = set()
    best: dict[str, str] = {}
    for line, row in enumerate(rows, start=2):
        report.rows += 1
        if missing := {"department", "dept_code"} - set(row):
            raise ColumnMissing(columns="、".join(sorted(missing)))
        name, code = (row["department"] or "").strip(), (row["dept_code"] or "").strip()
        if (name, code) in seen:
            continue
        seen.add((name, code))
        best.setdefault(name, "")
        try:
            good = codes.check_body_code(code)
        except codes.CodeError as error:
            report.problems.append(Problem(line, f"{name} {code}", error))
            continue
        better = max(best[name], _credit_code(good, row.get("item_code", "")), key=len)
        holder = _other_holder(better, name, node=node, division=division, among=best)
        if holder:
            taken = OrganisationCodeTaken(organisation=better, name=holder)
            report.problems.append(Problem(line, f"{name} {code}", taken))
            continue
        best[name] = better
    for name, code in best.items():
        found, _ = Organisation.objects.get_or_create(
            node=node,
            division=division,
            name=name,
            defaults={"code": code or _provisional(node), "uscc": code if len(code) == 18 else ""},
        )
        report.accepted += 1
        record("organisation.imported", by=by, at=at, subject=Subject("organisation", found.code))
    return report


def _credit_code(body_code: str, item_code: str) -> str:
    """The credit code inside an item's code, if it is the department's own: it then embeds its organisation code."""
    for found in re.findall(r"[0-9A-HJ-NP-RTUWXY]{18}", item_code):
        if found[8:17] == body_code:
            try:
                return codes.check_uscc(found)
            except codes.CodeError:
                continue
    return body_code


def _other_holder(code: str, name: str, *, node: str, division: str, among: Mapping[str, str]) -> str | None:
    """The name of another department that has ``code``, in the file or in the database."""
    held = next((other for other, found in among.items() if found == code and other != name), None)
    known = Organisation.objects.filter(code=code).exclude(node=node, division=division, name=name).first()
    return held or (known.name if known else None)


def _provisional(node: str) -> str:
    last = Organisation.objects.filter(node=node, code__startswith=f"{node}-").order_by("-code").first()
    number = last.code.rpartition("-")[2] if last else "0"
    return f"{node}-{int(number) + 1 if number.isdigit() else 1:04d}"


@transaction.atomic
def register_organisation(
    code: str,
    name: str,
    *,
    node: str,
    division: str,
    by: Actor,
    at: datetime,
    is_synthetic: bool = False,
) -> Organisation:
    """Make an organisation of ``node`` known by ``code``, or follow its newest name.

    An organisation stays with its node: :class:`OrganisationOfAnotherNode` for anybody else who claims it.
    """
    known = Organisation.objects.select_for_update().filter(code=code).first()
    if known and known.node != node:
        raise OrganisationOfAnotherNode(organisation=code, node=known.node)
    namesake = Organisation.objects.filter(node=node, division=division, name=name).exclude(code=code).first()
    if namesake:
        raise OrganisationNameTaken(name=name, organisation=namesake.code)
    found, made = Organisation.objects.update_or_create(
        code=code,
        defaults={
            "name": name,
            "node": node,
            "division": division,
            "uscc": code if len(code) == 18 else "",
            "is_synthetic": is_synthetic,
        },
    )
    if made:
        record(
            "organisation.registered",
            by=by,
            at=at,
            subject=Subject("organisation", code),
            details={"name": name},
        )
    return found


@transaction.atomic
def register_person(
    username: str,
    full_name: str,
    *,
    password: str,
    roles: list[str],
    organisation: Organisation | None = None,
    resident_id: str = "",
    by: Actor,
    at: datetime,
) -> Person:
    """Give someone a log-in and roles. The password is kept as its scrypt hash only."""
    for role in roles:
        if role not in ROLES:
            raise RoleUnknown(role=role)
    person = Person(
        username=username,
        full_name=full_name,
        organisation=organisation,
        roles=roles,
        resident_id=codes.check_resident_id(resident_id).number if resident_id else "",
        date_joined=at,
    )
    person.set_password(password)
    person.save()
    record(
        "person.registered",
        by=by,
        at=at,
        subject=Subject("person", str(person.uuid)),
        details={"roles": roles},
    )
    return person


@transaction.atomic
def suspend_person(person: Person, *, by: Actor, at: datetime) -> Person:
    """Take a log-in away, at once: sessions that are open end with their next request."""
    person = Person.objects.select_for_update().get(pk=person.pk)
    person.is_active = False
    person.save()
    record("person.suspended", by=by, at=at, subject=Subject("person", str(person.uuid)))
    return person


@transaction.atomic
def note_failed_sign_in(account: str, *, address: str, by: Actor, at: datetime) -> None:
    """Count a wrong password. The name typed is written down only if it is somebody's: it may be a password."""
    SignInFailure.objects.filter(at__lt=at - timedelta(days=1)).delete()
    SignInFailure.objects.create(account=account, address=address, at=at)
    person = Person.objects.filter(username__iexact=account).first()
    subject = Subject("person", str(person.uuid) if person else "unknown")
    record("sign_in.failed", by=by, at=at, subject=subject, details={"address": address})


@transaction.atomic
def note_sign_in(person: Person, *, address: str, by: Actor, at: datetime) -> None:
    """Write down who signed in from where; earlier failures of the account from there are forgotten."""
    SignInFailure.objects.filter(account=account_name(person.username), address=address).delete()
    record(
        "person.signed_in",
        by=by,
        at=at,
        subject=Subject("person", str(person.uuid)),
        details={"address": address},
    )


@transaction.atomic
def note_days(days: Iterable[Day], *, by: Actor, at: datetime) -> int:
    """Note which days are worked, whatever the public calendar says; a day noted before is noted anew.

    What was due before stays due as it was: only deadlines set from now on ask the calendar as it is.
    """
    demand_bureau(by)
    noted = 0
    for each in days:
        values = {"is_workday": each.is_workday, "name": each.name, "noted_at": at, "noted_by": by.name}
        CalendarDay.objects.update_or_create(day=each.day, defaults=values)
        noted += 1
    record("calendar.noted", by=by, at=at, subject=Subject("calendar", ""), details={"days": noted})
    return noted


@transaction.atomic
def forget_day(day: date, *, by: Actor, at: datetime) -> None:
    """Let the public calendar have its way again on ``day``."""
    demand_bureau(by)
    CalendarDay.objects.filter(day=day).delete()
    record("calendar.forgotten", by=by, at=at, subject=Subject("calendar", day.isoformat()))

"""The only writers of divisions, organisations, people and applications."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from guantong.identity.models import Application, Division, Organisation, Person
from guantong.journal.actions import enqueue, record
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
        name, code = row["department"].strip(), row["dept_code"].strip()
        if (name, code) in seen:
            continue
        seen.add((name, code))
        best.setdefault(name, "")
        try:
            good = codes.check_body_code(code)
        except codes.CodeError as error:
            report.problems.append(Problem(line, f"{name} {code}", error))
            continue
        best[name] = max(best[name], _credit_code(good, row.get("item_code", "")), key=len)
    for name, code in best.items():
        found, _ = Organisation.objects.get_or_create(
            division=division,
            name=name,
            defaults={
                "code": code or _provisional(node),
                "uscc": code if len(code) == 18 else "",
                "node": node,
            },
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


def _provisional(node: str) -> str:
    count = Organisation.objects.filter(node=node, code__startswith=f"{node}-").count()
    return f"{node}-{count + 1:04d}"


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
    """Make an organisation known by ``code``, or return the one that is; its name follows the newest word."""
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
def register_application(
    code: str,
    name: str,
    *,
    organisation: Organisation,
    public_key: str,
    clearance: int,
    by: Actor,
    at: datetime,
) -> Application:
    """Register a department's system by its public key (vkey); its private key never reaches the node."""
    application, _ = Application.objects.update_or_create(
        code=code,
        defaults={
            "name": name,
            "organisation": organisation,
            "public_key": public_key,
            "clearance": clearance,
            "is_active": True,
            "registered_at": at,
        },
    )
    record("application.registered", by=by, at=at, subject=Subject("application", code))
    enqueue("bundle.stale", {"because": "application.registered"}, by=by, at=at)
    return application

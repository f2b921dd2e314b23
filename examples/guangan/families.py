"""Which families apply: drawn by seed from the synthetic tables, each for the sake of one turn of the story."""

import random
import sqlite3
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from examples.guangan.people import TODAY

DISTRICT = "511602"


@dataclass(frozen=True)
class Family:
    """A child of school age and the parent who applies, as the one form asks for them."""

    child_name: str
    child_id_number: str
    child_birth_date: str
    child_birthplace: str
    guardian_name: str
    guardian_id_number: str
    guardian_birthplace: str


@dataclass(frozen=True)
class Families:
    """``admitted`` meets every condition; ``refused`` has neither insurance nor a running licence; ``mistyped`` is a
    third family, whose child's ID the story enters with a wrong check digit."""

    admitted: Family
    refused: Family
    mistyped: Family


def draw(tables: Path, seed: int) -> Families:
    """Three different families for ``seed``."""
    rng = random.Random(seed)
    candidates = _candidates(tables)
    good = [family for family, (permit, work, home) in candidates if permit and work and home]
    jobless = [family for family, (permit, work, home) in candidates if permit and not work and home]
    admitted, mistyped = rng.sample(good, 2)
    return Families(admitted, rng.choice(jobless), mistyped)


def with_wrong_check_digit(number: str) -> str:
    """The number as a tired hand types it: the last character is another one."""
    return number[:-1] + ("0" if number[-1] != "0" else "1")


def _candidates(tables: Path) -> list[tuple[Family, tuple[bool, bool, bool]]]:
    permits = _facts(
        tables / "residence.sqlite3", "SELECT id_number, residence_division, valid_to FROM residence_permit"
    )
    months = _facts(
        tables / "insurance.sqlite3", "SELECT id_number, insured_months, status FROM social_insurance"
    )
    homes = _facts(tables / "housing.sqlite3", "SELECT id_number, kind, contract_to FROM housing")
    licences = _facts(
        tables / "licence.sqlite3", "SELECT operator_id_number, state, established_on FROM business_licence"
    )
    found = []
    for family in _children(tables):
        who = family.guardian_id_number
        permit = who in permits and permits[who][0] == DISTRICT and _day(permits[who][1]) >= TODAY
        work = (who in months and (months[who][0] or 0) >= 6) or (
            who in licences and licences[who][0] == "存续"
        )
        kind, ends = homes.get(who, ("", ""))
        home = kind.strip() in {"自有", "单位宿舍"} or (bool(kind) and bool(ends) and _day(ends) >= TODAY)
        found.append((family, (permit, work, home)))
    return found


def _children(tables: Path) -> list[Family]:
    """Children of six to eleven whose parent has anything at all on record in Guang'an, in a stable order."""
    query = """SELECT c.name, c.id_number, c.birth_date, c.birthplace, g.name, g.id_number, g.birthplace
        FROM population c JOIN population g ON g.id_number = c.guardian
        WHERE c.guardian <> '' AND c.birth_date BETWEEN '2015-01-01' AND '2020-08-31'
        AND substr(c.birthplace, 1, 4) <> '5116' ORDER BY c.id_number"""
    with sqlite3.connect(tables / "population.sqlite3") as database:
        rows = database.execute(query).fetchall()
    database.close()
    return [Family(*row) for row in rows]


def _facts(path: Path, query: str) -> dict[str, tuple[Any, ...]]:
    with sqlite3.connect(path) as database:
        rows = database.execute(query).fetchall()
    database.close()
    return {row[0]: row[1:] for row in rows}


def _day(text: object) -> date:
    digits = str(text).strip().replace("/", "-")
    if digits.isdigit():
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    year, month, day = (int(part) for part in digits.split("-"))
    return date(year, month, day)

"""Departments with their codes, as the district's own list has them."""

import csv
from pathlib import Path

import pytest
from tests.cast import NODE, NOON

from guantong.identity.actions import import_divisions, import_organisations
from guantong.identity.models import Organisation
from guantong.identity.queries import division_name
from guantong.journal.types import SYSTEM

pytestmark = pytest.mark.django_db
LIST = Path(__file__).parents[2] / "examples" / "guangan" / "service-items" / "guangan.csv"


def rows() -> list[dict[str, str]]:
    with LIST.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_real_list_is_taken_in_with_its_faults_told_row_by_row() -> None:
    report = import_organisations(rows(), division="511602000000", node=NODE, by=SYSTEM, at=NOON)
    assert (report.rows, report.accepted) == (1135, 34)
    by_line = {problem.line: problem.error.code for problem in report.problems}
    assert by_line[70] == "check_digit_wrong"
    assert list(by_line.values()).count("check_digit_wrong") == 1
    assert "第 70 行" in next(p.sentence() for p in report.problems if p.line == 70)
    assert Organisation.objects.filter(name="区消防大队").exists()


def test_a_credit_code_inside_an_items_code_completes_the_departments() -> None:
    import_organisations(rows(), division="511602000000", node=NODE, by=SYSTEM, at=NOON)
    assert Organisation.objects.get(name="区教科体局").uscc == "115113010833722043"


def test_taking_in_the_list_again_changes_nothing() -> None:
    for _ in range(2):
        import_organisations(rows(), division="511602000000", node=NODE, by=SYSTEM, at=NOON)
    assert Organisation.objects.count() == 34


def test_divisions_know_their_full_names() -> None:
    given = [
        ("0", "中国"),
        ("51", "四川省"),
        ("5116", "广安市"),
        ("511602", "广安区"),
        ("51160", "错"),
        ("5x", "错"),
    ]
    report = import_divisions(given, by=SYSTEM, at=NOON)
    assert report.accepted == 4
    assert [problem.line for problem in report.problems] == [6, 7]
    assert division_name("511602") == "四川省广安市广安区"

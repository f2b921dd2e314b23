"""The district's real list of service items, and a spoilt one."""

import csv
from pathlib import Path

import pytest
from tests.counter.conftest import AT, CLERK, ITEM

from guantong.counter import actions, queries
from guantong.counter.errors import ItemUnknown
from guantong.counter.models import ServiceItem
from guantong.identity.actions import import_organisations
from guantong.journal.models import Entry

pytestmark = [pytest.mark.control, pytest.mark.django_db]
LIST = Path(__file__).parents[2] / "examples" / "guangan" / "service-items" / "guangan.csv"
GOOD = {
    "department": "区教科体局", "main_item": "未分类", "name": "事项", "item_code": "A-1",
    "area_code": "511602000000", "task_type": "1", "dept_code": "083372204",
}  # fmt: skip


def test_the_real_list_goes_in_whole():
    with LIST.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    import_organisations(rows, division="511602000000", node="511600", by=CLERK, at=AT)
    report = actions.import_items(rows, by=CLERK, at=AT)
    assert (report.accepted, report.problems) == (1135, [])
    assert queries.item(ITEM).department.name == "区教科体局"
    assert queries.items(words="义务教育 入学").filter(code=ITEM).exists()
    assert len(queries.departments()) == 34
    assert Entry.objects.get(act="items.imported").details == {"accepted": 1135, "problems": 0}


def test_a_second_import_keeps_what_was_opened(item):
    again = {**GOOD, "item_code": ITEM, "name": "新名称"}
    assert actions.import_items([again], by=CLERK, at=AT).accepted == 1
    item.refresh_from_db()
    assert (item.name, item.flow) == ("新名称", "enrolment")


@pytest.mark.parametrize(
    ("change", "column", "code"),
    [
        ({"item_code": " "}, "item_code", "item_code_missing"),
        ({"item_code": "事项"}, "item_code", "value_not_allowed"),
        ({"name": ""}, "name", "value_not_allowed"),
        ({"task_type": "99"}, "task_type", "value_not_allowed"),
        ({"area_code": "广安"}, "area_code", "code_alphabet_wrong"),
        ({"department": "区天文局"}, "department", "department_unknown"),
    ],
)
def test_a_bad_row_is_told_and_the_rest_goes_in(item, change, column, code):
    rows = [
        {**GOOD, "item_code": "A-1"},
        {**GOOD, "item_code": "A-2", **change},
        {**GOOD, "item_code": "A-3"},
    ]
    report = actions.import_items(rows, by=CLERK, at=AT)
    assert report.accepted == 2
    problem = report.problems[0]
    assert (problem.line, problem.column, problem.code) == (3, column, code)
    assert problem.zh != problem.en
    assert set(ServiceItem.objects.values_list("code", flat=True)) == {ITEM, "A-1", "A-3"}


def test_a_repeated_code_names_the_first_line(item):
    report = actions.import_items([GOOD, GOOD], by=CLERK, at=AT)
    assert report.problems[0].code == "item_code_repeated"
    assert "2" in report.problems[0].zh


def test_an_unknown_item_is_named(item):
    with pytest.raises(ItemUnknown):
        queries.item("nothing")

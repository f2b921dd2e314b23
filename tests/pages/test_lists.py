"""What all lists have in common: forms of an answer, pages, days, harmless cells."""

import json

import pytest
from django.test import RequestFactory
from tests.cast import NOON

from guantong.identity.models import Division
from guantong.journal.models import Entry
from guantong.pages.answers import wants_json
from guantong.pages.filters import DayUnreadable, between, chosen
from guantong.pages.lists import answer_list, harmless

COLUMNS = {"code": lambda row: row.code, "name": lambda row: row.name}


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        (" =1+1", "' =1+1"),
        ("\u3000@x", "'\u3000@x"),
        ("-2", "'-2"),
        ("\t=1", "'\t=1"),
        ("\n=1", "'\n=1"),
        (-2, "-2"),
        (None, ""),
        ("", ""),
        ("公安局", "公安局"),
    ],
)
def test_no_cell_is_a_formula(value: str | int | None, cell: str) -> None:
    assert harmless(value) == cell


def test_what_a_program_accepts_it_gets() -> None:
    make = RequestFactory().get
    assert wants_json(make("/x", headers={"accept": "application/json"}))
    assert wants_json(make("/x?format=json"))
    assert wants_json(make("/federation/messages"))
    assert not wants_json(make("/x", headers={"accept": "*/*"}))
    assert not wants_json(make("/x", headers={"accept": "text/html,application/json;q=0.9"}))
    assert not wants_json(make("/x"))


@pytest.mark.django_db
def test_a_list_answers_as_csv_and_json_by_address_and_by_accept() -> None:
    Division.objects.bulk_create(Division(code=f"{n:012d}", name="=名", level=5) for n in range(35))
    for request in (
        RequestFactory().get("/?format=json"),
        RequestFactory().get("/", headers={"accept": "application/json"}),
    ):
        answer = json.loads(
            answer_list(request, Division.objects.all(), template="x/y.html", columns=COLUMNS).content
        )
        assert (answer["total"], len(answer["rows"])) == (35, 35)
    request = RequestFactory().get("/", headers={"accept": "text/csv"})
    csv = answer_list(request, Division.objects.all(), template="x/divisions.html", columns=COLUMNS)
    assert csv["Content-Disposition"] == 'attachment; filename="divisions.csv"'
    assert csv.content.decode("utf-8-sig").splitlines()[1] == "000000000000,'=名"


@pytest.mark.django_db
def test_days_are_whole_days_in_chinese_time() -> None:
    for hour in (0, 15, 17):  # 08:00, 23:00, and 01:00 of the next day
        Entry.objects.create(at=NOON.replace(hour=hour), act="x", actor_kind="system")
    on = {"since": "2026-11-20", "until": "2026-11-20"}
    assert between(Entry.objects.all(), "at", **on).count() == 2
    assert between(Entry.objects.all(), "at", since="2026-11-21", until="").count() == 1


@pytest.mark.parametrize("text", ["x", "2026-13-01", "9999-12-31", "0001-01-01\0", "2026-11-20T00:00"])
@pytest.mark.django_db
def test_a_day_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(DayUnreadable):
        between(Entry.objects.all(), "at", since="", until=text)


def test_what_is_chosen_is_trimmed_and_bounded() -> None:
    request = RequestFactory().get("/", {"q": " a ", "to": "x" * 1000})
    assert chosen(request, ["q", "to", "none"]) == {"q": "a", "to": "x" * 200, "none": ""}

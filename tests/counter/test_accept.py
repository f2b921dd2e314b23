"""Taking a form in: all of it or nothing."""

import pytest
from tests.counter.conftest import AT, CHILD, CLERK, GUARDIAN, form

from guantong.counter import actions, queries
from guantong.counter.errors import FormRefused, ItemNotOpen
from guantong.counter.models import Case, Party
from guantong.journal.models import Entry

pytestmark = [pytest.mark.control, pytest.mark.django_db]


def test_a_case_is_taken_in(item):
    case = actions.accept(form(hobby="chess"), item, by=CLERK, at=AT)
    assert case.number.startswith("51160220261122")
    assert (case.applicant_name, case.holder_name, case.taken_in_by) == ("吴建国", "吴小满", "窗口 周敏")
    # what follows from the ID is not asked for, and what nobody asked for is not kept
    assert case.form["child_birth_date"] == "2018-05-12"
    assert "hobby" not in case.form
    assert [step.id for step in queries.run_of(case).waiting()] == ["verify_child", "verify_guardian"]
    assert Entry.objects.get(act="case.accepted").subject_id == case.number


def test_a_wrong_check_digit_names_the_field_and_nothing_is_kept(item):
    before = Entry.objects.count()
    with pytest.raises(FormRefused) as refusal:
        actions.accept(form(child_id_number=CHILD[:-1] + "2"), item, by=CLERK, at=AT)
    fault = refusal.value.fault("child_id_number")
    assert fault.code == "resident_id_wrong"
    assert fault.details["why"] == "check_digit_wrong"
    assert "学生公民身份号码" in fault.sentence("zh")
    assert "check digit" in refusal.value.sentence("en")
    assert not Case.objects.exists()
    assert Entry.objects.count() == before


def test_every_fault_is_told_at_once(item):
    spoilt = form(child_name="", guardian_birthplace="广安", guardian_phone="abc", guardian_name="<b>")
    with pytest.raises(FormRefused) as refusal:
        actions.accept(spoilt, item, by=CLERK, at=AT)
    codes = {name: fault.code for name, fault in refusal.value.faults.items()}
    assert codes == {
        "child_name": "field_missing",
        "guardian_birthplace": "field_malformed",
        "guardian_phone": "field_malformed",
        "guardian_name": "field_malformed",
    }


def test_the_same_number_twice_is_a_slip(item):
    with pytest.raises(FormRefused) as refusal:
        actions.accept(form(guardian_id_number=CHILD), item, by=CLERK, at=AT)
    assert refusal.value.fault("guardian_id_number").code == "same_person_twice"


def test_wide_digits_and_spaces_are_read_as_meant(item):
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in CHILD)
    case = actions.accept(
        form(child_id_number=f" {wide} ", child_birthplace="510902000000"), item, by=CLERK, at=AT
    )
    assert case.form["child_id_number"] == CHILD
    assert case.form["child_birthplace"] == "510902"


def test_an_item_without_a_flow_is_not_taken_in(item):
    item.flow = ""
    with pytest.raises(ItemNotOpen):
        actions.accept(form(), item, by=CLERK, at=AT)


def test_a_case_is_found_by_the_whole_number_of_a_party_only(item):
    case = actions.accept(form(), item, by=CLERK, at=AT)
    everything = Case.objects.all()
    for words in (CHILD, GUARDIAN, "小满", "吴建国", case.number[-6:]):
        assert list(queries.search(everything, words=words)) == [case]
    assert not queries.search(everything, words=CHILD[:10]).exists()
    assert all(CHILD not in party.digest for party in Party.objects.all())

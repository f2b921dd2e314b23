"""Departments' rows with their dirt, and the plain facts that the rules read."""

from datetime import date

import pytest

from guantong.counter import facts

GROUND = facts.Ground(on=date(2026, 11, 22), division="511602000000")


def permit(division="511602", since="2025-01-01", until="2027-01-01"):
    return {"residence_division": division, "valid_from": since, "valid_to": until}


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([permit()], "valid"),
        ([permit(until="2026-11-22")], "valid"),
        ([permit(until="2026-11-21")], "expired"),
        ([permit(since="2026-12-01")], "expired"),
        ([permit(division=" 511602001000 ", since="2025/1/5", until="2027年3月4日")], "valid"),
        ([permit(since=None, until="20270304")], "valid"),
        ([permit(division="511603")], "elsewhere"),
        ([permit(until="")], "unclear"),
        ([permit(until="2027-02-30")], "unclear"),
        ([], "missing"),
        ([permit(until="2020-01-01"), permit(division="511603"), permit()], "valid"),
        ([permit(until=None), permit(until="2020-01-01")], "unclear"),
        ([None, "rubbish"], "missing"),
    ],
)
def test_residence(rows, state):
    assert facts.residence({"rows": rows}, GROUND) == {"residence_permit": state}


@pytest.mark.parametrize(
    ("months", "number"),
    [([9], 9), ([" 12 "], 12), (["7个月"], 7), ([None, "", 3, 5], 5), ([], 0), (["暂无"], 0), ([-3], 0)],
)
def test_insurance(months, number):
    rows = [{"insured_months": each} for each in months]
    assert facts.insurance({"rows": rows}, GROUND) == {"insured_months": number}


@pytest.mark.parametrize(
    ("rows", "home"),
    [
        ([{"kind": "自有", "contract_to": ""}], "own"),
        ([{"kind": "租赁　", "contract_to": "2027/6/30"}], "rented"),
        ([{"kind": "rented", "contract_to": "2026-11-21"}], "contract_ended"),
        ([{"kind": "租赁", "contract_to": None}], "unclear"),
        ([{"kind": "租赁", "contract_to": "2020-1-1"}, {"kind": "单位宿舍"}], "dormitory"),
        ([{"kind": "公租房"}], "public_rental"),
        ([{"kind": "船"}], "unclear"),
        ([{"kind": None}], "unclear"),
        ([], "missing"),
    ],
)
def test_housing(rows, home):
    assert facts.housing({"rows": rows}, GROUND) == {"home": home}


@pytest.mark.parametrize(
    ("states", "is_running"),
    [(["存续 "], True), (["注销", "在业"], True), (["注销", None], False), ([], False)],
)
def test_licence(states, is_running):
    assert facts.licence({"rows": [{"state": each} for each in states]}, GROUND) == {
        "licence_running": is_running
    }


@pytest.mark.parametrize(
    ("matched", "identity", "guardianship"),
    [
        ({"name": "match", "birthplace": "match", "guardian": "match"}, "match", "match"),
        ({"name": "match", "birthplace": "no_match", "guardian": "match"}, "mismatch", "match"),
        ({"name": "unknown", "guardian": "no_match"}, "unknown", "mismatch"),
        ({}, "unknown", "unknown"),
    ],
)
def test_child(matched, identity, guardianship):
    found = facts.child({"matched": matched}, GROUND)
    assert found == {"child_identity": identity, "guardianship": guardianship}
    assert facts.guardian({"matched": matched}, GROUND)["guardian_identity"] in {
        "match",
        "mismatch",
        "unknown",
    }


def test_an_answer_of_another_shape_establishes_nothing():
    for mapping in facts.MAPPINGS.values():
        for answer in ({}, {"rows": None}, {"matched": None}):
            assert set(mapping(answer, GROUND).values()) <= {"unknown", "missing", 0}

"""Who may be registered as what: codes stay with their owners."""

import pytest
from tests.cast import NODE, NOON, POLICE, assemble

from guantong.identity import actions
from guantong.identity.errors import (
    ApplicationCodeTaken,
    ApplicationWrong,
    ColumnMissing,
    OrganisationNameTaken,
    OrganisationOfAnotherNode,
    RoleUnknown,
)
from guantong.identity.models import Organisation
from guantong.identity.queries import may
from guantong.journal.types import SYSTEM, Actor
from guantong.kit.suites import INTERNATIONAL

pytestmark = pytest.mark.django_db
PROVINCE = Actor("node", "510000", "四川", "510000")


def test_another_node_neither_takes_over_nor_renames_an_organisation() -> None:
    cast = assemble()
    with pytest.raises(OrganisationOfAnotherNode):
        actions.register_organisation(
            POLICE, "省公安厅", node="510000", division="510000000000", by=PROVINCE, at=NOON
        )
    cast.police.refresh_from_db()
    assert (cast.police.name, cast.police.node) == ("广安市公安局", NODE)


def test_a_name_is_taken_within_a_node_and_a_division_only() -> None:
    cast = assemble()
    place = {"division": cast.police.division, "by": PROVINCE, "at": NOON}
    actions.register_organisation("510000-0001", cast.police.name, node="510000", **place)
    with pytest.raises(OrganisationNameTaken):
        actions.register_organisation("511600-0001", cast.police.name, node=NODE, **place)


def test_a_new_name_of_an_own_organisation_is_followed() -> None:
    cast = assemble()
    again = actions.register_organisation(
        POLICE, "广安市公安局（新）", node=NODE, division=cast.police.division, by=SYSTEM, at=NOON
    )
    assert again.name == "广安市公安局（新）"


def test_an_application_stays_with_its_organisation() -> None:
    cast = assemble()
    key = INTERNATIONAL.generate("one-window").public.to_text()
    values = {"public_key": key, "clearance": 3, "by": SYSTEM, "at": NOON}
    with pytest.raises(ApplicationCodeTaken):
        actions.register_application("one-window", "冒名", organisation=cast.police, **values)
    renewed = actions.register_application("one-window", "换钥", organisation=cast.education, **values)
    assert renewed.public_key == key


@pytest.mark.parametrize("changes", [{"public_key": "no key"}, {"clearance": 5}, {"clearance": 0}])
def test_an_application_needs_a_key_and_a_clearance(changes: dict[str, object]) -> None:
    cast = assemble()
    key = INTERNATIONAL.generate("x").public.to_text()
    values = {"public_key": key, "clearance": 1, **changes}
    with pytest.raises(ApplicationWrong):
        actions.register_application("x", "x", organisation=cast.police, **values, by=SYSTEM, at=NOON)


def test_roles_are_those_of_the_table() -> None:
    assemble()
    with pytest.raises(RoleUnknown):
        actions.register_person("x", "某", password="x" * 12, roles=["king"], by=SYSTEM, at=NOON)


def test_a_suspended_person_may_nothing() -> None:
    cast = assemble()
    assert may(cast.xu, "request:file")
    assert not may(actions.suspend_person(cast.xu, by=SYSTEM, at=NOON), "request:file")


def rows(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"department": name, "dept_code": code} for name, code in pairs]


def test_a_repeated_code_is_told_and_both_departments_are_kept() -> None:
    assemble()
    body = "083372204"
    report = actions.import_organisations(
        rows(("甲局", body), ("乙局", body)), division="511602000000", node=NODE, by=SYSTEM, at=NOON
    )
    assert [problem.error.code for problem in report.problems] == ["organisation_code_taken"]
    assert report.problems[0].line == 3
    codes = dict(Organisation.objects.filter(division="511602000000").values_list("name", "code"))
    assert codes == {"甲局": body, "乙局": f"{NODE}-0001"}


def test_provisional_codes_go_on_after_a_gap() -> None:
    for name in ("甲", "乙", "丙"):
        actions.import_organisations(
            rows((name, "bad")), division="511602000000", node=NODE, by=SYSTEM, at=NOON
        )
    Organisation.objects.get(name="甲").delete()
    actions.import_organisations(rows(("丁", "bad")), division="511602000000", node=NODE, by=SYSTEM, at=NOON)
    assert Organisation.objects.get(name="丁").code == f"{NODE}-0004"


def test_a_file_without_the_columns_says_so() -> None:
    with pytest.raises(ColumnMissing) as refused:
        actions.import_organisations([{"name": "甲"}], division="511602000000", node=NODE, by=SYSTEM, at=NOON)
    assert "dept_code" in refused.value.sentence("en")

"""The pages of alerts: who sees which, what they can do, rules with a preview, exceptions."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from tests.cast import EDUCATION, NOON, POLICE
from tests.risk.cast import Desk

from guantong.identity.actions import register_person
from guantong.identity.models import Person
from guantong.journal.models import Entry
from guantong.journal.types import SYSTEM
from guantong.notices.models import Notice
from guantong.risk import queries
from guantong.risk.declaring import read_rule
from guantong.risk.errors import RuleWrong
from guantong.risk.models import Exemption, Finding, RuleVersion
from guantong.sharing.models import Grant, GrantState
from guantong.site.todos import count_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("month")]
RULES = "/oversee/risk/rules/"


def as_(person: Person, language: str = "zh-hans") -> Client:
    client = Client()
    client.cookies["django_language"] = language
    client.force_login(person)
    return client


def page_of(finding: Finding) -> str:
    return f"/oversee/risk/{finding.uuid}/"


def found(rule: str) -> Finding:
    return Finding.objects.get(rule=rule)


def test_the_officer_sees_all_and_a_department_what_it_gave(desk: Desk) -> None:
    def listed(person: Person) -> set[str]:
        rows = as_(person).get("/oversee/risk/?format=json").json()["rows"]
        return {row["rule"] for row in rows}

    every = listed(desk.an)
    assert {"bulk_rows_day", "case_reused", "odd_hours", "probing", "other_purpose"} <= every
    assert listed(desk.cast.gao) == listed(desk.cast.tian) == every
    # Probing is about an application, whose grants may be anybody's: the bureau's business.
    assert listed(desk.cast.jiang) == every - {"probing", "bulk_organisation", "refused_application"}
    assert listed(desk.cast.xu) == set()
    assert as_(desk.cast.xu).get(page_of(found("odd_hours"))).status_code == 404


def test_the_list_is_filtered_counted_and_taken_along(desk: Desk) -> None:
    client = as_(desk.an)
    shown = client.get("/oversee/risk/").content.decode()
    assert "一件多查" in shown
    assert "<svg" in client.get(page_of(found("bulk_rows_day"))).content.decode()
    only = client.get("/oversee/risk/?severity=high&rule=case_reused&format=json").json()["rows"]
    assert [row["rule"] for row in only] == ["case_reused"]
    assert "90" in only[0]["words"] or "64" in only[0]["words"]
    assert client.get("/oversee/risk/?state=false&format=json").json()["total"] == 0
    assert "没有符合条件的预警" in client.get("/oversee/risk/?state=false").content.decode()
    assert client.get("/oversee/risk/?format=csv")["Content-Type"].startswith("text/csv")


def test_the_calls_behind_are_those_and_no_others(desk: Desk) -> None:
    client = as_(desk.an, "en")
    night = found("odd_hours")
    rows = client.get(f"{page_of(night)}calls?format=json").json()["rows"]
    assert len(rows) == 25
    refused = client.get(f"{page_of(found('other_purpose'))}calls?format=json").json()["rows"]
    assert {row["reason"] for row in refused} == {"purpose_not_granted"}
    assert len(refused) == 9
    assert "Odd hours" in client.get(page_of(night)).content.decode()
    # Whoever reads or takes along what others did is on record, too.
    assert Entry.objects.filter(act="journal.exported", actor_name="安全").count() == 2
    assert Entry.objects.filter(act="journal.searched", details__rule="odd_hours").count() == 1


def test_suspended_from_the_alert_in_one_step(desk: Desk) -> None:
    client, finding = as_(desk.an), found("bulk_rows_day")
    form = client.get(f"{page_of(finding)}suspend").content.decode()
    assert "预警“批量拉取（日）”" in form
    assert client.post(f"{page_of(finding)}suspend", {"reason": ""}).status_code == 302
    assert Grant.objects.get().state == GrantState.ACTIVE
    client.post(f"{page_of(finding)}suspend", {"reason": "预警核查"})
    grant = Grant.objects.get()
    assert grant.state == GrantState.SUSPENDED
    finding.refresh_from_db()
    assert (finding.state, finding.decided_by, finding.suspended_at) == ("confirmed", "安全", NOON)
    told = set(Notice.objects.filter(code="grant_suspended").values_list("organisation", flat=True))
    assert {EDUCATION, POLICE} & told
    assert Entry.objects.filter(act="risk.grant_suspended").exists()
    assert Entry.objects.filter(act="grant.suspended").exists()


def test_who_may_not_suspend_does_not(desk: Desk) -> None:
    finding = found("bulk_rows_day")
    for person in (desk.cast.luo, desk.cast.gao):
        assert as_(person).post(f"{page_of(finding)}suspend", {"reason": "x"}).status_code == 403
    stranger = register_person(
        "qiu", "邱全", password="qiu-password-1", roles=["security_officer"], organisation=desk.cast.education,
        by=SYSTEM, at=NOON,
    )  # fmt: skip
    as_(stranger).post(f"{page_of(finding)}suspend", {"reason": "x"})
    assert Grant.objects.get().state == GrantState.ACTIVE
    # The officer suspends and does nothing else with a grant.
    as_(desk.an).post(f"/share/grants/{desk.grant.code}/revoke", {"reason": "x"})
    assert Grant.objects.get().state == GrantState.ACTIVE


def test_looked_into_and_decided_once(desk: Desk) -> None:
    client, finding = as_(desk.cast.jiang), found("odd_hours")
    before = count_for(desk.an)
    client.post(f"{page_of(finding)}look")
    finding.refresh_from_db()
    assert (finding.state, finding.looked_by) == ("seen", "蒋批")
    data = {
        "reason": "节假日值守",
        "exempt": "1",
        "exempt_until": (NOON + timedelta(days=30)).date().isoformat(),
    }
    client.post(f"{page_of(finding)}false", data)
    finding.refresh_from_db()
    assert finding.state == "false"
    assert count_for(desk.an) == before - 1
    as_(desk.an).post(f"{page_of(finding)}confirmed", {"reason": "属实"})
    finding.refresh_from_db()
    assert finding.state == "false"
    assert "节假日值守" in client.get("/oversee/risk/exemptions/").content.decode()
    client.post(f"/oversee/risk/exemptions/{Exemption.objects.get().pk}/end")
    assert not Exemption.objects.exists()


@pytest.mark.parametrize("day", ["", "2020-01-01", "2999-01-01"])
def test_an_exception_has_an_end_within_bounds(desk: Desk, day: str) -> None:
    finding = found("odd_hours")
    as_(desk.an).post(f"{page_of(finding)}false", {"reason": "x", "exempt": "1", "exempt_until": day})
    finding.refresh_from_db()
    assert finding.is_open
    assert not Exemption.objects.exists()


def form_of(code: str, **changes: Any) -> dict[str, Any]:
    terms = next(row.terms for row in queries.rules_in_force() if row.code == code)
    plain = {name: value for name, value in terms.items() if not isinstance(value, dict)}
    words = {f"{what}_{tongue}": terms[what][tongue] for what in ("name", "says") for tongue in ("zh", "en")}
    return {**plain, **words, "is_on": "1", **changes}


def test_a_rule_is_tried_and_then_changed(desk: Desk) -> None:
    client = as_(desk.an)
    tried = client.post(f"{RULES}odd_hours/", form_of("odd_hours", floor=5, **{"try": "1"}))
    assert tried.status_code == 200
    assert desk.grant.code in tried.content.decode()
    assert RuleVersion.objects.filter(code="odd_hours").count() == 1
    tried = client.post(f"{RULES}odd_hours/", form_of("odd_hours", floor=5000, **{"try": "1"}))
    comparison = tried.context["tried"]
    assert (len(comparison.before.found), len(comparison.after.found), len(comparison.lost)) == (1, 0, 1)
    # What was not tried just like this is not saved, but tried.
    form = form_of("odd_hours", floor=30, reason="减少误报", save="1")
    assert client.post(f"{RULES}odd_hours/", {**form, "tried": tried.context["mark"]}).status_code == 200
    assert RuleVersion.objects.filter(code="odd_hours").count() == 1
    mark = client.post(f"{RULES}odd_hours/", {**form, "save": ""}).context["mark"]
    client.post(f"{RULES}odd_hours/", {**form, "tried": mark})
    newest = RuleVersion.objects.filter(code="odd_hours").first()
    assert newest is not None
    assert (newest.number, newest.terms["floor"], newest.reason) == (2, 30, "减少误报")
    entry = Entry.objects.get(act="risk.rule_changed")
    assert entry.details["changed"] == {"floor": [10, 30]}
    # What was raised by the first version still says so.
    assert found("odd_hours").version.number == 1
    assert "第 1 版" in client.get(page_of(found("odd_hours"))).content.decode()


def test_the_same_numbers_seen_by_the_preview_and_by_the_worker(desk: Desk) -> None:
    client = as_(desk.cast.gao, "en")
    for rule in ("case_reused", "odd_hours", "bulk_rows_day"):
        assert "would have raised 1 alert" in client.get(f"{RULES}{rule}/?preview=1").content.decode(), rule


@pytest.mark.parametrize(
    "changes", [{"floor": 0}, {"floor": "many"}, {"severity": "worst"}, {"says_zh": "{seen.__class__}"}, {"name_en": ""}]
)  # fmt: skip
def test_a_wrong_rule_is_refused(desk: Desk, changes: dict[str, Any]) -> None:
    answer = as_(desk.an).post(f"{RULES}odd_hours/", form_of("odd_hours", reason="x", save="1", **changes))
    assert answer.status_code == 422
    assert RuleVersion.objects.filter(code="odd_hours").count() == 1


def test_only_the_bureaus_officer_keeps_rules(desk: Desk) -> None:
    for person in (desk.cast.jiang, desk.cast.gao):
        client = as_(person)
        assert client.get(RULES).status_code == 200
        assert client.post(f"{RULES}odd_hours/", form_of("odd_hours", save="1")).status_code == 403


def test_the_rules_are_a_list_and_strangers_are_turned_away(desk: Desk) -> None:
    assert len(as_(desk.an).get(f"{RULES}?format=json").json()["rows"]) == 29
    assert as_(desk.an).get(f"{RULES}nothing/").status_code == 404
    assert Client().get("/oversee/risk/").status_code == 302


def test_a_rule_that_is_data_is_read_back() -> None:
    with pytest.raises(RuleWrong):
        read_rule(json.loads('{"kind": "volume", "code": "x"}'))

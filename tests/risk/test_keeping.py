"""Rules are kept: seen with what came of them, tried before they change, taken back, set for one grant, exchanged as files."""

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.cast import NOON
from tests.risk.cast import Desk
from tests.risk.test_pages import as_, form_of, found

from guantong.journal.models import Entry
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.risk import actions, declaring, queries
from guantong.risk.declaring import fault, read_rule, read_rules, written
from guantong.risk.defaults import shipped
from guantong.risk.errors import RiskNotPermitted, RuleReasonMissing, RulesWrong, RuleWrong
from guantong.risk.models import Finding, GrantRule, RuleVersion
from guantong.risk.preview import compare

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("month")]
RULES = "/oversee/risk/rules/"


def saved(client: Client, page: str, form: dict[str, Any]) -> Any:
    """Tried first, as the page wants it, then saved."""
    mark = client.post(page, form).context["mark"]
    return client.post(page, {**form, "save": "1", "tried": mark})


def test_an_auditor_sees_what_every_rule_looks_for_and_what_came_of_it(desk: Desk) -> None:
    by = desk.cast.as_actor(desk.an)
    actions.decide(found("odd_hours"), "false", reason="值守", by=by, at=NOON)
    client = as_(desk.cast.gao, "en")
    rows = {row["code"]: row for row in client.get(f"{RULES}?format=json").json()["rows"]}
    assert (rows["odd_hours"]["raised_30_days"], rows["odd_hours"]["false_30_days"]) == (1, 1)
    assert (rows["case_reused"]["raised_30_days"], rows["case_reused"]["waiting_30_days"]) == (1, 1)
    assert rows["unused"]["raised_30_days"] == 0
    page = client.get(RULES).content.decode()
    assert "somebody may be followed" in page
    assert "At least so many 300" in page
    with clock.frozen(NOON + timedelta(days=31)):
        later = {row["code"]: row for row in client.get(f"{RULES}?format=json").json()["rows"]}
    assert later["odd_hours"]["raised_30_days"] == 0


def test_a_change_tells_which_alerts_would_fall_away_and_what_they_were(desk: Desk) -> None:
    by = desk.cast.as_actor(desk.an)
    actions.decide(found("case_reused"), "confirmed", reason="属实", by=by, at=NOON)
    page = as_(desk.an, "en").post(f"{RULES}case_reused/", form_of("case_reused", floor=95))
    text = page.content.decode()
    assert "1 of them were found to be true" in text
    assert "kept sums by day" in text
    assert "not over receipts" in text
    comparison = page.context["tried"]
    assert [each.state for each in comparison.lost] == ["confirmed"]
    assert comparison.gained == []
    more = compare(
        read_rule({**msgspec.to_builtins(shipped_rule("odd_hours")), "floor": 5000}), shipped_rule("odd_hours"),
        "en", at=NOON,
    )  # fmt: skip
    assert (len(more.gained), len(more.lost)) == (1, 0)


def shipped_rule(code: str) -> Any:
    return next(rule for rule in shipped() if rule.code == code)


def test_rules_about_persons_are_tried_on_the_receipts(desk: Desk) -> None:
    rows = [desk.call(NOON - timedelta(days=n % 4, minutes=n), subject="e" * 64) for n in range(16)]
    desk.arrive(rows)
    desk.judge()
    page = as_(desk.an, "en").get(f"{RULES}watched_week/?preview=1")
    assert "Judged anew by the receipts" in page.content.decode()
    assert [each.signal.seen for each in page.context["tried"].after.found] == [12]
    tried = as_(desk.an, "en").post(f"{RULES}watched_week/", form_of("watched_week", floor=50))
    assert (len(tried.context["tried"].lost), tried.context["tried"].lost[0].state) == (1, "new")


def test_an_older_wording_is_gone_back_to_and_both_are_on_record(desk: Desk) -> None:
    client = as_(desk.an)
    saved(client, f"{RULES}odd_hours/", form_of("odd_hours", floor=30, reason="减少误报"))
    assert RuleVersion.objects.filter(code="odd_hours").count() == 2
    client.post(f"{RULES}odd_hours/1/restore", {"reason": ""})
    assert RuleVersion.objects.filter(code="odd_hours").count() == 2
    client.post(f"{RULES}odd_hours/1/restore", {"reason": "改错了"})
    newest = RuleVersion.objects.filter(code="odd_hours")[0]
    assert (newest.number, newest.terms["floor"], newest.is_shipped) == (3, 10, True)
    assert Entry.objects.filter(act="risk.rule_changed").count() == 2
    assert "改错了" in client.get(f"{RULES}odd_hours/").content.decode()
    assert client.post(f"{RULES}odd_hours/99/restore", {"reason": "x"}).status_code == 302
    assert RuleVersion.objects.filter(code="odd_hours").count() == 3


def test_a_rule_is_switched_off_for_one_grant_and_on_again(desk: Desk) -> None:
    client, grant = as_(desk.an), desk.grant.code
    page = f"{RULES}bulk_rows_day/?grant={grant}"
    form = form_of("bulk_rows_day", reason="年度核查")
    del form["is_on"]
    assert saved(client, page, form).status_code == 302
    own = GrantRule.objects.get(ended_at=None)
    assert (own.changes, own.grant, own.made_by) == ({"is_on": False}, grant, "安全")
    assert RuleVersion.objects.filter(code="bulk_rows_day").count() == 1
    entry = Entry.objects.get(act="risk.grant_rule_changed")
    assert entry.details["grant"] == grant
    assert "1 个授权另有设定" in client.get(RULES).content.decode()
    assert grant in client.get(f"{RULES}bulk_rows_day/").content.decode()

    def pulled(days: int) -> bool:
        at = NOON + timedelta(days=days)
        desk.arrive([desk.call(at - timedelta(seconds=n), rows=400) for n in range(40)])
        desk.judge(at)
        return Finding.objects.filter(rule="bulk_rows_day", until__gt=at - timedelta(days=1)).exists()

    assert not pulled(20)
    client.post(f"{RULES}otherwise/{own.pk}/end", {"reason": "核查结束"})
    own.refresh_from_db()
    assert own.ended_by == "安全"
    assert Entry.objects.filter(act="risk.grant_rule_ended").count() == 1
    assert pulled(40)


def test_one_grant_has_other_numbers_and_others_have_not(desk: Desk) -> None:
    client, grant = as_(desk.an), desk.grant.code
    page = f"{RULES}odd_hours/?grant={grant}"
    form = form_of("odd_hours", floor=3000, reason="夜间窗口")
    tried = client.post(page, form)
    assert len(tried.context["tried"].lost) == 1
    client.post(page, {**form, "save": "1", "tried": tried.context["mark"]})
    rules = queries.rules()
    assert next(r for r in rules.of("grant", grant) if r.code == "odd_hours").floor == 3000  # type: ignore[union-attr] # hours have one
    assert next(r for r in rules.of("grant", "other") if r.code == "odd_hours").floor == 10  # type: ignore[union-attr] # as above
    # Neither words nor severity are a grant's own.
    assert GrantRule.objects.get().changes == {"floor": 3000}
    # Set back to the general numbers, nothing of its own is left.
    saved(client, page, form_of("odd_hours", reason="恢复"))
    assert not GrantRule.objects.filter(ended_at=None).exists()


def test_rules_that_are_about_no_one_grant_have_no_page_of_one(desk: Desk) -> None:
    client, grant = as_(desk.an), desk.grant.code
    for code in ("probing", "bulk_organisation", "followed_week", "watched_case"):
        assert client.get(f"{RULES}{code}/?grant={grant}").status_code == 404, code
    assert client.get(f"{RULES}watched_week/?grant={grant}").status_code == 200
    assert client.get(f"{RULES}odd_hours/?grant=nothing").status_code == 404


def test_whoever_may_not_keep_rules_changes_none(desk: Desk) -> None:
    rule, jiang = shipped_rule("odd_hours"), desk.cast.as_actor(desk.cast.jiang)
    own = actions.change_for_grant(
        msgspec.structs.replace(rule, floor=77),
        desk.grant,
        reason="试",
        by=desk.cast.as_actor(desk.an),
        at=NOON,
    )
    assert own is not None
    for act in (
        lambda: actions.change_rule(rule, reason="x", by=jiang, at=NOON),
        lambda: actions.restore_rule("odd_hours", 1, reason="x", by=jiang, at=NOON),
        lambda: actions.import_rules([rule], reason="x", by=jiang, at=NOON),
        lambda: actions.change_for_grant(rule, desk.grant, reason="x", by=jiang, at=NOON),
        lambda: actions.end_for_grant(own, reason="x", by=jiang, at=NOON),
    ):
        with pytest.raises(RiskNotPermitted):
            act()
    for person in (desk.cast.gao, desk.cast.jiang):
        client = as_(person)
        assert client.post(f"{RULES}odd_hours/1/restore", {"reason": "x"}).status_code == 403
        assert client.post(f"{RULES}otherwise/{own.pk}/end", {"reason": "x"}).status_code == 403
        assert client.post(f"{RULES}take-in", {"rules": "[]"}).status_code == 403
    assert Client().get(f"{RULES}file").status_code == 302, "nor does a stranger see them"
    with pytest.raises(RuleReasonMissing):
        actions.import_rules([rule], reason=" ", by=desk.cast.as_actor(desk.an), at=NOON)


def test_the_use_of_others_is_not_shown_by_trying_a_rule(desk: Desk) -> None:
    page = as_(desk.cast.xu).get(f"{RULES}odd_hours/?preview=1")
    assert page.status_code == 200
    assert page.context["tried"] is None
    # Whoever uses a grant is not told how it is watched.
    assert as_(desk.cast.xu).get(f"{RULES}odd_hours/?grant={desk.grant.code}").status_code == 404
    assert as_(desk.cast.jiang).get(f"{RULES}odd_hours/?grant={desk.grant.code}").status_code == 200


def test_what_is_taken_along_is_taken_in_again(desk: Desk) -> None:
    client = as_(desk.an, "en")
    raw = client.get(f"{RULES}file").content
    assert read_rules(raw) == list(shipped())
    listed = json.loads(raw)
    listed[0]["floor"] = 5000
    listed.append({**listed[0], "code": "of_our_own", "name": {"zh": "自定义", "en": "Of our own"}})
    file = SimpleUploadedFile("rules.json", json.dumps(listed).encode())
    shown = client.post(f"{RULES}take-in", {"file": file})
    text = shown.content.decode()
    assert "2 rules would change" in text
    assert "Of our own" in text
    assert not RuleVersion.objects.filter(code="of_our_own").exists()
    data = {"rules": shown.context["text"], "save": "1", "reason": ""}
    assert client.post(f"{RULES}take-in", data).status_code == 422
    assert client.post(f"{RULES}take-in", {**data, "reason": "与省厅一致"}).status_code == 302
    assert RuleVersion.objects.get(code="of_our_own").reason == "与省厅一致"
    assert RuleVersion.objects.filter(code="bulk_rows_day")[0].terms["floor"] == 5000
    assert RuleVersion.objects.filter(code="odd_hours").count() == 1
    assert Entry.objects.filter(act="risk.rule_changed").count() == 2
    # The worker judges by the new one, and the platform's next shipment leaves it alone.
    assert "of_our_own" in {rule.code for rule in queries.rules().general}
    large = SimpleUploadedFile("rules.json", b" " * (declaring.LARGEST + 2))
    refused = client.post(f"{RULES}take-in", {"file": large})
    assert (refused.status_code, "too large" in refused.content.decode()) == (422, True)
    actions.ship_rules(by=SYSTEM, at=NOON)
    assert RuleVersion.objects.filter(code="bulk_rows_day")[0].terms["floor"] == 5000


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"floor": 0}, "Rule 1 (odd_hours): “At least so many” is out of bounds."),
        ({"kind": "magic"}, "Rule 1 (odd_hours): there is no such kind of rule."),
        ({"floor": None}, "“At least so many” is missing."),
        ({"secret": 1}, "“secret” is nothing that such a rule has."),
        ({"says": {"zh": "{seen.x}", "en": "x"}}, "between braces stand only names of numbers"),
        ({"scope": "subject"}, "“scope” is out of bounds."),
    ],
)
def test_a_wrong_file_is_refused_with_a_sentence_for_each_fault(
    desk: Desk, change: dict[str, Any], sentence: str
) -> None:
    terms = {**msgspec.to_builtins(shipped_rule("odd_hours")), **change}
    terms = {name: value for name, value in terms.items() if value is not None}
    good = {**msgspec.to_builtins(shipped_rule("odd_hours")), "code": "good", "floor": 11}
    raw = json.dumps([terms, good]).encode()
    page = as_(desk.an, "en").post(f"{RULES}take-in", {"rules": raw.decode(), "save": "1", "reason": "x"})
    assert page.status_code == 422
    assert sentence in page.content.decode()
    # All or none.
    assert not RuleVersion.objects.filter(code="good").exists()


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[]", b"[1]", b"not json", b"[{}]", b'[{"kind": "volume"}]', b"\xff\xfe", b"[" * 2000],
)
def test_what_is_no_file_of_rules_is_refused(raw: bytes) -> None:
    with pytest.raises(RulesWrong):
        read_rules(raw)


def test_a_code_stands_in_a_file_once_and_keeps_its_kind(desk: Desk) -> None:
    one = shipped_rule("odd_hours")
    with pytest.raises(RulesWrong, match=r"twice|两次"):
        read_rules(written([one, one]))
    other = read_rule({**msgspec.to_builtins(shipped_rule("probing")), "code": "odd_hours"})
    with pytest.raises(RuleWrong):
        actions.import_rules([other], reason="x", by=desk.cast.as_actor(desk.an), at=NOON)
    page = as_(desk.an, "en").post(f"{RULES}take-in", {"rules": written([other]).decode()})
    assert "another kind of rule" in page.content.decode()


def test_a_fault_that_nobody_foresaw_is_told_as_it_is() -> None:
    assert fault("Something else") == "Something else"


def test_a_grants_own_numbers_stay_its_own_when_the_general_rule_is_tried(desk: Desk) -> None:
    by = desk.cast.as_actor(desk.an)
    rule = shipped_rule("odd_hours")
    actions.change_for_grant(
        msgspec.structs.replace(rule, floor=3000), desk.grant, reason="窗口", by=by, at=NOON
    )
    tried = compare(rule, msgspec.structs.replace(rule, floor=20), "en", at=NOON)
    assert (tried.before.found, tried.after.found) == ([], [])
    assert len(compare(rule, rule, "en", at=NOON, grant=desk.grant.code).after.found) == 1

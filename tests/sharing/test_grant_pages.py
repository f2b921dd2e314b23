"""The page of a grant: what people do there, what they take along, and a trial that touches nothing."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from tests.cast import Cast, assemble, need, publish_permits

from guantong.bundle.types import Condition
from guantong.evidence.agreements import check_agreement
from guantong.identity.models import Person
from guantong.journal.models import OutboxMessage, Receipt
from guantong.kit import canonical, clock
from guantong.sharing import actions
from guantong.sharing.agreements.keys import node_key
from guantong.sharing.models import Grant, Request
from guantong.sharing.types import Narrowing

pytestmark = pytest.mark.django_db


def granted(cast: Cast) -> Grant:
    publish_permits(cast)
    at = clock.now()
    wanted = need(fields=["id_number", "residence_division", "valid_to"], modes=["query", "verify"])
    asked = actions.file_request(wanted, consumer=cast.education, by=cast.as_actor(cast.xu), at=at)
    less = Narrowing(condition=[Condition(item="residence_division", op="eq", value="511602")])
    actions.decide(asked, "approved", narrowing=less, by=cast.as_actor(cast.jiang), at=at)
    actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=at)
    return Grant.objects.get()


def as_(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def used(grant: Grant, decision: str, n: int) -> None:
    raw = canonical.dumps({"body": {"rows": 2}, "kind": "k", "signatures": []})
    Receipt.objects.create(
        digest=f"sha-256:{decision}{n}",
        at=clock.now() - timedelta(hours=1),
        call=f"{n}",
        role="provider",
        grant=grant.code,
        decision=decision,
        reason="" if decision == "allow" else "quota_exceeded",
        resource=grant.resource,
        consumer_organisation=grant.consumer,
        purpose=grant.purpose,
        mode="query",
        raw=raw,
    )


def test_each_side_finds_its_own_acts_and_they_work() -> None:
    cast = assemble()
    grant = granted(cast)
    page = f"/share/grants/{grant.code}/"
    provider, consumer, auditor = as_(cast.jiang), as_(cast.xu), as_(cast.gao)
    assert b"/suspend" in provider.get(page).content
    assert b"/return" not in provider.get(page).content
    assert b"/return" in consumer.get(page).content
    assert b"/suspend" not in consumer.get(page).content
    for verb in ("narrow", "suspend", "return", "renew", "paper"):
        assert f"{page}{verb}".encode() not in auditor.get(page).content
        auditor.post(f"{page}{verb}", {"reason": "因为", "days": "30"})
    grant.refresh_from_db()
    assert (grant.revision, Request.objects.count()) == (0, 1)
    kept = {"kept": ["id_number", "valid_to"], "per_day": "100", "mask_id_number": "keep_tail:2"}
    provider.post(f"{page}narrow", {**kept, "reason": "最小必要"})
    provider.post(f"{page}suspend", {"reason": "核查"})
    grant.refresh_from_db()
    assert (grant.state, grant.revision, grant.terms["per_day"]) == ("suspended", 2, 100)
    assert grant.terms["masks"] == {"id_number": "keep_tail:2"}
    told = provider.get(page).content.decode()
    for words in ("最小必要", "核查", "10000 → 100"):
        assert words in told
    provider.post(f"{page}resume", {"reason": "已核实"})
    consumer.post(f"{page}renew", {"days": "30", "reason": "下学期入学"})
    assert Request.objects.latest("pk").renews == grant.code
    consumer.post(f"{page}return", {"why": "fulfilled", "reason": "办结"})
    grant.refresh_from_db()
    assert grant.state == "ended"


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("narrow", {"kept": ["id_number"], "per_day": "99999999", "reason": "多"}),
        ("narrow", {"kept": [], "reason": "无"}),
        (
            "narrow",
            {"kept": ["id_number"], "condition_item": "nowhere", "condition_value": "1", "reason": "x"},
        ),
        ("suspend", {"reason": ""}),
        ("renew", {"days": "many"}),
        ("paper", {}),
    ],
)
def test_what_cannot_be_is_told_on_the_page(verb: str, said: dict[str, object]) -> None:
    cast = assemble()
    grant = granted(cast)
    person = cast.xu if verb == "renew" else cast.jiang
    answer = as_(person).post(f"/share/grants/{grant.code}/{verb}", said, follow=True)
    assert answer.status_code == 200
    assert [message.level_tag for message in answer.context["messages"]] == ["error"]
    grant.refresh_from_db()
    assert grant.revision == 0


def test_the_agreement_is_taken_along_by_those_who_see_the_grant() -> None:
    cast = assemble()
    grant = granted(cast)
    page = f"/share/grants/{grant.code}/agreement"
    document = as_(cast.xu).get(f"{page}.pdf")
    statement = as_(cast.xu).get(f"{page}.json").content
    assert document["Content-Type"] == "application/pdf"
    key = node_key().public
    assert check_agreement(statement, {key.ref: key}, document.content)["grant"] == grant.code
    assert Client().get(f"{page}.pdf").status_code == 302


def test_a_trial_on_made_up_rows_touches_nothing() -> None:
    cast = assemble()
    grant = granted(cast)
    page, before = (
        f"/share/grants/{grant.code}/sandbox",
        (Receipt.objects.count(), OutboxMessage.objects.count()),
    )
    answer = as_(cast.xu).post(page, {"mode": "query"})
    told = json.loads(answer.context["answer"])
    assert told["synthetic"] is True
    assert told["receipt"]["signatures"] == []
    rows = told["answer"]["rows"]
    assert {tuple(row) for row in rows} == {tuple(grant.terms["fields"])}
    assert {row["residence_division"] for row in rows} == {"511602"}, "the row condition holds"
    assert all(row["id_number"].startswith("*" * 14) for row in rows), "and so do the masks"
    assert json.loads(as_(cast.xu).post(page, {"mode": "verify"}).context["answer"])["answer"]["matched"]
    assert as_(cast.xu).post(page, {"mode": "batch"}).status_code == 404
    assert (Receipt.objects.count(), OutboxMessage.objects.count()) == before


def test_its_use_is_told_as_a_chart_and_unused_ones_are_listed() -> None:
    cast = assemble()
    grant = granted(cast)
    for n in range(3):
        used(grant, "allow", n)
    used(grant, "refuse", 3)
    usage = as_(cast.jiang).get(f"/share/grants/{grant.code}/").context["usage"]
    assert (usage.allow, usage.refuse, usage.rows, usage.refused_percent) == (3, 1, 6, "25.0")
    assert as_(cast.xu).get("/share/grants/?state=unused").context["page"].paginator.count == 0
    long_ago = clock.now() - timedelta(days=100)
    Receipt.objects.all().delete()
    Grant.objects.update(not_before=long_ago, issued_at=long_ago)
    assert as_(cast.xu).get("/share/grants/?state=unused").context["page"].paginator.count == 1


def test_the_samples_on_the_page_are_for_this_grant() -> None:
    cast = assemble()
    grant = granted(cast)
    told = as_(cast.xu).get(f"/share/grants/{grant.code}/").content.decode()
    for words in ("curl --silent", "Ed25519PrivateKey", "HttpClient", grant.code, "one-window"):
        assert words in told

"""The pages, as a clerk, a citizen, an auditor and a passer-by see them."""

import csv
import io
import zipfile

import pytest
from django.test import Client
from django.urls import reverse
from tests.counter.conftest import CHILD, CLERK, GUARDIAN, HOUSING, ITEM, form, refusing

from guantong.counter import actions
from guantong.counter.models import Case
from guantong.evidence.proofs import Proof
from guantong.identity.models import Person
from guantong.kit import clock

pytestmark = [pytest.mark.control, pytest.mark.django_db(transaction=True)]
FORM = f"/serve/items/{ITEM}/apply"


def person(name, *roles, **more):
    return Person.objects.create(username=name, full_name=name, roles=list(roles), **more)


def browser(who=None, language="zh-hans"):
    client = Client(raise_request_exception=True)
    client.cookies["django_language"] = language
    if who is not None:
        client.force_login(who)
    return client


@pytest.fixture
def clerk(db):
    return browser(person("zhoumin", "clerk"))


@pytest.fixture
def case(item, gateway):
    return actions.advance(actions.accept(form(), item, by=CLERK, at=clock.now()), by=CLERK, at=clock.now())


def test_anybody_finds_an_item(item):
    page = browser().get("/serve/", {"q": "义务教育 入学", "department": "区教科体局", "open": "1"})
    assert ITEM in page.text
    assert "服务事项" in page.text
    assert "Service items" in browser(language="en").get("/serve/").text
    assert "没有找到" in browser().get("/serve/", {"q": "不存在的事"}).text
    rows = list(
        csv.DictReader(io.StringIO(browser().get("/serve/", {"format": "csv"}).text.lstrip("\ufeff")))
    )
    assert rows[0]["code"] == ITEM
    assert browser().get("/serve/", {"format": "json"}).json()["rows"][0]["department"] == "区教科体局"


def test_an_item_says_what_the_platform_gets_by_itself(item):
    item.materials = [
        {"name": "居住证", "obtained_from": "3070511600001/000001", "law": "某条例"},
        {"name": "照片"},
    ]
    item.save()
    text = browser().get(f"/serve/items/{ITEM}/").text
    assert "居住证" in text
    assert "需要带来" in text
    assert FORM not in text
    assert browser().get("/serve/items/nothing/").status_code == 404


def test_only_a_clerk_takes_cases_in(item):
    assert browser().get(FORM).status_code == 302
    assert browser(person("liwei", "citizen")).get(FORM).status_code == 403


def test_a_clerk_takes_a_family_in_and_sees_it_admitted(item, gateway, clerk):
    shown = clerk.get(FORM)
    assert 'name="child_id_number"' in shown.text
    assert "child_birth_date" not in shown.text
    page = clerk.post(FORM, form(), follow=True)
    case = Case.objects.get()
    assert page.redirect_chain == [(f"/serve/cases/{case.uuid}/", 302)]
    text = page.text
    assert "准予入学" in text
    assert "<svg" in text
    assert "flow-done" in text
    assert "hx-get" not in text
    assert case.certificate.identifier in text
    assert text.count("/proofs/sha-256:") == 12
    said = clerk.get(f"/serve/cases/{case.uuid}/", {"format": "json"}).json()
    assert (said["state"], said["reason"], len(said["lookups"]), len(said["receipts"])) == (
        "admitted", "conditions_met", 6, 12,
    )  # fmt: skip
    assert CHILD not in str(said)
    assert "Identity, residence" in browser(Person.objects.get(), "en").get(f"/serve/cases/{case.uuid}/").text


def test_a_second_click_is_the_same_case(item, gateway, clerk):
    import re

    key = re.search(r'name="form_key" value="([^"]+)"', clerk.get(FORM).text)[1]
    first = clerk.post(FORM, form(form_key=key))
    second = clerk.post(FORM, form(form_key=key))
    assert first.url == second.url
    assert Case.objects.count() == 1
    assert len(gateway.asked) == 6


def test_a_wrong_check_digit_is_shown_at_its_field_with_what_was_typed(item, clerk):
    wrong = CHILD[:-1] + "2"
    page = clerk.post(FORM, form(child_id_number=wrong, child_name='<script>"'))
    assert page.status_code == 422
    assert 'aria-describedby="child_id_number-fault"' in page.text
    assert "校验位" in page.text
    assert f'value="{wrong}"' in page.text
    assert "<script>&quot;" not in page.text
    assert not Case.objects.exists()


def test_a_birthplace_may_be_named(item, gateway, clerk):
    from guantong.identity.actions import import_divisions

    names = [("51", "四川省"), ("5109", "遂宁市"), ("510902", "船山区"), ("510903", "安居区")]
    import_divisions(names, by=CLERK, at=clock.now())
    clerk.post(FORM, form(child_birthplace="四川省遂宁市船山区", guardian_birthplace="安居区"))
    assert Case.objects.get().form["child_birthplace"] == "510902"
    assert Case.objects.get().form["guardian_birthplace"] == "510903"


def test_a_waiting_case_says_for_whom_and_looks_again_by_itself(item, gateway, clerk):
    gateway.answers[HOUSING] = refusing(504, "peer_timed_out", "节点 510000 未在时限内答复。")
    text = clerk.post(FORM, form(), follow=True).text
    case = Case.objects.get()
    assert "节点 510000 未在时限内答复" in text
    assert f'hx-get="/serve/cases/{case.uuid}/progress"' in text
    fragment = clerk.get(f"/serve/cases/{case.uuid}/progress").text
    assert fragment.lstrip().startswith('<div id="progress"')
    gateway.answers[HOUSING] = lambda _: {"rows": [{"kind": "自有", "contract_to": None}]}
    assert "准予入学" in clerk.post(f"/serve/cases/{case.uuid}/retry", follow=True).text
    assert clerk.post(f"/serve/cases/{case.uuid}/withdraw").status_code == 409


def test_a_citizen_sees_own_cases_only(case):
    address = f"/serve/cases/{case.uuid}/"
    own = browser(person("wujianguo", "citizen", resident_id=GUARDIAN))
    other = browser(person("liwei", "citizen", resident_id="510902199003071000"))
    assert case.number in own.get("/serve/cases/").text
    assert own.get(address).status_code == 200
    assert own.post(f"{address}retry").status_code == 403
    assert case.number not in other.get("/serve/cases/").text
    for path in (address, f"{address}progress", f"{address}proofs.zip"):
        assert other.get(path).status_code == 404
    assert browser().get(address).status_code == 302
    assert browser(person("auditor", "auditor")).get(address).status_code == 200


def test_cases_are_listed_and_searched(case, clerk):
    assert case.number in clerk.get("/serve/cases/", {"q": "小满", "state": "admitted"}).text
    assert case.number in clerk.get("/serve/cases/", {"q": CHILD}).text
    assert case.number not in clerk.get("/serve/cases/", {"state": "waiting"}).text
    assert clerk.get("/serve/cases/", {"format": "json"}).json()["rows"][0]["state"] == "admitted"


def test_proofs_are_downloaded(case, clerk, gateway):
    gateway.proof = (200, Proof(0, (), b"origin\n1\n\n").to_bytes())
    packed = clerk.get(f"/serve/cases/{case.uuid}/proofs.zip")
    assert len(zipfile.ZipFile(io.BytesIO(packed.content)).namelist()) == 12
    digest = clerk.get(f"/serve/cases/{case.uuid}/", {"format": "json"}).json()["receipts"][0]["digest"]
    one = clerk.get(reverse("case-proof", args=[case.uuid, digest]))
    assert one.content.startswith(b"c2sp.org/tlog-proof@v1\nextra ")
    gateway.proof = (404, b'{"error":{"code":"not_in_log_yet","message":{"zh":"z","en":"e"}}}')
    assert clerk.get(f"/serve/cases/{case.uuid}/proofs.zip").status_code == 503
    assert clerk.get(f"/serve/cases/{case.uuid}/proofs/sha-256:00.proof").status_code == 404


def test_anybody_checks_a_certificate_but_only_its_parties_see_all_of_it(case, clerk):
    certificate = case.certificate
    address = f"/serve/certificates/{certificate.identifier}/"
    public = browser().get(address).text
    assert "有效" in public
    assert "吴某某" in public
    assert "吴小满" not in public
    assert CHILD[-4:] not in public
    assert "吴小满" in clerk.get(address).text
    assert clerk.get(f"{address}signed").content == bytes(certificate.raw)
    stranger = browser(person("liwei", "citizen"))
    assert stranger.get(f"{address}signed").status_code == 404

    found = browser().get("/serve/certificates/", {"identifier": f" {certificate.identifier} "}, follow=True)
    assert found.request["PATH_INFO"] == address
    assert browser().get("/serve/certificates/", {"identifier": "1.2.3"}).status_code == 404
    assert browser().get("/serve/certificates/").status_code == 200

    actions.revoke_certificate(certificate, reason="错发", by=CLERK, at=clock.now())
    assert "已撤销" in browser().get(address).text
    certificate.refresh_from_db()
    certificate.raw = bytes(certificate.raw).replace("吴".encode(), "伍".encode())
    certificate.save()
    assert "签名不符" in browser().get(address).text

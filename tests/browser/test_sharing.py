"""Asking and deciding in real Chromium: every page sound in both languages at any width; a request from form to grant."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from guantong.bundle.types import Condition
from guantong.catalog import actions as catalog
from guantong.catalog.types import ItemNeeds, Wanted
from guantong.identity.actions import add_key, issue_secret, register_person
from guantong.journal.models import Receipt
from guantong.journal.types import SYSTEM
from guantong.kit import canonical, clock
from guantong.kit.suites import NATIONAL
from guantong.sharing import actions, papers
from guantong.sharing.models import Grant, Request
from guantong.sharing.types import Narrowing, Particulars
from tests.browser.looking import look_at_all
from tests.browser.test_catalogue import pictured
from tests.cast import PERMITS, Cast, assemble, need, publish_permits
from tests.dispatch.test_chromium import faults_of, in_chromium, visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PLATES = "3070511600001/000002"
PDF = b"%PDF-1.7\n% a scan\n"


def furnished() -> tuple[Cast, dict[str, dict[str, str]]]:
    """Requests in every state, one late, one on paper; the pages, by visitor."""
    cast = assemble()
    publish_permits(cast)
    publish_permits(cast, code=PLATES, name="门牌信息", sharing_type="unconditional", sharing_condition="")
    wanted = Wanted(
        "居住证明", law="《义务教育法》第十二条", resource=PERMITS, items=["valid_to"], mode="query"
    )
    other = Wanted("门牌", resource=PLATES, items=["residence_division"], mode="verify")
    needs = ItemNeeds(cast.education.code, "512B0156000000", "入学", [wanted, other], [])
    catalog.declare_item_needs([needs], by=SYSTEM, at=clock.now())
    at = clock.now()
    by, jiang, tian = cast.as_actor(cast.xu), cast.as_actor(cast.jiang), cast.as_actor(cast.tian)

    def filed(days_ago: int = 0, **changes: object) -> Request:
        return actions.file_request(
            need(**changes), consumer=cast.education, by=by, at=at - timedelta(days=days_ago)
        )

    waiting = filed(particulars=Particulars(scenario="入学一件事", contact="许数", phone="0826-123456"))
    late = filed(days_ago=40)
    actions.urge(late.steps.get(), words="请三日内办结", by=tian, at=at)
    returned = filed()
    actions.send_back(returned, missing="请写明应用场景和安全保障措施", by=jiang, at=at)
    refused = filed()
    actions.decide(refused, "refused", reason="与义务教育无关", ground="no_duty", by=jiang, at=at)
    granted = filed(fields=["residence_division", "valid_to", "id_number"])
    paper = papers.register(
        PDF,
        file_name="批复.pdf",
        number="广公数2026-12号",
        signed_by="王局长",
        signed_on=date(2026, 11, 2),
        by=jiang,
        at=at,
    )
    less = Narrowing(per_day=100, condition=[Condition(item="residence_division", op="eq", value="511602")])
    actions.decide(granted, "approved", narrowing=less, paper=paper, by=jiang, at=at)
    actions.decide(granted, "approved", by=tian, at=at)
    grant = Grant.objects.get()
    actions.suspend(grant, reason="核查使用情况", by=jiang, at=at)
    actions.resume(grant, reason="已核实", by=jiang, at=at)
    actions.narrow(grant, Narrowing(per_day=80), reason="按实际用量", by=jiang, at=at)
    use(grant)
    for _ in range(2):
        issue_secret(cast.counter, by=by, at=at)
    add_key(cast.counter, NATIONAL.generate("one-window").public.to_text(), by=by, at=at)
    register_person(
        "an", "安管", password="an-password-1", roles=["operator"], organisation=cast.bureau, by=SYSTEM, at=at
    )

    def page(request: Request) -> str:
        return f"/share/requests/{request.uuid}/"

    return cast, {
        "jiang": {
            "deciding": page(waiting),
            "late-mine": page(late),
            "todo-provider": "/todo/",
            "grant-provider": f"/share/grants/{grant.code}/",
        },
        "tian": {"urging": page(waiting), "todo-bureau": "/todo/"},
        "xu": {
            "form": f"/share/request?resource={PERMITS}",
            "form-together": f"/share/request?resource={PERMITS}&resource={PLATES}&wanted=valid_to&e1-wanted=id_number",
            "entry": f"/find/{PERMITS}/",
            "supplementing": page(returned),
            "refused": page(refused),
            "granted": page(granted),
            "todo-consumer": "/todo/",
            "requests": "/share/",
            "grant-consumer": f"/share/grants/{grant.code}/",
            "grants": "/share/grants/",
            "application": "/share/applications/one-window/",
        },
        "an": {"flows": "/share/flows/", "applications": "/share/applications/"},
    }


def use(grant: Grant) -> None:
    """Some days of calls, a few of them refused."""
    for n in range(40):
        is_refused = n % 9 == 0
        Receipt.objects.create(
            digest=f"sha-256:{n:064d}",
            at=clock.now() - timedelta(days=n % 7, minutes=n),
            call=f"c-{n}",
            role="provider",
            grant=grant.code,
            decision="refuse" if is_refused else "allow",
            reason="quota_exceeded" if is_refused else "",
            resource=grant.resource,
            consumer_organisation=grant.consumer,
            purpose=grant.purpose,
            mode="query",
            raw=canonical.dumps({"body": {"rows": 1}}),
        )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_of_asking_and_deciding_is_sound(live_server: LiveServer, language: str) -> None:
    _cast, pages = furnished()
    look_at_all(live_server.url, pages, language, "sharing")


def test_what_is_not_shared_is_a_sound_page(live_server: LiveServer) -> None:
    cast = assemble()
    publish_permits(cast, sharing_type="not_shared", sharing_basis="《反恐怖主义法》第四十三条")

    def look(browser: Browser) -> None:
        for language in ("zh", "en"):
            page = visit(browser, live_server.url, "xu", language, [])
            answer = page.goto(f"{live_server.url}/share/request?resource={PERMITS}")
            assert answer is not None
            assert answer.status == 403
            assert faults_of(page) == []
            expect(page.locator(".refusal")).to_contain_text("《反恐怖主义法》第四十三条")
            pictured(page, "sharing-not-shared", language)

    in_chromium(look)


def test_two_entries_by_the_basket_with_what_was_forgotten_told_at_once(live_server: LiveServer) -> None:
    cast = assemble()
    publish_permits(cast)
    publish_permits(cast, code=PLATES, name="门牌信息", sharing_type="unconditional", sharing_condition="")

    def work(browser: Browser) -> None:
        officer = visit(browser, live_server.url, "xu", "zh", [])
        for code in (PERMITS, PLATES):
            officer.goto(f"{live_server.url}/find/{code}/")
            officer.get_by_role("button", name="放入申请篮").click()
        officer.goto(f"{live_server.url}/share/request")
        officer.locator("#wanted-valid_to").check()
        officer.locator("#purpose").fill("512B0156000000")
        officer.get_by_role("button", name="提交申请").click()
        for field in ("e1-wanted", "purpose_text", "legal_basis", "applications", "pledge_signed"):
            expect(officer.locator(f".refusal a[href='#{field}']")).to_be_visible()
        assert faults_of(officer) == []
        pictured(officer, "sharing-form-refused", "zh")
        expect(officer.locator("#wanted-valid_to")).to_be_checked()  # what was ticked and typed stays
        expect(officer.locator("#purpose")).to_have_value("512B0156000000")
        officer.locator("#e1-wanted-residence_division").check()
        officer.locator("#purpose_text").fill("核验居住情况")
        officer.locator("#legal_basis").fill("《义务教育法》第十二条")
        officer.locator("input[name=applications]").check()
        officer.locator("input[name=pledge_signed]").check()
        officer.get_by_role("button", name="提交申请").click()
        expect(officer.locator("h1")).to_contain_text("居住证信息")

    in_chromium(work)
    assert sorted(Request.objects.values_list("state", flat=True)) == ["granted", "waiting"]


def test_a_request_from_the_form_to_the_grant(live_server: LiveServer, tmp_path: Path) -> None:
    cast = assemble()
    publish_permits(cast)
    scan = tmp_path / "批复.pdf"
    scan.write_bytes(PDF)

    def work(browser: Browser) -> None:
        address = live_server.url
        officer = visit(browser, address, "xu", "zh", [])
        officer.goto(f"{address}/share/request?resource={PERMITS}")
        for box in ("居住地", "有效期止"):
            officer.get_by_role("checkbox", name=box).check()
        officer.locator("input[name=modes][value=verify]").check()
        officer.locator("#purpose").fill("512B0156000000")
        officer.locator("#purpose_text").fill("核验居住情况")
        officer.locator("#legal_basis").fill("《义务教育法》第十二条")
        officer.locator("input[name=applications]").check()
        officer.locator("input[name=pledge_signed]").check()
        officer.get_by_role("button", name="提交申请").click()
        expect(officer.locator("h1")).to_contain_text("居住证信息")
        address_of_request = officer.url
        provider = visit(browser, address, "jiang", "zh", [])
        provider.goto(address_of_request)
        provider.locator("#reason").fill("请写明安全保障措施")
        provider.get_by_role("button", name="一次性退回补正").click()
        officer.reload()
        officer.locator("#security").fill("专网部署，专人使用")
        officer.get_by_role("button", name="提交补正").click()
        provider.goto(f"{address}/todo/")
        provider.get_by_role("link", name="居住证信息").click()
        provider.locator("summary", has_text="缩减后同意").click()
        provider.get_by_label("有效期止").uncheck()
        provider.get_by_role("button", name="同意", exact=True).click()
        bureau = visit(browser, address, "tian", "zh", [])
        bureau.goto(address_of_request)
        bureau.locator("summary", has_text="线下签署").click()
        bureau.locator("#paper").set_input_files(str(scan))
        bureau.get_by_role("button", name="同意", exact=True).click()
        expect(bureau.locator(".refusal")).to_contain_text("文号")
        bureau.locator("summary", has_text="线下签署").click()
        bureau.locator("#paper").set_input_files(str(scan))
        bureau.locator("#paper_number").fill("广数2026-7号")
        bureau.locator("#signed_by").fill("田局长")
        bureau.locator("#signed_on").fill("2026-01-05")
        bureau.get_by_role("button", name="同意", exact=True).click()
        officer.reload()
        expect(officer.locator(".line")).to_contain_text("广数2026-7号")
        expect(officer.locator(".line a")).to_contain_text("GX511600")

    in_chromium(work)
    grant = Grant.objects.get()
    assert grant.terms["fields"] == ["residence_division"]


def test_a_grant_is_narrowed_suspended_tried_out_and_given_back(
    live_server: LiveServer, tmp_path: Path
) -> None:
    cast = assemble()
    publish_permits(cast)
    at = clock.now()
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=at)
    for person in (cast.jiang, cast.tian):
        actions.decide(asked, "approved", by=cast.as_actor(person), at=at)
    page = f"/share/grants/{Grant.objects.get().code}/"
    complaints: list[str] = []

    def work(browser: Browser) -> None:
        address = live_server.url
        provider = visit(browser, address, "jiang", "zh", complaints)
        provider.goto(address + page)
        provider.locator("summary", has_text="缩减").click()
        provider.get_by_label("有效期止").first.uncheck()
        provider.locator("#narrow_reason").fill("按最小必要原则")
        provider.get_by_role("button", name="缩减").click()
        expect(provider.locator("#history + ol")).to_contain_text("按最小必要原则")
        provider.locator("summary", has_text="暂停").click()
        provider.locator("#suspend_reason").fill("核查")
        provider.get_by_role("button", name="暂停").click()
        expect(provider.locator("main")).to_contain_text("已暂停")
        officer = visit(browser, address, "xu", "zh", complaints)
        officer.goto(address + page)
        with officer.expect_download() as document:
            officer.get_by_role("link", name="PDF").click()
        document.value.save_as(tmp_path / "agreement.pdf")
        officer.get_by_role("button", name="用虚构数据试一试").click()
        expect(officer.locator("main")).to_contain_text("虚构")
        pictured(officer, "sharing-sandbox", "zh")
        officer.goto(address + page)
        officer.locator("summary", has_text="归还").click()
        officer.get_by_role("button", name="归还").click()
        expect(officer.locator("main")).to_contain_text("已终止")

    in_chromium(work)
    assert (tmp_path / "agreement.pdf").read_bytes().startswith(b"%PDF-")
    assert complaints == []
    grant = Grant.objects.get()
    assert (grant.state, grant.terms["fields"]) == ("ended", ["residence_division"])

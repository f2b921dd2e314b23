"""Every page, for everybody: strangers are sent to sign in, the wrong role is refused, the right one is let in."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from tests.cast import NODE, NOON, Cast, assemble, content, need, publish_permits
from tests.federation import test_messages as town
from tests.journal.test_records import receipt

from guantong.catalog import actions as catalog
from guantong.evidence.spool import Spool
from guantong.identity.actions import register_person
from guantong.identity.models import Person
from guantong.journal.actions import enqueue, raise_alert, take_in_records
from guantong.journal.models import Alert, Entry, OutboxMessage, Receipt
from guantong.journal.types import SYSTEM
from guantong.sharing import actions
from guantong.sharing.models import Grant, Request

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(tmp_path: Path) -> Cast:
    """The town with a published entry, a granted request, a waiting one, receipts, an alert, a stuck message."""
    cast = town.tree()
    publish_permits(cast)
    for _ in range(2):
        asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    for decider in (cast.jiang, cast.tian):
        actions.decide(asked, "approved", by=cast.as_actor(decider), at=NOON)
    for consumer, call in ((cast.education.code, "ours"), ("somebody", "theirs")):
        sides = {"consumer": {"node": "511600", "organisation": consumer, "application": "a"}}
        with Spool(tmp_path, "gateway-0") as spool:
            spool.append_now(receipt(call, **sides))
    take_in_records(tmp_path, by=SYSTEM, at=NOON)
    raise_alert("message_parked", {"to": "510000"}, by=SYSTEM, at=NOON)
    with transaction.atomic():
        stuck = enqueue("node.message", {"to": "510000", "topic": "node.cards"}, by=SYSTEM, at=NOON)
    stuck.attempts, stuck.last_error = 3, "peer_refused"
    stuck.save()
    register_person(
        "an", "安管", password="x" * 12, roles=["operator"], organisation=cast.bureau, by=SYSTEM, at=NOON
    )
    register_person("bai", "百姓", password="x" * 12, roles=["citizen"], by=SYSTEM, at=NOON)
    return cast


def person(username: str) -> Person:
    return Person.objects.get(username=username)


def signed_in(username: str, language: str = "zh-hans") -> Client:
    client = Client(raise_request_exception=False)
    client.cookies["django_language"] = language
    if username:
        client.force_login(person(username))
    return client


PAGES: list[tuple[Callable[[], str], set[str]]] = [
    (lambda: "/share/", {"xu", "luo", "jiang", "tian", "gao"}),
    (lambda: f"/share/requests/{Request.objects.last().uuid}/", {"xu", "luo", "jiang", "tian", "gao"}),
    (lambda: "/share/request?resource=3070511600001/000001", {"xu", "luo"}),
    (lambda: "/share/applications/", {"xu", "luo", "jiang", "tian", "gao", "an"}),
    (lambda: "/share/flows/", {"xu", "luo", "jiang", "tian", "gao", "an"}),
    (lambda: "/share/flows/arriving/1", {"xu", "luo", "jiang", "tian", "gao", "an"}),
    (lambda: "/share/grants/", {"xu", "luo", "jiang", "tian", "gao"}),
    (lambda: f"/share/grants/{Grant.objects.get().code}/", {"xu", "luo", "jiang", "tian", "gao"}),
    (lambda: "/find/drafts/", {"xu", "luo", "jiang", "tian"}),
    (lambda: "/prove/", {"xu", "luo", "jiang", "tian", "gao"}),
    (lambda: f"/prove/receipts/{Receipt.objects.get(call='ours').digest}/", {"xu", "gao"}),
    (lambda: f"/prove/receipts/{Receipt.objects.get(call='theirs').digest}/", {"gao"}),
    (lambda: "/prove/readings/", {"jiang", "tian", "gao"}),
    (lambda: "/prove/mine/", {"bai"}),
    (lambda: "/oversee/", {"gao", "an"}),
    (lambda: "/oversee/journal/", {"gao"}),
    (lambda: "/oversee/messages/", {"gao", "an"}),
    (lambda: "/share/jobs/", {"xu", "luo", "jiang", "tian", "gao", "an"}),
    (lambda: "/share/jobs/alerts/", {"xu", "luo", "jiang", "tian", "gao", "an"}),
    (lambda: "/share/targets/", {"xu", "luo", "jiang", "tian", "gao", "an"}),
    (lambda: "/share/calendar/", {"xu", "luo", "jiang", "tian", "gao", "an"}),
    (lambda: "/share/edges/", {"xu", "luo", "gao", "an"}),
    (lambda: "/share/edges/add", {"xu", "luo", "an"}),
    (lambda: "/oversee/flows/", {"xu", "luo", "jiang", "tian", "gao", "an"}),
    (lambda: "/oversee/reconciliation/", {"xu", "luo", "jiang", "tian", "gao", "an"}),
    (lambda: "/share/corrections/", {"xu", "luo", "jiang", "tian", "gao", "bai"}),
    (lambda: "/share/disputes/", {"xu", "luo", "jiang", "tian", "gao"}),
    (lambda: "/notices/", {"xu", "luo", "jiang", "tian", "gao", "an", "bai"}),
    (lambda: "/notices/choices/", {"xu", "luo", "jiang", "tian", "gao", "an", "bai"}),
    (lambda: "/todo/", {"xu", "luo", "jiang", "tian", "gao", "an", "bai"}),
]
EVERYBODY = ["xu", "luo", "jiang", "tian", "gao", "an", "bai"]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_each_page_opens_for_whom_it_should(cast: Cast, language: str) -> None:
    for address, allowed in PAGES:
        path = address()
        for username in EVERYBODY:
            status = signed_in(username, language).get(path).status_code
            assert (status == 200) == (username in allowed), (path, username, status)
            assert status in {200, 302, 403, 404}, (path, username, status)


def test_strangers_are_sent_to_sign_in_and_programs_are_told_to(cast: Cast) -> None:
    for address, _ in PAGES:
        path = address()
        answer = signed_in("").get(path)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/sign-in/"), path
        program = signed_in("").get(path, headers={"accept": "application/json"})
        assert (program.status_code, program.json()["error"]["code"]) == (401, "sign_in_needed"), path


def test_public_pages_are_open_in_both_languages(cast: Cast) -> None:
    for path in ("/", "/find/", "/find/3070511600001/000001/", "/prove/check/", "/sign-in/"):
        zh, en = signed_in("").get(path), signed_in("", "en").get(path)
        assert (zh.status_code, en.status_code) == (200, 200), path
        assert 'lang="zh-hans"' in zh.content.decode()
        assert 'lang="en"' in en.content.decode()


LISTS = {"/share/": "xu", "/share/corrections/": "xu", "/share/disputes/": "xu", "/notices/": "xu",
         "/share/grants/": "xu", "/prove/": "gao", "/oversee/journal/": "gao",
         "/oversee/messages/": "an", "/find/": "", "/find/saved/": "xu", "/find/drafts/": "luo", "/prove/mine/": "bai",
         "/share/jobs/": "xu",
         "/share/applications/": "xu", "/share/jobs/alerts/": "xu", "/share/targets/": "xu", "/share/edges/": "xu",
         "/oversee/flows/": "gao", "/oversee/reconciliation/": "gao"}  # fmt: skip


def test_every_list_is_a_page_a_csv_and_a_json(cast: Cast) -> None:
    for path, username in LISTS.items():
        client = signed_in(username)
        answer = client.get(path + "?format=json")
        assert set(answer.json()) == {"rows", "total"}, path
        assert client.get(path + "?format=csv")["Content-Type"].startswith("text/csv"), path


HOSTILE = ["page=99999999999", "page=-1", "page=" + "9" * 5000, "page=x", "q=" + "%20a" * 1500, "since=yesterday",
           "q=%00", "format=xml", "state=%27", "resource=%FF%FE", "to=" + "%E9%95%BF" * 200, "q=" + "x" * 9000,
           "until=9999-12-31", "decision=" + "x" * 300, "act=%25%25%25", "organisation=%F0%9F%A6%84",
           "until=0001-01-01", "run=%27"]  # fmt: skip


def test_no_address_makes_a_page_fall_over(cast: Cast) -> None:
    for path, username in LISTS.items():
        client = signed_in(username)
        for query in HOSTILE:
            for form in ("", "&format=json"):
                answer = client.get(f"{path}?{query}{form}")
                assert answer.status_code < 500, (path, query[:40], answer.status_code)


ACTS = [
    "/find/3070511600001/000001/withdraw",
    "/share/requests/{request}/decide",
    "/share/grants/{grant}/revoke",
    "/oversee/nodes/510000/confirm",
    "/oversee/nodes/510000/reject",
    "/oversee/alerts/{alert}/settle",
    "/oversee/messages/{message}/retry",
    "/oversee/messages/{message}/drop",
]


def filled(path: str) -> str:
    return path.format(
        request=Request.objects.get(state="waiting").uuid,
        grant=Grant.objects.get().code,
        alert=Alert.objects.get().digest,
        message=OutboxMessage.objects.get(attempts__gt=0).pk,
    )


def test_no_act_happens_by_a_link_or_for_the_wrong_person(cast: Cast) -> None:
    before = Entry.objects.count()
    for path in map(filled, ACTS):
        assert signed_in("tian").get(path).status_code == 405, path
        assert signed_in("").post(path, {"decision": "approved", "reason": "x"}).status_code == 302, path
        for username in ("xu", "gao", "bai"):
            answer = signed_in(username).post(path, {"decision": "approved", "reason": "x"})
            assert answer.status_code in {403, 404}, (path, username, answer.status_code)
    assert Entry.objects.count() == before


def test_acts_need_their_forms_token(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.jiang)
    answer = client.post(filled(ACTS[1]), {"decision": "approved"}, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "access_refused")
    assert client.post(filled(ACTS[1]), {"decision": "approved"}).status_code == 403


def test_a_form_without_its_fields_is_refused_politely(cast: Cast) -> None:
    jiang = signed_in("jiang")
    assert jiang.post(filled(ACTS[1])).status_code == 422
    assert jiang.post(filled(ACTS[1]), {"decision": "refused"}).status_code == 422
    assert jiang.post(filled(ACTS[2])).status_code == 422
    assert signed_in("xu").post("/share/request?resource=3070511600001/000001", {}).status_code == 422
    assert signed_in("xu").post("/share/request").status_code == 404
    assert jiang.post("/share/requests/not-a-uuid/decide").status_code == 404
    assert signed_in("an").post("/oversee/messages/99999999999999999999999/retry").status_code == 404


def test_nul_in_a_form_is_refused(cast: Cast) -> None:
    answer = signed_in("jiang").post(filled(ACTS[1]), {"decision": "refused", "reason": "a\0b"})
    assert answer.status_code == 400
    assert signed_in("").post("/sign-in/", {"username": "a\0", "password": "b"}).status_code == 400


def test_the_provider_decides_and_the_giver_revokes(cast: Cast) -> None:
    assert signed_in("jiang").post(filled(ACTS[1]), {"decision": "approved"}).status_code == 302
    assert signed_in("tian").post(filled(ACTS[2]), {"reason": "用途已完成"}).status_code == 302
    assert Grant.objects.get().state == "revoked"
    assert signed_in("tian").post(filled(ACTS[2]), {"reason": "再次"}).status_code == 409


def test_the_operator_sends_again_and_gives_up(cast: Cast) -> None:
    an = signed_in("an")
    assert "peer_refused" in an.get("/oversee/messages/").content.decode()
    assert an.post(filled(ACTS[6])).status_code == 302
    message = OutboxMessage.objects.get(
        payload__topic="node.cards", payload__to="510000", lane="node.message/510000"
    )
    assert message.attempts == 0
    assert an.post(f"/oversee/messages/{message.pk}/drop").status_code == 302
    assert an.post(f"/oversee/messages/{message.pk}/retry").status_code == 409
    assert an.post(f"/oversee/messages/{message.pk}/burn").status_code == 404
    alert = Alert.objects.get()
    assert an.post(f"/oversee/alerts/{alert.digest}/settle").status_code == 302
    alert.refresh_from_db()
    assert alert.seen_by == "安管"


def test_lists_are_searched_by_words_organisation_and_days(cast: Cast) -> None:
    xu = signed_in("xu")

    def found(path: str) -> int:
        return int(xu.get(path + "&format=json").json()["total"])

    assert found("/share/?") == 2
    assert found("/share/?state=waiting") == 1
    assert found("/share/?q=居住证&organisation=公安") == 2
    assert found("/share/?q=户口") == 0
    assert found("/share/?since=2026-11-21") == 0
    assert found("/share/?until=2026-11-20") == 2
    assert found("/share/grants/?q=居住证&organisation=广安市公安局&state=active") == 1
    assert found("/share/grants/?q=户口") == 0
    assert found("/share/grants/?organisation=" + cast.police.code) == 1
    gao = signed_in("gao")
    for query, total in (
        ("call=ours", 1),
        ("organisation=教科体", 1),
        ("since=2026-11-21", 0),
        ("purpose=p", 2),
    ):
        assert gao.get(f"/prove/?{query}&format=json").json()["total"] == total, query
    assert gao.get("/oversee/journal/?act=grant.issued&format=json").json()["total"] == 1
    assert gao.get("/oversee/journal/?until=2020-01-01&format=json").json()["total"] == 0


def test_what_was_searched_stays_in_the_form_and_in_the_links(cast: Cast) -> None:
    for path in ("/share/", "/share/grants/"):
        page = signed_in("xu").get(f"{path}?q=居住证&state=nonsense&since=2026-11-01").content.decode()
        assert 'value="居住证"' in page
        assert 'value="2026-11-01"' in page
        assert "since=2026-11-01&amp;format=csv" in page


def test_a_draft_is_its_departments_secret(cast: Cast) -> None:
    drafted = catalog.read_content(content(code="3070511600001/000002", name="机密草稿"))
    catalog.draft(drafted, node=NODE, by=cast.as_actor(cast.luo), at=NOON)
    path = "/find/3070511600001/000002/"
    assert signed_in("luo").get(path).status_code == 200
    for username in ("", "xu", "gao"):
        answer = signed_in(username).get(path)
        assert (answer.status_code, "机密草稿" in answer.content.decode()) == (404, False)


def test_protective_headers_stand_on_every_answer(cast: Cast) -> None:
    answers = [
        signed_in("xu").get("/share/"),
        signed_in("").get("/nowhere/"),
        signed_in("").get("/federation/card"),
        signed_in("").get("/find/?q=" + "x" * 9000),
        signed_in("").get("/share/"),
    ]
    for answer in answers:
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert "camera=()" in answer["Permissions-Policy"]
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["Cache-Control"] == "no-store"


def test_cookies_are_for_us_alone(cast: Cast) -> None:
    answer = Client().post("/sign-in/", {"username": "xu", "password": "xu-password-1"})
    session = answer.cookies["guantong_511600_session"]
    assert session["httponly"]
    assert session["samesite"] == "Lax"


def test_a_foreign_host_name_is_refused(cast: Cast) -> None:
    assert Client().get("/", headers={"host": "evil.example"}).status_code == 400


def test_what_is_too_long_is_not_read() -> None:
    answer = Client().post(
        "/prove/check/", CONTENT_LENGTH="99999999999", content_type="multipart/form-data; boundary=x"
    )
    assert answer.status_code == 413


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_failures_are_pages_for_people_and_json_for_programs(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assemble()
    client = signed_in("", language)
    assert client.get("/nowhere/").status_code == 404
    unknown = client.get("/find/1/1/", headers={"accept": "application/json"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "resource_unknown")
    nowhere = client.get("/nowhere/", headers={"accept": "application/json"})
    assert nowhere.json()["error"]["code"] == "page_unknown"
    assert set(nowhere.json()["error"]["message"]) == {"zh", "en"}
    monkeypatch.setattr("guantong.federation.queries.own", lambda: 1 / 0)
    accident = client.get("/federation/card")
    assert (accident.status_code, accident.json()["error"]["code"]) == (500, "internal_error")
    assert "ZeroDivision" not in accident.content.decode()


def test_every_address_is_covered_here() -> None:
    """A new page cannot be forgotten: its name must be known to this module, or be another room's."""
    known = {"home", "sign-in", "sign-out", "set_language", "check", "resource", "resource-act", "receipt-proof",
             "request-decide", "grant-revoke", "node-confirm", "node-reject", "message-settle", "alert-settle",
             "node-card", "node-announce", "node-messages", "node-feed", "feeds", "feed", "feed-act",
             "feed-undo", "find", "find-suggest", "saved-searches", "saved-search",
             "saved-search-keep", "saved-search-forget", "drafts", "share", "request-form", "request",
             "request-supplement", "request-withdraw", "request-step", "paper", "approval-flows", "approval-flow",
             "grants", "grant", "grant-act",
             "grant-sandbox", "grant-agreement", "grant-paper",
             "todo", "prove", "looked-at", "receipt", "oversee", "journal", "outgoing",
             # What one job has is in tests/dispatch/test_pages.py.
             "jobs", "flows", "reconciliation", "job", "job-form", "job-progress", "run-refused", "job-order",
             # In tests/dispatch/test_change_pages.py, test_resend.py and test_edges.py.
             "job-alerts", "job-change", "job-retire", "job-resend", "run-rows", "targets", "target",
             "target-retire", "calendar", "calendar-note", "calendar-forget", "quiet-set", "quiet-drop", "edges",
             "edge-form", "edge", "edge-change", "edge-token", "edge-retire", "edge-enrol",
             # In tests/catalog/test_lists.py and test_directories.py.
             "need", "need-act", "told-updated", "listings", "listing", "listing-new", "listing-edit",
             "listing-state", "listings-import", "code-lists", "conformances", "dictionary", "claim-give-up",
             # In tests/catalog/test_link_pages.py, test_faces_api.py, test_faces_dcat.py and tests/site/test_lineage.py.
             "links", "without-data", "link-edit", "link-check", "link-remove", "link-history", "lineage", "api", "api-openapi",
             "api-entries", "api-changes", "api-entry", "api-items", "api-versions", "api-version", "dcat-negotiated", "dcat",
             "resource-face",
             # In tests/sharing/test_form.py and test_faces.py.
             "basket", "sharing-openapi", "sharing-pledge", "sharing-requests", "sharing-request", "sharing-supplement",
             "sharing-withdraw", "sharing-grants", "sharing-grant",
             # In tests/sharing/test_voices.py and test_voice_pages.py, tests/notices, tests/site/test_todos.py.
             "corrections", "correction", "correction-form", "correction-act", "disputes", "dispute", "dispute-act",
             "dispute-raise", "notices", "notices-mark", "notice", "notice-choices", "todo-calendar", "todo-token",
             # In tests/catalog.
             "drafts-together", "resource-changes", "resource-undo", "imports", "import-template", "import",
             "import-marked", "entries-export", "resource-edit", "resource-new", "reverse", "elements", "element",
             "element-claim", "claim-settle", "code-list", "conformance", "duties", "fields",
                 # In tests/site/test_check.py, test_record.py and test_grant_receipts.py.
                 "check-keys", "check-verifier", "record-export", "readings", "grant-receipts",
                 # In tests/risk/test_pages.py.
                 "findings", "finding", "finding-calls", "finding-suspend", "finding-act", "risk-rules", "risk-rule",
                 "risk-exemptions", "risk-exemption-end",
                # In tests/risk/test_keeping.py.
                "risk-rules-file", "risk-rules-take-in", "risk-rule-restore", "risk-grant-rule-end",
                 # In tests/catalog/test_interfaces.py and tests/sharing/test_application_pages.py.
                 "interface", "interface-json", "interface-import", "operation", "applications",
                 "application-register", "application", "application-act",
                 # In tests/site/test_own.py.
                 "own-taken", "own-proof"}  # fmt: skip
    named = {name for name, module in addresses(get_resolver()) if ".counter." not in module}
    assert named <= known, named - known


def addresses(resolver: URLResolver) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            found += addresses(each)
        elif isinstance(each, URLPattern):
            found.append((str(each.name), each.callback.__module__))
    return found

"""The signed door: filing, following, adding, withdrawing, reading grants; and who is not let in."""

import uuid
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from tests.cast import NOON, PERMITS, Cast, assemble, publish_permits
from tests.sharing.signing import API, System

from guantong.identity.actions import add_key, drop_key, register_application
from guantong.identity.models import Application
from guantong.journal.models import Entry
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.kit.suites import INTERNATIONAL, NATIONAL
from guantong.sharing import actions
from guantong.sharing.faces import admitting
from guantong.sharing.models import Grant, Request, SeenSignature
from guantong.sharing.types import PLEDGE_DIGEST

pytestmark = pytest.mark.django_db
PLATES = "3070511600001/000002"


@pytest.fixture
def cast() -> Cast:
    found = assemble()
    publish_permits(found)
    return found


def system_of(code: str, organisation: Any) -> System:
    key = INTERNATIONAL.generate(code)
    register_application(
        code,
        code,
        organisation=organisation,
        public_key=key.public.to_text(),
        clearance=3,
        by=SYSTEM,
        at=NOON,
    )
    return System(key, code)


@pytest.fixture
def ours(cast: Cast) -> System:
    return system_of("enrolment", cast.education)


@pytest.fixture
def document(cast: Cast, client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{API}/openapi.json").json()
    return found


def form(**changes: Any) -> dict[str, Any]:
    return {
        "key": str(uuid.uuid4()),
        "entries": [{"resource": PERMITS, "fields": ["valid_to"], "modes": ["verify"]}],
        "purpose": "512B0156000000",
        "purpose_text": "核验居住情况",
        "legal_basis": "《义务教育法》第十二条",
        "applications": ["enrolment"],
        "particulars": {"contact": "许数"},
        "pledge": PLEDGE_DIGEST,
        "pledged_by": "李局长",
        **changes,
    }


def fits(document: dict[str, Any], name: str, body: dict[str, Any]) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    Draft202012Validator(schema).validate(body)


def refused(answer: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    status, body = answer
    assert set(body["error"]["message"]) == {"zh", "en"}
    return status, body["error"]["code"]


# ── what it is for ──


def test_the_document_is_openapi_and_names_every_address(document: dict[str, Any], client: Client) -> None:
    validate(document)
    assert set(document["paths"]) == {
        "/pledge", "/requests", "/requests/{uuid}", "/requests/{uuid}/supplement", "/requests/{uuid}/withdraw",
        "/grants", "/grants/{code}",
    }  # fmt: skip
    told = client.get(f"{API}/pledge").json()
    assert (told["digest"], "最小必要" in told["text"]) == (PLEDGE_DIGEST, True)


def test_a_system_files_follows_adds_and_reads_its_grant(
    cast: Cast, ours: System, document: dict[str, Any]
) -> None:
    fits(document, "Form", form())
    status, filed = ours.call("POST", "/requests", form())
    fits(document, "Filed", filed)
    assert (status, filed["is_repeat"]) == (201, False)
    (told,) = filed["requests"]
    assert (told["state"], told["filed_by"], told["pledged_by"]) == ("waiting", "enrolment", "李局长")
    assert [(step["kind"], step["decision"], bool(step["due_on"])) for step in told["steps"]] == [
        ("provider", "", True)
    ]
    assert Entry.objects.filter(act="request.filed", actor_kind="application", actor_id="enrolment").exists()
    asked, at = Request.objects.get(), clock.now()
    actions.send_back(asked, missing="请写明安全保障措施", by=cast.as_actor(cast.jiang), at=at)
    path = f"/requests/{asked.uuid}"
    _, told = ours.call("GET", path)
    fits(document, "RequestTold", told)
    assert (told["state"], told["missing"], bool(told["supplement_by"])) == (
        "returned",
        "请写明安全保障措施",
        True,
    )
    assert refused(ours.call("POST", f"{path}/supplement", {"fields": ["id_number"]})) == (
        422,
        "narrowing_widens",
    )
    status, told = ours.call("POST", f"{path}/supplement", {"particulars": {"security": "专网部署"}})
    assert (status, told["state"], told["missing"]) == (200, "waiting", "")
    assert told["particulars"] == {"contact": "许数", "security": "专网部署"}
    assert refused(ours.call("POST", f"{path}/supplement", {})) == (409, "request_not_returned")
    for person in (cast.jiang, cast.tian):
        actions.decide(asked, "approved", by=cast.as_actor(person), at=clock.now())
    _, told = ours.call("GET", path)
    assert (told["state"], [step["decision"] for step in told["steps"]]) == ("granted", ["approved"] * 2)
    status, grant = ours.call("GET", f"/grants/{told['grant']}")
    fits(document, "GrantTold", grant)
    assert (grant["is_in_force"], grant["terms"]["fields"]) == (True, ["valid_to"])
    status, page = ours.call("GET", f"/grants?resource={PERMITS}")
    fits(document, "Grants", page)
    assert ([each["code"] for each in page["grants"]], page["next"]) == ([told["grant"]], "")
    assert ours.call("GET", "/grants?resource=none")[1]["grants"] == []


def test_several_entries_are_filed_together_or_not_at_all(cast: Cast, ours: System) -> None:
    publish_permits(cast, code=PLATES, name="门牌", sharing_type="unconditional", sharing_condition="")
    entries = [{"resource": code, "fields": ["valid_to"], "modes": ["query"]} for code in (PERMITS, PLATES)]
    _, filed = ours.call("POST", "/requests", form(entries=entries))
    assert [each["state"] for each in filed["requests"]] == ["waiting", "granted"]
    assert len({each["batch"] for each in filed["requests"]}) == 1
    entries[1]["resource"] = "none"
    assert refused(ours.call("POST", "/requests", form(entries=entries))) == (404, "resource_unknown")
    assert Request.objects.count() == 2


def test_the_same_form_under_the_same_key_is_filed_once(ours: System) -> None:
    said = form()
    first, again = ours.call("POST", "/requests", said), ours.call("POST", "/requests", said)
    assert (first[0], again[0], again[1]["is_repeat"]) == (201, 200, True)
    assert first[1]["requests"] == again[1]["requests"]
    assert refused(ours.call("POST", "/requests", {**said, "days": 30})) == (409, "key_reused")
    assert Request.objects.count() == 1


def test_what_failed_under_a_key_can_be_mended_under_it(ours: System) -> None:
    said = form()
    assert refused(ours.call("POST", "/requests", {**said, "purpose": ""}))[0] == 422
    assert ours.call("POST", "/requests", said)[0] == 201


def test_everything_that_is_missing_is_told_at_once(ours: System) -> None:
    said = {"key": str(uuid.uuid4()), "entries": [{"resource": PERMITS}]}
    status, body = ours.call("POST", "/requests", said)
    assert (status, body["error"]["code"]) == (422, "request_incomplete")
    assert body["error"]["details"]["fields"] == [
        "fields", "modes", "purpose", "purpose_text", "legal_basis", "applications", "pledge",
    ]  # fmt: skip
    assert refused(ours.call("POST", "/requests", {"key": str(uuid.uuid4())})) == (422, "request_incomplete")
    assert refused(ours.call("POST", "/requests", form(pledged_by=""))) == (422, "pledge_missing")
    assert refused(ours.call("POST", "/requests", form(pledge="sha-256:0"))) == (422, "pledge_outdated")


def test_the_same_rules_as_on_pages(cast: Cast, ours: System) -> None:
    publish_permits(
        cast, code=PLATES, name="重点人员", sharing_type="not_shared", sharing_basis="《反恐怖主义法》"
    )
    entry = {"resource": PLATES, "fields": ["valid_to"], "modes": ["query"]}
    status, body = ours.call("POST", "/requests", form(entries=[entry]))
    assert (status, body["error"]["details"]) == (403, {"basis": "《反恐怖主义法》"})
    assert (
        refused(ours.call("POST", "/requests", form(applications=["one-window-2"])))[1]
        == "request_incomplete"
    )
    entry = {"resource": PERMITS, "fields": ["id_number"], "modes": ["query"]}
    Application.objects.filter(code="enrolment").update(clearance=2)
    assert refused(ours.call("POST", "/requests", form(entries=[entry])))[1] == "items_above_clearance"
    police = system_of("police-office", cast.police)
    own = form(applications=["police-office"])
    assert refused(police.call("POST", "/requests", own)) == (422, "own_resource")
    assert not Request.objects.exists()


def test_withdrawing_needs_a_reason(ours: System) -> None:
    _, filed = ours.call("POST", "/requests", form())
    path = f"/requests/{filed['requests'][0]['uuid']}/withdraw"
    assert refused(ours.call("POST", path, {})) == (422, "reason_missing")
    assert ours.call("POST", path, {"reason": "改用电子证照"})[1]["state"] == "withdrawn"
    assert refused(ours.call("POST", path, {"reason": "改用电子证照"})) == (409, "request_closed")


def test_lists_go_on_page_by_page(ours: System, document: dict[str, Any]) -> None:
    made = [ours.call("POST", "/requests", form())[1]["requests"][0]["uuid"] for _ in range(3)]
    _, page = ours.call("GET", "/requests?limit=2")
    fits(document, "Requests", page)
    assert [each["uuid"] for each in page["requests"]] == made[:2]
    following = page["next"].partition(API)[2]
    _, page = ours.call("GET", following)
    assert ([each["uuid"] for each in page["requests"]], page["next"]) == (made[2:], "")
    assert ours.call("GET", "/requests?state=granted")[1]["requests"] == []
    for wrong in (
        "state=lost",
        "limit=0",
        "limit=9999",
        "after=x",
        f"after={uuid.uuid4()}",
        "status=waiting",
    ):
        assert refused(ours.call("GET", f"/requests?{wrong}")) == (400, "filter_unknown"), wrong


# ── who is not let in ──


def test_what_is_another_organisations_is_not_there(cast: Cast, ours: System) -> None:
    _, filed = ours.call("POST", "/requests", form())
    asked = Request.objects.get()
    for person in (cast.jiang, cast.tian):
        actions.decide(asked, "approved", by=cast.as_actor(person), at=clock.now())
    stranger = system_of("statistics", cast.bureau)
    path = f"/requests/{asked.uuid}"
    assert refused(stranger.call("GET", path)) == (404, "request_unknown")
    assert refused(stranger.call("POST", f"{path}/supplement", {})) == (404, "request_unknown")
    assert refused(stranger.call("POST", f"{path}/withdraw", {"reason": "x"})) == (404, "request_unknown")
    assert refused(stranger.call("GET", f"/grants/{Grant.objects.get().code}")) == (404, "grant_not_yours")
    assert (
        stranger.call("GET", "/requests")[1]["requests"] == stranger.call("GET", "/grants")[1]["grants"] == []
    )
    assert refused(stranger.call("GET", f"/requests?after={filed['requests'][0]['uuid']}"))[0] == 400


def test_signatures_are_good_once(ours: System) -> None:
    body = b""
    headers = ours.headers("GET", f"{API}/requests", body)
    assert ours.call("GET", "/requests", headers=dict(headers))[0] == 200
    assert refused(ours.call("GET", "/requests", headers=dict(headers))) == (401, "signature_replayed")
    assert refused(ours.call("GET", "/requests", nonce=None)) == (401, "signature_replayed")
    assert refused(ours.call("GET", "/requests", nonce="n" * 65)) == (401, "signature_replayed")


def test_who_signs_wrongly_is_nobody(cast: Cast, ours: System) -> None:
    other = INTERNATIONAL.generate("other")
    assert refused(System(other, "enrolment").call("GET", "/requests")) == (401, "signature_wrong")
    assert refused(System(other, "nobody").call("GET", "/requests")) == (401, "signature_key_unknown")
    assert refused(ours.call("GET", "/requests", created=clock.millis() // 1000 - 90)) == (
        401,
        "signature_expired",
    )
    assert refused(ours.call("GET", "/requests", headers={"accept": "application/json"})) == (
        401,
        "signature_missing",
    )
    assert refused(ours.call("GET", "/requests", components=["@method"]))[1] == "signature_incomplete"
    # What is asked for is signed, in the address too.
    assert refused(ours.call("GET", "/requests?limit=1", components=["@method", "@path"]))[1] == (
        "signature_incomplete"
    )
    headers = ours.headers("POST", f"{API}/requests", b"{}")
    assert refused(ours.call("POST", "/requests", b"[]", headers=headers))[1] == "content_digest_wrong"
    Application.objects.filter(code="enrolment").update(is_active=False)
    assert refused(ours.call("GET", "/requests")) == (401, "signature_key_unknown")


def test_an_application_of_another_node_asks_at_its_own(cast: Cast, ours: System) -> None:
    cast.education.node = "510000"
    cast.education.save()
    assert refused(ours.call("GET", "/requests")) == (401, "signature_key_unknown")


def test_a_signed_in_person_is_nobody_here(cast: Cast, client: Client) -> None:
    client.force_login(cast.xu)
    answer = client.get(f"{API}/requests")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "signature_missing")


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        (b"{", 400, "body_not_json"),
        (b"\xff\xfe", 400, "body_not_json"),
        (b"[]", 422, "form_unreadable"),
        (b'{"key": "no uuid"}', 422, "form_unreadable"),
        (b'{"key": "6f1ed002-ab5d-4f4f-8e01-111111111111", "approved": true}', 422, "form_unreadable"),
        (b" " * (256 * 1024 + 1), 413, "body_too_large"),
    ],
)
def test_what_cannot_be_read_is_refused(ours: System, said: bytes, status: int, code: str) -> None:
    assert refused(ours.call("POST", "/requests", said)) == (status, code)
    assert not Request.objects.exists()


def test_other_methods_are_refused(ours: System) -> None:
    assert refused(ours.call("DELETE", "/requests")) == (405, "method_not_allowed")


def test_who_asks_too_often_waits(ours: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admitting, "PER_MINUTE", 2)
    assert [ours.call("GET", "/requests")[0] for _ in range(3)] == [200, 200, 429]
    SeenSignature.objects.update(at=NOON)
    assert ours.call("GET", "/requests")[0] == 200
    assert SeenSignature.objects.count() == 1  # what can no longer be fresh is forgotten


# ── keys overlap ──


def test_a_system_signs_by_either_of_its_two_keys_named_or_not(cast: Cast, ours: System) -> None:
    application, coming = Application.objects.get(code="enrolment"), NATIONAL.generate("enrolment")
    named = f"enrolment+{coming.public.key_id}"
    assert refused(System(coming, "enrolment").call("GET", "/requests"))[1] == "signature_wrong"
    assert refused(System(coming, named).call("GET", "/requests"))[1] == "signature_key_unknown"
    add_key(application, coming.public.to_text(), by=cast.as_actor(cast.xu), at=clock.now())
    for key in (ours.key, coming):
        for keyid in ("enrolment", f"enrolment+{key.public.key_id}"):
            assert System(key, keyid).call("GET", "/requests")[0] == 200
    assert refused(System(ours.key, named).call("GET", "/requests"))[1] == "signature_wrong"
    assert set(SeenSignature.objects.values_list("keyid", flat=True)) == {"enrolment"}, "patience is for all"
    drop_key(application, ours.key.public.key_id, by=cast.as_actor(cast.xu), at=clock.now())
    assert refused(ours.call("GET", "/requests"))[1] == "signature_wrong"
    assert System(coming, "enrolment").call("GET", "/requests")[0] == 200

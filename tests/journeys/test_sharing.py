"""Asking for data over HTTP, with real processes: by a signed call at once, over two levels, on paper, and in vain; renewed."""

import json
import re
import secrets
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from examples.guangan import places
from examples.guangan.story import ROOT, Story
from examples.guangan.town import Town
from examples.guangan.visitor import _TOKEN, Page, Visitor

from guantong.counter.gateway_client import Answered, Failed, GatewayClient, Question
from guantong.kit import clock, http_signatures
from guantong.kit.doorkeeper import check_answer
from guantong.kit.keyrings import NodeKeys
from guantong.kit.suites import SigningKey

pytestmark = pytest.mark.town

_NATION, PROVINCE, CITY = places.PLACES
NAMES = "3070511600004/000009"
LICENCES = "3070511600004/000001"
POPULATION = "1010010000001/000001"
HOUSING_APPLICATION = "guangan-housing"
PDF = b"%PDF-1.7\n% a scan\n"
# What an operator sets up: the housing bureau's own system, and an entry that is shared without conditions.
SET_UP = f"""
import django
django.setup()
from pathlib import Path
from examples.guangan.places import DEPARTMENTS
from guantong.catalog import actions as catalog
from guantong.identity.actions import register_application
from guantong.identity.models import Organisation
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.kit.key_files import load_key, write_secret
from guantong.kit.suites import INTERNATIONAL
from guantong.site.node import node_settings
settings, at = node_settings(), clock.now()
path = settings.key_folder / "housing.key"
write_secret(path, INTERNATIONAL.generate("{HOUSING_APPLICATION}").to_text)
register_application("{HOUSING_APPLICATION}", "公租房管理系统",
    organisation=Organisation.objects.get(code=DEPARTMENTS["housing"].code),
    public_key=load_key(path).public.to_text(), clearance=3, by=SYSTEM, at=at)
items = [dict(name="uscc", label="统一社会信用代码", level=1, is_key=True), dict(name="name", label="名称", level=1)]
content = catalog.read_content(dict(code="{NAMES}", name="市场主体名称", provider=DEPARTMENTS["market"].code,
    summary="已向社会公示的市场主体名称", items=items, lookups=[["uscc"]], sharing_type="unconditional",
    update_cycle="daily"))
entry = catalog.draft(content, node="{CITY}", by=SYSTEM, at=at)
catalog.link(entry, source="business_licence", dialect="sqlite", table="business_licence",
    columns=dict(uscc="uscc", name="name"), by=SYSTEM, at=at)
"""

# Somebody of the province's data bureau who decides; the town has an operator there only.
JUDGE = """
import django
django.setup()
import sys
from examples.guangan.places import DEPARTMENTS
from guantong.identity.actions import register_person
from guantong.identity.models import Organisation
from guantong.journal.types import SYSTEM
from guantong.kit import clock
register_person("sc-judge", "四川省数据局 唐裁", password=sys.argv[1], roles=["approver"],
    organisation=Organisation.objects.get(code=DEPARTMENTS["sc_data"].code), by=SYSTEM, at=clock.now())
"""


def until(look: Callable[[], Any], what: str, *, for_s: float = 30) -> Any:
    deadline = time.monotonic() + for_s
    while not (found := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


def prepared(town: Town, node: str, script: str, *words: str) -> None:
    """What an operator does at a node's own machine."""
    environment = {**town.environment(node), "DJANGO_SETTINGS_MODULE": "guantong.site.settings"}
    subprocess.run([sys.executable, "-c", script, *words], env=environment, cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def town(told: Story) -> Town:
    """The told town with the housing bureau's system and an unconditional entry, published by people."""
    town = told.town
    prepared(town, CITY, SET_UP)
    for username, act in (
        ("market-officer", "submit"),
        ("market-approver", "approve"),
        ("data-approver", "publish"),
    ):
        done = town.visitor(username).post(f"/find/{NAMES}/{act}", source=f"/find/{NAMES}/")
        assert done.status == 200, done.text[:2000]
    return town


def key_of(town: Town, name: str, node: str = CITY) -> SigningKey:
    return SigningKey.from_text((town.home(node) / "keys" / f"{name}.key").read_text().strip())


def signed(
    town: Town, key: SigningKey, method: str, path: str, said: Any = None
) -> tuple[int, dict[str, Any]]:
    """A department's system at its node's door: status and JSON, once the node's signature is good."""
    url = f"{town.url(CITY)}/api/sharing/v1{path}"
    body = json.dumps(said).encode() if said is not None else b""
    headers = {"content-digest": http_signatures.content_digest(body)} if body else {}
    headers |= http_signatures.sign(
        http_signatures.Request(method, url, headers),
        ["@method", "@path", *headers],
        key,
        created=clock.millis() // 1000,
        keyid=key.name,
        nonce=secrets.token_urlsafe(18),
    )
    asked = urllib.request.Request(url, data=body or None, headers=headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=30) as reply:
            status, content, fields = reply.status, reply.read(), reply.headers
    except urllib.error.HTTPError as error:
        status, content, fields = error.code, error.read(), error.headers
    shown = {name.lower(): value for name, value in fields.items()}
    http_signatures.check_content_digest(content, shown["content-digest"])
    request = http_signatures.Request(method, url, headers)
    check_answer(http_signatures.Response(status, shown, request), key_of(town, "node").public, CITY)
    found: dict[str, Any] = json.loads(content)
    return status, found


def answered(town: Town, key: SigningKey, **asked: Any) -> Answered:
    """The gateway's answer, as soon as the grant is in its bundle."""
    gateway = GatewayClient(
        town.url(CITY, "gateway"), key, lambda: NodeKeys(key_of(town, "node").public), node=CITY, timeout_s=10
    )
    values: dict[str, Any] = {"case": "", "purpose": places.ITEM, **asked}

    def look() -> Answered | None:
        found = gateway.ask(Question(trace=secrets.token_hex(16), **values))
        if isinstance(found, Failed):
            assert found.status in {403, 404, 503}, found
            return None
        return found

    return until(look, f"an answer under {asked['grant']}")  # type: ignore[no-any-return]


def value_of(town: Town, table: str, column: str) -> str:
    with closing(sqlite3.connect(town.folder / "tables" / places.FILES[table])) as database:
        return str(database.execute(f'SELECT "{column}" FROM "{table}" LIMIT 1').fetchone()[0])


def filed(officer: Visitor, resource: str, **changes: Any) -> str:
    values = {
        "purpose": places.ITEM,
        "purpose_text": "公租房资格核验",
        "legal_basis": "《公共租赁住房管理办法》第八条",
        "applications": [HOUSING_APPLICATION],
        "per_day": "1000",
        "per_second": "50",
        "days": "365",
        "pledge_signed": "on",
        **changes,
    }
    page = officer.post(f"/share/request?resource={resource}", values)
    assert page.path.startswith("/share/requests/"), page.text[:3000]
    return page.path


def decided(approver: Visitor, path: str, decision: str = "approved", **more: str) -> None:
    until(lambda: 'value="approved"' in approver.get(path).text, f"{approver.name} to see {path}")
    said = {"decision": decision, "reason": "同意", **more}
    done = approver.post(f"{path}decide", said, source=path)
    assert done.status == 200, done.text[:2000]


def decided_on_paper(approver: Visitor, path: str) -> Page:
    """A form with a file, as a browser sends it."""
    until(lambda: 'value="approved"' in approver.get(path).text, f"{approver.name} to see {path}")
    token = _TOKEN.search(approver.get(path).text)
    assert token is not None
    fields = {
        "csrfmiddlewaretoken": token[1],
        "decision": "approved",
        "reason": "见批复",
        "paper_number": "公数函2026-7号",
        "signed_by": "沈局长",
        "signed_on": "2026-01-05",
    }
    mark = secrets.token_hex(16)
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()
    ]
    head = f'--{mark}\r\nContent-Disposition: form-data; name="paper"; filename="a.pdf"\r\nContent-Type: application/pdf\r\n\r\n'
    body = "".join(parts).encode() + head.encode() + PDF + f"\r\n--{mark}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={mark}", "Referer": approver.address + path}
    return approver._open(
        urllib.request.Request(f"{approver.address}{path}decide", data=body, headers=headers)
    )


def test_what_is_unconditional_is_granted_to_a_signed_call_at_once(town: Town) -> None:
    key = key_of(town, "counter")
    with urllib.request.urlopen(f"{town.url(CITY)}/api/sharing/v1/pledge") as reply:
        pledge = json.load(reply)["digest"]
    form = {
        "key": "0b7e9c1a-5c1e-4a55-9a55-0b7e9c1a5c1e",
        "entries": [{"resource": NAMES, "fields": ["name"], "modes": ["query"]}],
        "purpose": places.ITEM,
        "purpose_text": "核对用人单位名称",
        "legal_basis": "《义务教育法》第十二条",
        "applications": [places.COUNTER_APPLICATION],
        "pledge": pledge,
        "pledged_by": "区教科体局 王局长",
    }
    status, told = signed(town, key, "POST", "/requests", form)
    assert status == 201, told
    (request,) = told["requests"]
    assert (request["state"], request["steps"]) == ("granted", [])
    assert signed(town, key, "POST", "/requests", form)[1]["requests"] == [request]
    status, grant = signed(town, key, "GET", f"/grants/{request['grant']}")
    assert (status, grant["terms"]["fields"]) == (200, ["name"])
    uscc = value_of(town, "business_licence", "uscc")
    answer = answered(
        town, key, resource=NAMES, mode="query", grant=grant["code"], keys={"uscc": uscc}, fields=["name"]
    )
    assert answer.answer["rows"][0]["name"]
    # Another department's system sees nothing of it.
    stranger = key_of(town, "stranger")
    assert signed(town, stranger, "GET", f"/requests/{request['uuid']}")[0] == 404


def test_over_two_levels_with_its_own_review_and_a_decision_on_paper(town: Town) -> None:
    officer, key = town.visitor("housing-officer"), key_of(town, "housing")
    path = filed(officer, POPULATION, wanted=["name", "birth_date"], modes=["verify"])
    uuid = path.rstrip("/").rpartition("/")[2]
    nation = town.visitor("mps-approver")
    assert (
        nation.get(path).status == 404
    )  # nobody above hears of it before the department itself has said yes
    decided(town.visitor("housing-approver"), path)
    done = decided_on_paper(nation, path)
    assert done.status == 200, done.text[:2000]
    decided(town.visitor("nda-approver"), path)

    def granted() -> Any:
        told = signed(town, key, "GET", f"/requests/{uuid}")[1]
        return told["state"] == "granted" and told["grant"] and told

    told = until(granted, "the grant at the city")
    assert [step["kind"] for step in told["steps"]] == ["consumer", "provider", "bureau"]
    assert [step["paper_number"] for step in told["steps"]] == ["", "公数函2026-7号", ""]
    assert told["steps"][1]["decided_by"] == "沈局长"
    id_number = value_of(town, "population", "id_number")
    name = value_of(town, "population", "name")
    answer = answered(
        town,
        key,
        resource=POPULATION,
        mode="verify",
        grant=told["grant"],
        keys={"id_number": id_number},
        claims={"name": name},
    )
    assert answer.receipt["body"]["decision"] == "allow"
    call = {
        "resource": POPULATION,
        "mode": "verify",
        "keys": {"id_number": id_number},
        "claims": {"name": name},
    }
    one, other = (
        who.get(f"/share/grants/{told['grant']}/agreement.json").json() for who in (officer, nation)
    )
    assert one == other, "both sides hold the same statement"
    assert len(one["signatures"]) >= 2, one["signatures"]
    suspended_and_resumed(town, key, nation, told["grant"], call)
    renewed(town, key, officer, told["grant"], call)


def suspended_and_resumed(
    town: Town, key: SigningKey, provider: Visitor, grant: str, call: dict[str, Any]
) -> None:
    """Two levels up the provider suspends the grant on its page; the city's gateway follows, and again when it resumes."""
    page = f"/share/grants/{grant}/"
    done = provider.post(f"{page}suspend", {"reason": "核查使用情况"}, source=page)
    assert "已暂停" in done.text, done.text[:2000]
    gateway = GatewayClient(
        town.url(CITY, "gateway"), key, lambda: NodeKeys(key_of(town, "node").public), node=CITY, timeout_s=10
    )

    def refused() -> bool:
        asked = Question(trace=secrets.token_hex(16), grant=grant, case="", purpose=places.ITEM, **call)
        found = gateway.ask(asked)
        return isinstance(found, Failed) and found.error.details["code"] == "grant_suspended"

    until(refused, "the city's gateway to refuse what is suspended")
    provider.post(f"{page}resume", {"reason": "已核实"}, source=page)
    assert answered(town, key, grant=grant, **call).receipt["body"]["decision"] == "allow"


def renewed(town: Town, key: SigningKey, officer: Visitor, grant: str, call: dict[str, Any]) -> None:
    """The renewal goes the same way as the first request; the grant keeps its code, and calls never stop."""
    page, before = f"/share/grants/{grant}/", signed(town, key, "GET", f"/grants/{grant}")[1]["not_after"]
    officer.post(f"{page}renew", {"days": "200", "reason": "继续办理公租房资格核验"}, source=page)
    found = re.search(
        r'href="(/share/requests/[0-9a-f-]{36}/)"', officer.get(page).text.partition("续期申请审批中：")[2]
    )
    assert found, "the page leads to the renewal that waits"
    for approver in ("housing-approver", "mps-approver", "nda-approver"):
        decided(town.visitor(approver), found[1])

    def later() -> bool:
        return bool(signed(town, key, "GET", f"/grants/{grant}")[1]["not_after"] > before)

    until(later, "the renewed grant at the city")
    assert answered(town, key, grant=grant, **call).receipt["body"]["decision"] == "allow"


def test_sent_back_completed_and_refused_on_a_ground(town: Town) -> None:
    officer, key = town.visitor("housing-officer"), key_of(town, "housing")
    path = filed(officer, LICENCES, wanted=["name", "state"], modes=["query"])
    uuid = path.rstrip("/").rpartition("/")[2]
    decided(town.visitor("housing-approver"), path)
    market = town.visitor("market-approver")
    decided(market, path, "returned", reason="请写明安全保障措施")
    told = signed(town, key, "GET", f"/requests/{uuid}")[1]
    assert (told["state"], told["missing"]) == ("returned", "请写明安全保障措施")
    status, told = signed(
        town, key, "POST", f"/requests/{uuid}/supplement", {"particulars": {"security": "专网部署"}}
    )
    assert (status, told["state"]) == (200, "waiting")
    decided(market, path, "refused", ground="no_duty", reason="与公租房资格无关")
    assert "与公租房资格无关" in officer.get(path).text
    told = signed(town, key, "GET", f"/requests/{uuid}")[1]
    assert (told["state"], told["steps"][-1]["ground"], told["grant"]) == ("refused", "no_duty", "")
    assert signed(town, key, "POST", f"/requests/{uuid}/withdraw", {"reason": "改用电子证照"})[0] == 409


def test_a_refusal_is_disputed_up_to_the_common_superior(town: Town) -> None:
    password = secrets.token_urlsafe(12)
    prepared(town, PROVINCE, JUDGE, password)
    judge = Visitor(town.url(PROVINCE), "sc-judge")
    judge.sign_in("sc-judge", password)
    officer, market, bureau = (
        town.visitor(f"{who}") for who in ("housing-officer", "market-approver", "data-approver")
    )
    path = filed(officer, LICENCES, wanted=["state"], modes=["query"])
    decided(town.visitor("housing-approver"), path)
    decided(market, path, "refused", ground="no_duty", reason="与公租房资格无关")
    raised = officer.post(f"{path}dispute", {"words": "办法第八条要求核验经营状态"}, source=path)
    dispute = raised.path
    assert dispute.startswith("/share/disputes/"), raised.text[:2000]

    def says(who: Visitor, act: str, words: str) -> None:
        until(lambda: f'value="{act}"' in who.get(dispute).text, f"{who.name} to see {act}")
        done = who.post(f"{dispute}speak", {"act": act, "words": words}, source=dispute)
        assert done.status == 200, done.text[:2000]

    says(market, "said", "经营状态已公示，无须共享")
    says(officer, "taken_up", "公示数据不能批量核验")
    says(bureau, "for_provider", "请先使用公示数据")
    says(officer, "taken_up", "请共同上级裁定")
    says(judge, "for_asker", "属于法定核验事项，应当提供")
    # The provider answers anew; nobody grants in its place.
    decided(market, path)
    decided(bureau, path)
    until(lambda: "GX511600" in officer.get(path).text, "the grant")
    assert "属于法定核验事项" in officer.get(dispute).text


def test_a_correction_is_answered_and_judged_by_who_asked(town: Town) -> None:
    officer, provider = town.visitor("education-officer"), town.visitor("market-approver")
    form = f"/share/corrections/file?resource={LICENCES}"
    said = {"kind": "resource", "words": "部分登记状态两周没有更新", "item": "state"}
    reported = officer.post(form, said)
    path = reported.path
    assert path.removeprefix("/share/corrections/") not in {path, "file"}, reported.text[-6000:]
    until(lambda: 'value="corrected"' in provider.get(path).text, "the provider to see it")
    done = provider.post(f"{path}answer", {"decision": "corrected", "words": "已补推两周的变更"}, source=path)
    assert done.status == 200
    until(lambda: 'value="satisfied"' in officer.get(path).text, "the answer")
    done = officer.post(f"{path}judge", {"judgement": "satisfied", "words": "已核对"}, source=path)
    assert done.status == 200
    assert "已补推两周的变更" in done.text

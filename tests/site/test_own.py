"""What citizens see of the uses of their own data, and take along; their number appears nowhere."""

import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from tests.cast import NOON, PERMITS, Cast, assemble, need, publish_permits
from tests.journal.test_records import receipt

from guantong.evidence import verifying
from guantong.evidence.spool import Spool
from guantong.federation import keyset
from guantong.gateway.receipts import subject_digest
from guantong.identity.actions import register_person
from guantong.identity.models import Person
from guantong.journal.actions import take_in_records
from guantong.journal.models import Entry, Receipt
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.sharing import actions
from guantong.sharing.models import Grant
from guantong.site.node import node_settings

pytestmark = pytest.mark.django_db

NUMBER = "11010519491231002X"


def subject(**keys: str) -> str:
    key = (node_settings().key_folder / "subject.key").read_text().strip().encode()
    return subject_digest(key, keys)


@pytest.fixture
def cast(tmp_path: Path) -> Cast:
    return furnished(tmp_path)


def furnished(folder: Path) -> Cast:
    """Bai Xing's data: queried twice under a grant, verified by name and number, refused once; and somebody else's."""
    cast = assemble()
    publish_permits(cast)
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    for decider in (cast.jiang, cast.tian):
        actions.decide(asked, "approved", by=cast.as_actor(decider), at=NOON)
    for username, name, number in (("bai", "百姓", NUMBER), ("lin", "邻居", "110101199003070011")):
        register_person(
            username,
            name,
            password=f"{username}-password-1",
            roles=["citizen"],
            resident_id=number,
            by=SYSTEM,
            at=NOON,
        )
    grant = Grant.objects.get()
    Grant.objects.update(terms={**grant.terms, "masks": {"valid_to": "year"}})
    own, both = subject(id_number=NUMBER), subject(id_number=NUMBER, name="百姓")
    with Spool(folder, "gateway-0") as spool:
        for number, changes in enumerate(
            [
                {"subject": own, "mode": "query", "case": "C-1"},
                {"subject": own, "mode": "query", "fields": ["valid_to"], "days": 30},
                {"subject": both, "mode": "verify"},
                {"subject": own, "decision": "refuse", "reason": "purpose_not_granted", "by": "别的部门"},
                {"subject": subject(id_number="110101199003070011")},
            ]
        ):
            spool.append_now(use(cast, grant.code, number, **changes))
    take_in_records(folder, by=SYSTEM, at=NOON)
    return cast


def use(cast: Cast, grant: str, number: int, **changes: Any) -> bytes:
    by = changes.pop("by", cast.education.code)
    body = {
        "at": clock.rfc3339(NOON + timedelta(days=changes.pop("days", 0), seconds=number)),
        "consumer": {"node": "511600", "organisation": by, "application": "one-window"},
        "provider": {"node": "511600", "organisation": cast.police.code},
        "resource": PERMITS,
        "fields": ["residence_division", "valid_to"],
        "grant": grant,
        "purpose": "512B0156000000",
    }
    return receipt(f"call-{number}", **{**body, **changes})


def signed_in(username: str = "bai", language: str = "zh-hans") -> Client:
    client = Client()
    client.cookies["django_language"] = language
    client.force_login(Person.objects.get(username=username))
    return client


def rows(path: str = "/prove/mine/?", username: str = "bai") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = signed_in(username).get(f"{path}&format=json").json()["rows"]
    return found


def test_who_saw_which_items_how_much_of_each_why_and_by_which_right(cast: Cast) -> None:
    said = signed_in().get("/prove/mine/").content.decode()
    for words in (
        "广安区教科体局",
        "居住证信息",
        "有效期止",
        "只显示年份",
        "只作比对：相符或不符",
        "申请未获提供",
        "核验居住情况",
        "《义务教育法》第十二条",
        "C-1",
        "本页看不到的",
    ):
        assert words in said, words
    items = [row["items"] for row in rows()]
    assert items[0].startswith("有效期止（")
    assert "居住地（只作比对：相符或不符）" in items[2]
    english = signed_in(language="en").get("/prove/mine/").content.decode()
    assert "only compared: match or no match" in english
    assert "Something is wrong: object" in english
    assert f"/share/corrections/file?resource={PERMITS}" in english


def test_over_time_by_department_and_by_decision(cast: Cast) -> None:
    assert len(rows()) == 4
    assert len(rows("/prove/mine/?since=2026-12-01")) == 1
    assert len(rows("/prove/mine/?until=2026-11-20")) == 3
    assert len(rows("/prove/mine/?organisation=教科体")) == 3
    assert [row["decision"] for row in rows("/prove/mine/?decision=refuse")] == ["refuse"]
    assert len(rows(username="lin")) == 1
    assert signed_in().get("/prove/mine/?all=1").content.decode().count('class="dot"') == 4


def test_a_signed_file_to_take_along(cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keyset.write_keyset(tmp_path / "keys")
    answer = signed_in().get("/prove/mine/taken?organisation=教科体")
    body = json.loads(answer.content)["body"]
    assert (body["count"], body["is_cut"], len(body["uses"])) == (3, False, 3)
    assert body["uses"][1]["law"] == "《义务教育法》第十二条"
    file = tmp_path / "uses.json"
    file.write_bytes(answer.content)
    assert verifying.main([str(file), "--keys", str(tmp_path / "keys"), "--lang", "en"]) == 0
    assert "the signature holds" in capsys.readouterr().out
    file.write_bytes(answer.content.replace(b"C-1", b"C-2"))
    assert verifying.main([str(file), "--keys", str(tmp_path / "keys")]) == 1


def test_the_number_is_nowhere(cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bai = signed_in()
    pages = [bai.get(path) for path in ("/prove/mine/", "/prove/mine/taken", "/prove/mine/?format=json")]
    for page in pages:
        assert NUMBER not in page.content.decode()
    assert NUMBER not in caplog.text
    assert not any(
        NUMBER in json.dumps(entry.details) or NUMBER in entry.subject_id for entry in Entry.objects.all()
    )
    assert not Receipt.objects.filter(subject__contains=NUMBER).exists()


def test_nobody_can_ask_for_somebody_else(cast: Cast) -> None:
    others = Receipt.objects.get(call="call-4")
    for query in ("id_number=110101199003070011", "person=lin", f"subject={others.subject}", "resident_id=x"):
        assert len(rows(f"/prove/mine/?{query}")) == 4, query
    assert signed_in().get(f"/prove/mine/{others.digest}/proof").status_code == 404
    for username in ("xu", "gao", "tian"):
        assert signed_in(username).get("/prove/mine/").status_code == 403
        assert signed_in(username).get("/prove/mine/taken").status_code == 403
    register_person("new", "无号", password="x" * 12, roles=["citizen"], by=SYSTEM, at=NOON)
    assert rows(username="new") == []


def test_guessing_a_citizens_password_locks_the_account(cast: Cast) -> None:
    stranger = Client()
    for _ in range(5):
        stranger.post("/sign-in/", {"username": "bai", "password": "wrong-password"})
    answer = stranger.post("/sign-in/", {"username": "bai", "password": "bai-password-1"})
    assert answer.status_code != 302, "even the right one has to wait now"

"""Reading the record: one search over acts and uses, quick pages, signed exports, and a trace of every reading."""

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from tests.cast import NOON, PERMITS, Cast, assemble, publish_permits
from tests.journal.test_records import receipt

from guantong.evidence import verifying
from guantong.evidence.spool import Spool
from guantong.federation import keyset
from guantong.identity.actions import register_person
from guantong.identity.models import Person
from guantong.journal.actions import take_in_records
from guantong.journal.models import Entry, FieldSet, Receipt
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.site.node import node_settings

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(tmp_path: Path) -> Cast:
    """Sixty uses by the education bureau, five by strangers, one refused."""
    cast = assemble()
    publish_permits(cast)
    with Spool(tmp_path, "gateway-0") as spool:
        for number in range(60):
            at = clock.rfc3339(NOON + timedelta(seconds=number // 3))
            spool.append_now(use(f"e{number}", cast.education.code, at=at, fields=["residence_division"]))
        for number in range(5):
            spool.append_now(
                use(f"s{number}", "stranger", at=clock.rfc3339(NOON), fields=["name", "valid_to"])
            )
        refused = {"decision": "refuse", "reason": "quota_exceeded", "grant": "GX9", "case": "C-7"}
        spool.append_now(use("r", cast.education.code, **refused))
    take_in_records(tmp_path, by=SYSTEM, at=NOON)
    register_person(
        "an", "安管", password="x" * 12, roles=["operator"], organisation=cast.bureau, by=SYSTEM, at=NOON
    )
    return cast


def use(call: str, consumer: str, **changes: Any) -> bytes:
    side = {"node": "511600", "organisation": consumer, "application": "one-window"}
    return receipt(call, consumer=side, resource=PERMITS, **changes)


def signed_in(username: str, language: str = "zh-hans") -> Client:
    client = Client()
    client.cookies["django_language"] = language
    client.force_login(Person.objects.get(username=username))
    return client


def rows(client: Client, path: str) -> list[dict[str, Any]]:
    joint = "&" if "?" in path else "?"
    found: list[dict[str, Any]] = client.get(f"{path}{joint}format=json").json()["rows"]
    return found


def readings(**which: Any) -> list[tuple[str, dict[str, Any]]]:
    found = Entry.objects.filter(actor_kind="person", **which).order_by("id")
    acts = ("journal.searched", "journal.exported", "export.sealed", "receipt.opened")
    return [(entry.act, entry.details) for entry in found if entry.act in acts]


def test_acts_and_uses_are_found_together_by_each_filter(cast: Cast) -> None:
    gao = signed_in("gao")

    def count(query: str) -> tuple[int, int]:
        found = rows(gao, f"/oversee/journal/?{query}")
        return sum(row["kind"] == "act" for row in found), sum(row["kind"] == "use" for row in found)

    acts, uses = count("since=2026-11-20&until=2026-11-20")
    assert (acts > 10, uses) == (True, 66)
    assert count("about=uses") == (0, 66)
    assert count("organisation=教科体&about=uses") == (0, 61)
    assert count(f"organisation={cast.education.code}&decision=refuse") == (0, 1)
    assert count("field=residence_division") == (0, 60)
    assert count("field=居住地") == (0, 60), "by the label that the entry gives it"
    assert count("field=valid_to") == (0, 5)
    assert count("field=valid") == (0, 0)
    assert count("grant=GX9") == (0, 1)
    assert count("case=C-7") == (0, 1)
    assert count("mode=verify&resource=居住证") == (0, 66)
    assert count("mode=query") == (0, 0)
    assert count("purpose=p") == (0, 66)
    assert count("person=罗数") == (2, 0), "drafted and submitted"
    assert count("act=resource.published")[0] == 1
    assert count("act=resource.")[0] == 4
    assert count(f"resource={PERMITS}&about=acts")[0] == 4
    assert count("since=2026-11-21&until=2026-11-21") == (0, 0)
    assert FieldSet.objects.count() == 3


def test_pages_follow_each_other_without_a_gap_or_a_repeat(cast: Cast) -> None:
    gao = signed_in("gao")
    whole = [row["record"] for row in rows(gao, "/oversee/journal/?about=uses")]
    seen: list[str] = []
    path = "/oversee/journal/?about=uses"
    while path:
        answer = gao.get(path)
        seen += [row.use.digest for row in answer.context["rows"]]
        older = answer.context["older"]
        path = f"/oversee/journal/?about=uses&after={older}" if older else ""
    assert seen == whole
    assert len(set(seen)) == 66
    assert gao.get("/oversee/journal/?after=nonsense").status_code == 400
    assert (
        gao.get("/oversee/journal/?after=20261120T040000.000000~use~99999999999999999999999").status_code
        == 400
    )
    facets = {
        facet["name"]: facet["counts"] for facet in gao.get(path or "/oversee/journal/").context["facets"]
    }
    assert [(value["count"], value["query"]) for value in facets["decision"]] == [
        (65, "decision=allow"),
        (1, "decision=refuse"),
    ]


def test_a_department_sees_its_own_and_nobody_reads_around(cast: Cast) -> None:
    xu = signed_in("xu")
    assert len(rows(xu, "/prove/")) == 61
    assert rows(xu, "/prove/?organisation=stranger") == []
    theirs = Receipt.objects.filter(consumer_organisation="stranger").first()
    assert xu.get(f"/prove/receipts/{theirs.digest}/").status_code == 404
    for username in ("xu", "luo", "tian", "jiang", "an"):
        assert signed_in(username).get("/oversee/journal/").status_code == 403, username
        assert signed_in(username).post("/prove/export", {"scope": "journal"}).status_code == 403, username
    assert signed_in("an").get("/prove/readings/").status_code == 403, "the operator reads no searches"
    assert signed_in("xu").get("/prove/readings/").status_code == 403
    assert rows(signed_in("luo"), "/prove/") == [], "the police provide nothing here"


def test_reading_leaves_a_trace_once_a_minute(cast: Cast) -> None:
    gao = signed_in("gao")
    with clock.frozen(NOON):
        gao.get("/oversee/journal/?case=C-7")
        gao.get("/oversee/journal/?case=C-7&page=2")
        gao.get("/oversee/journal/?case=C-8")
    with clock.frozen(NOON + timedelta(seconds=61)):
        gao.get("/oversee/journal/?case=C-7")
        digest = Receipt.objects.get(call="r").digest
        gao.get(f"/prove/receipts/{digest}/")
        gao.get(f"/prove/receipts/{digest}/")
        gao.get("/prove/?format=csv")
        gao.get("/prove/?format=csv")
    assert readings(actor_name="高审") == [
        ("journal.searched", {"case": "C-7"}),
        ("journal.searched", {"case": "C-8"}),
        ("journal.searched", {"case": "C-7"}),
        (
            "receipt.opened",
            {"consumer": cast.education.code, "grant": "GX9", "provider": "B", "resource": PERMITS},
        ),
        ("journal.exported", {"count": 66, "form": "csv"}),
        ("journal.exported", {"count": 66, "form": "csv"}),
    ]


def test_heads_see_their_people_and_the_auditor_everybody(cast: Cast) -> None:
    signed_in("gao").get("/oversee/journal/?person=罗数")
    signed_in("luo").get("/prove/?grant=GX1")
    signed_in("xu").get("/prove/?grant=GX2")
    head = rows(signed_in("jiang"), "/prove/readings/")
    assert [(row["by"], json.loads(row["details"])) for row in head] == [
        ("罗数", {"grant": "GX1", "own": cast.police.code})
    ]
    assert rows(signed_in("tian"), "/prove/readings/") == [], "not even the auditor's own bureau reads along"
    assert {row["by"] for row in rows(signed_in("gao"), "/prove/readings/")} == {"高审", "罗数", "许数"}
    for language, said in (("zh-hans", "检索记录"), ("en", "searched the record")):
        assert said in signed_in("gao", language).get("/prove/readings/").content.decode()


def test_a_signed_export_is_checked_offline(
    cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keyset.write_keyset(tmp_path / "keys")
    gao = signed_in("gao")
    answer = gao.post("/prove/export?decision=refuse", {"scope": "journal", "form": "jsonl"})
    assert (answer.status_code, answer["X-Rows"]) == (200, "1")
    file = tmp_path / "export.zip"
    file.write_bytes(b"".join(answer.streaming_content))  # type: ignore[attr-defined]
    with zipfile.ZipFile(file) as archive:
        (line,) = archive.read("rows.jsonl").splitlines()
        manifest = json.loads(archive.read("manifest.json"))["body"]
    assert json.loads(line)["call"] == "r"
    assert (manifest["query"], manifest["count"], manifest["is_cut"]) == ({"decision": "refuse"}, 1, False)
    assert manifest["by"]["name"] == "高审"
    assert [act for act, _ in readings(actor_name="高审")] == ["journal.exported", "export.sealed"]
    assert verifying.main([str(file), "--keys", str(tmp_path / "keys")]) == 0
    assert "应高审之请导出 1 条（decision=refuse）" in capsys.readouterr().out
    touched = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(touched, "w") as again:
        for name in archive.namelist():
            again.writestr(name, archive.read(name).replace(b'"call": "r"', b'"call": "x"'))
    file.write_bytes(touched.getvalue())
    assert verifying.main([str(file), "--keys", str(tmp_path / "keys")]) == 1
    assert "export_file_changed" in capsys.readouterr().out


def test_an_export_of_many_or_none_and_for_a_spreadsheet(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    xu = signed_in("xu")

    def exported(path: str, form: str) -> tuple[list[bytes], dict[str, Any]]:
        answer = xu.post(path, {"form": form})
        with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:  # type: ignore[attr-defined]
            name = next(each for each in archive.namelist() if each.startswith("rows."))
            return archive.read(name).splitlines(), json.loads(archive.read("manifest.json"))["body"]

    lines, manifest = exported("/prove/export", "csv")
    assert len(lines) == 62
    assert manifest["query"] == {"own": cast.education.code}
    lines, manifest = exported("/prove/export?case=none", "csv")
    assert (len(lines), manifest["count"]) == (1, 0)
    monkeypatch.setattr("guantong.site.record.views.SEALED_LIMIT", 7)
    lines, manifest = exported("/prove/export", "jsonl")
    assert (len(lines), manifest["count"], manifest["is_cut"], manifest["limit"]) == (7, 7, True, 7)
    assert node_settings().node == manifest["node"]

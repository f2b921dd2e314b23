"""Directories: listings made, changed, retired, merged, taken in from files; conformance; dictionaries; code lists' revisions."""

import io
from datetime import date
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.cast import NOON, PERMITS, assemble, content, need, publish_permits
from tests.catalog.test_standards import ITEMS, client, education_entry, standards

from guantong.catalog import actions
from guantong.catalog.errors import ListingWrong, NotTheBureau, NotTheProvider, ReasonMissing
from guantong.catalog.models import (
    BusinessForm,
    Claim,
    CodeList,
    Conformance,
    Element,
    Parameter,
    Regulation,
    Resource,
    Revision,
    SourceTable,
)
from guantong.catalog.needs.queries import entries_citing, parameter
from guantong.catalog.standards import binding
from guantong.catalog.standards.citing import cited_in, uncited
from guantong.catalog.standards.conformance import score
from guantong.catalog.standards.errors import RevisionTaken
from guantong.catalog.standards.sheets import read_codes
from guantong.journal.types import SYSTEM
from guantong.sharing import actions as sharing
from guantong.sharing.models import Grant

pytestmark = pytest.mark.django_db
PHONE = {"name": "手机号码", "synonyms": "移动电话\n手机", "type": "字符型C", "length": "11", "level": "3"}


def keep(kind: str, texts: dict[str, str], identifier: str = "", **more: Any) -> Any:
    return actions.keep_listing(
        kind, texts, identifier=identifier, by=more.pop("by", SYSTEM), at=NOON, **more
    )


def test_an_elements_every_change_is_a_revision() -> None:
    cast = standards()
    tian, luo = cast.as_actor(cast.tian), cast.as_actor(cast.luo)
    with pytest.raises(NotTheBureau):
        keep("element", {"name": "车牌号"}, by=luo)
    made = keep("element", {"name": "车牌号"}, by=tian)
    assert (made.identifier, made.revision, made.type) == ("DE00013", 1, "C")
    texts = {"name": "机动车号牌号码", "synonyms": "车牌号、车牌", "length": "10"}
    changed = keep("element", texts, "DE00013", note="按国标改名", by=tian)
    assert (changed.revision, changed.synonyms, changed.length) == (2, ["车牌号", "车牌"], 10)
    assert keep("element", texts, "DE00013", by=tian).revision == 2
    assert [r.act for r in Revision.objects.filter(kind="element", identifier="DE00013")] == [
        "changed",
        "made",
    ]
    for wrong, field in (
        ({"name": ""}, "name"), ({"name": "x", "type": "字符"}, "type"), ({"name": "x", "length": "-1"}, "length"),
        ({"name": "x", "level": "9"}, "level"), ({"name": "x", "code_list": "没有"}, "code_list"),
        ({"name": "性别"}, "name"), ({"name": "x", "synonyms": "身份证号"}, "synonyms"),
        ({"name": "x", "identifier": "有空格 的"}, "identifier"),
    ):  # fmt: skip
        with pytest.raises(ListingWrong) as told:
            keep("element", wrong, by=tian)
        assert told.value.details["field"] == field


def test_elements_retire_come_back_and_merge() -> None:
    cast = standards()
    permits = publish_permits(cast, items=ITEMS)
    tian, luo = cast.as_actor(cast.tian), cast.as_actor(cast.luo)
    actions.claim("DE00001", permits, by=luo, at=NOON)
    assert Conformance.objects.get().reasons == {
        "type": 1,
        "length": 1,
        "level": 1,
        "label": 1,
        "unbound": 1,
        "unknown": 1,
    }
    with pytest.raises(ReasonMissing):
        actions.retire_listing("element", "DE00003", note=" ", by=tian, at=NOON)
    actions.retire_listing("element", "DE00003", note="不用了", by=tian, at=NOON)
    with pytest.raises(ListingWrong):
        keep("element", {"name": "性别"}, "DE00003", by=tian)
    assert actions.restore_listing("element", "DE00003", by=tian, at=NOON).is_retired is False
    merged = actions.merge_elements("DE00001", into="DE00002", note="重复", by=tian, at=NOON)
    assert "公民身份号码" in merged.synonyms
    assert "身份证号" in merged.synonyms
    assert Claim.objects.get().state == "given_up"
    for wrong in (("DE00001", "DE00003"), ("DE00003", "DE00003"), ("DE00003", "没有")):
        with pytest.raises(ListingWrong):
            actions.merge_elements(wrong[0], into=wrong[1], note="x", by=tian, at=NOON)
    with pytest.raises(ListingWrong):
        # Its names are the other's now.
        actions.restore_listing("element", "DE00001", by=tian, at=NOON)
    found, deviating = score(actions.read_content(content(items=ITEMS)))
    assert found is not None
    assert next((d.item, d.kind, d.should) for d in deviating) == ("id_number", "retired", "DE00002")


def test_the_score_counts_checks() -> None:
    standards()
    good = [{**ITEMS[0], "label": "公民身份号码"}]
    found, deviating = score(actions.read_content(content(items=good)))
    assert (found and (found.value, found.passed, found.checked), deviating) == ((100, 6, 6), [])
    found, _ = score(actions.read_content(content(items=ITEMS)))
    assert found
    # id_number all, sex 2 of 6, phone and the unknown one none.
    assert (found.passed, found.checked, found.value) == (8, 24, 33)
    assert score(actions.read_content(content(items=[{"name": "x", "label": "无关"}], lookups=[])))[0] is None
    short = [{"name": "ethnic", "label": "民族", "type": "C", "length": 1, "level": 3, "element": "DE00004"}]
    assert [d.kind for d in score(actions.read_content(content(items=short, lookups=[])))[1]] == [
        "length",
        "codes",
    ]


def test_the_worst_come_first_and_are_judged_anew_when_elements_change() -> None:
    cast = standards()
    publish_permits(cast, items=ITEMS)
    visitor = client(cast, "luo")
    rows = visitor.get("/find/conformance/?format=json").json()["rows"]
    assert [(row["code"], row["score"]) for row in rows] == [(PERMITS, 33)]
    assert visitor.get("/find/conformance/?reason=unbound&organisation=公安&format=json").json()["total"] == 1
    assert visitor.get("/find/conformance/?reason=retired&format=json").json()["total"] == 0
    assert "33" in visitor.get(f"/find/{PERMITS}/conformance").content.decode()
    keep("element", {"name": "性别", "synonyms": "男女", "type": "整型I", "length": "2"}, "DE00003")
    actions.number_changes(by=SYSTEM, at=NOON)
    assert actions.tend_conformance(by=SYSTEM, at=NOON) == 1
    assert Conformance.objects.get().score == 50


def test_regulations_are_cited_by_title() -> None:
    cast = assemble()
    keep(
        "regulation",
        {
            "title": "中华人民共和国国家安全法",
            "short_titles": "国安法",
            "rank": "法律",
            "in_force_on": "2015-07-01",
        },
    )
    basis = "《国家安全法》第七十七条、《没有的法》第一条"
    publish_permits(cast, sharing_type="not_shared", sharing_basis=basis, sharing_condition="")
    law = Regulation.objects.get()
    assert (law.identifier, law.rank, law.in_force_on) == ("LAW00001", "law", date(2015, 7, 1))
    assert cited_in(basis) == [law] == cited_in("依据《国安法》")
    assert uncited(basis) == ["没有的法"]
    assert [entry.code for entry in entries_citing(law)] == [PERMITS]
    visitor = client(cast, "luo")
    assert "没有《没有的法》" in visitor.get("/find/duties/?list=negative").content.decode()
    assert "居住证信息" in visitor.get("/find/directories/regulation/LAW00001/").content.decode()
    assert "LAW00001" in visitor.get(f"/find/{PERMITS}/").content.decode()


def test_forms_say_which_entry_holds_a_value_already() -> None:
    cast = standards()
    publish_permits(cast, items=ITEMS)
    xu, luo = cast.as_actor(cast.xu), cast.as_actor(cast.luo)
    texts = {
        "name": "入学申请表",
        "organisation": cast.education.code,
        "service_item": "入学",
        "fields": f"身份证号 | id_number | C | 18 | DE00001 | {PERMITS} | id_number\n监护人意见 | opinion | M",
    }
    with pytest.raises(NotTheProvider):
        keep("form", texts, by=luo)
    form = keep("form", texts, by=xu)
    bound = binding.bound_fields(form)
    assert [(f.label, f.is_asked_again) for f in bound] == [("身份证号", True), ("监护人意见", False)]
    assert binding.forms_with(PERMITS) == [(form, ["id_number"])]
    for fields in ("| x", "甲 | x | Q", "甲 | x | C | 很长", "a | b | C | 1 | d | e | f | g"):
        with pytest.raises(ListingWrong):
            keep("form", {**texts, "fields": fields}, form.identifier, by=xu)
    visitor = client(cast, "luo")
    assert "无需再次填报" in visitor.get(f"/find/directories/form/{form.identifier}/").content.decode()
    assert "入学申请表" in visitor.get(f"/find/{PERMITS}/").content.decode()
    assert "入学申请表" in visitor.get("/find/elements/DE00001/").content.decode()


def test_a_parameter_has_the_value_of_its_day() -> None:
    cast = assemble()
    first = {
        "identifier": "age.school",
        "label": "入学年龄",
        "kind": "数值",
        "value": "6",
        "valid_from": "2026-01-01",
    }
    keep("parameter", first, by=cast.as_actor(cast.tian))
    keep("parameter", {**first, "value": "7", "valid_from": "2026-09-01"}, "age.school")
    days = (date(2025, 1, 1), date(2026, 8, 31), date(2026, 9, 1))
    assert [parameter("age.school", on=day) for day in days] == [None, "6", "7"]
    for wrong in (
        {"value": "七"},
        {"valid_from": ""},
        {"value": "8", "valid_from": "2026-05-01"},
        {"kind": "是否"},
    ):
        with pytest.raises(ListingWrong):
            keep("parameter", {**first, "valid_from": "2026-10-01", **wrong}, "age.school")
    assert Parameter.objects.get().value == "7"
    assert parameter("没有", on=date(2026, 1, 1)) is None


def test_a_directory_goes_out_and_comes_in_the_same() -> None:
    cast = standards()
    visitor = client(cast, "tian")
    before = {e.identifier: e.revision for e in Element.objects.all()}
    for form in ("xlsx", "csv"):
        data = visitor.get(f"/find/directories/element/?format={form}").content
        assert actions.import_listings("element", data, by=SYSTEM, at=NOON) == (12, [])
    assert {e.identifier: e.revision for e in Element.objects.all()} == before
    data = "数据元名称,同义词,数据类型\n手机号码2,移动电话,C\n".encode("gb18030")
    answer = visitor.post("/find/directories/element/import", {"file": SimpleUploadedFile("a.csv", data)})
    assert answer.status_code == 302
    assert Element.objects.get(name="手机号码2").synonyms == ["移动电话"]


def test_a_wrong_cell_keeps_the_whole_file_out() -> None:
    cast = standards()
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["编号", "数据元名称", "数据类型", "多余"],
        ["A1", "甲", "字符型C", ""],
        ["A1", "乙", "怪", ""],
        ["A3", "=1+1", "C", ""],
    ):
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    count, faults = actions.import_listings("element", buffer.getvalue(), by=SYSTEM, at=NOON)
    assert count == 0
    assert {(f.row, f.column) for f in faults} == {(1, 4), (3, 1), (3, 3), (4, 2)}
    assert all(f.zh and f.en for f in faults)
    assert Element.objects.count() == 12
    # What only the catalogue can tell: a name that another element has.
    count, faults = actions.import_listings(
        "element", "数据元名称\n新元\n性别\n".encode(), by=SYSTEM, at=NOON
    )
    assert (count, [(f.row, f.heading) for f in faults]) == (0, [(3, "数据元名称")])
    assert not Element.objects.filter(name="新元").exists()
    tian = client(cast, "tian")
    for data, status in (
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 422),
        (b"a,b\n1,2\n", 422),
        ("数据元名称\n".encode(), 422),
    ):
        file = SimpleUploadedFile("x.xls", data)
        assert tian.post("/find/directories/element/import", {"file": file}).status_code == status


def test_the_pages_of_directories() -> None:
    cast = standards()
    publish_permits(cast, items=ITEMS)
    keep("regulation", {"title": "某法"})
    keep("parameter", {"label": "参数", "value": "1", "valid_from": "2026-01-01"})
    keep("form", {"name": "表", "organisation": cast.education.code, "fields": "甲"})
    tian, luo, xu = (client(cast, name) for name in ("tian", "luo", "xu"))
    for language in ("zh-hans", "en"):
        tian.cookies["django_language"] = language
        for kind in ("regulation", "form", "parameter", "element"):
            row = {
                "regulation": Regulation,
                "form": BusinessForm,
                "parameter": Parameter,
                "element": Element,
            }[kind].objects.first()
            assert row
            paths = (f"/find/directories/{kind}/?q=a", f"/find/directories/{kind}/{row.identifier}/",
                     f"/find/directories/{kind}/import", f"/find/directories/{kind}/{row.identifier}/edit",
                     f"/find/directories/{kind}/new", f"/find/directories/{kind}/?format=xlsx")  # fmt: skip
            for path in paths:
                if kind == "element" and path.endswith("?q=a"):
                    continue
                assert tian.get(path).status_code == 200, path
        for path in ("/find/codes/", "/find/dictionary/", "/find/dictionary/?kind=technical&organisation=公安",
                     "/find/dictionary/?organisation=公安&format=xlsx", "/find/elements/DE00001/"):  # fmt: skip
            assert tian.get(path).status_code == 200, path
    assert tian.get("/find/directories/nothing/").status_code == 404
    edit = "/find/directories/element/DE00003/edit"
    assert tian.post(edit, {"name": "", "type": "x"}).status_code == 422
    assert (
        tian.post(edit, {"name": "性别", "synonyms": "男女", "type": "字符型C", "length": "1"}).status_code
        == 302
    )
    assert luo.post(edit, {"name": "性别二"}).status_code == 422
    assert Element.objects.get(identifier="DE00003").synonyms == ["男女"]
    assert (
        xu.post(
            "/find/directories/form/new", {"name": "另一表", "organisation": cast.education.code}
        ).status_code
        == 302
    )
    tian.post("/find/directories/element/DE00005/merge", {"into": "DE00012", "reason": "重复"})
    assert Element.objects.get(identifier="DE00005").merged_into
    tian.post("/find/directories/regulation/LAW00001/retire", {"reason": "废止"})
    tian.post("/find/directories/regulation/LAW00001/restore", {})
    assert Regulation.objects.get().revision == 3


def test_claims_are_contested_settled_and_given_up_on_pages() -> None:
    cast = standards()
    publish_permits(cast, items=ITEMS)
    school = education_entry(cast)
    luo, xu, tian = (client(cast, name) for name in ("luo", "xu", "tian"))
    page = "/find/elements/DE00001/"
    luo.post(f"{page}claim", {"resource": PERMITS})
    assert "一数一源" in xu.post(f"{page}claim", {"resource": school.code}, follow=True).content.decode()
    xu.post(f"{page}claim", {"resource": school.code, "reason": "学籍采集在先"})
    contested = Claim.objects.get(state="disputed")
    assert "争议中" in tian.get(page).content.decode()
    for who, form in (
        (luo, {"verdict": "granted", "decision": "是"}),
        (tian, {"verdict": "granted", "decision": ""}),
    ):
        who.post(f"/find/claims/{contested.pk}/settle", form)
        contested.refresh_from_db()
        assert contested.state == "disputed"
    tian.post(f"/find/claims/{contested.pk}/settle", {"verdict": "refused", "decision": "以公安为准"})
    contested.refresh_from_db()
    assert (contested.state, contested.decision) == ("refused", "以公安为准")
    held = Claim.objects.get(state="authoritative")
    xu.post(f"/find/claims/{held.pk}/give-up", {"reason": "不是我的"})
    luo.post(f"/find/claims/{held.pk}/give-up", {"reason": ""})
    held.refresh_from_db()
    assert held.state == "authoritative"
    luo.post(f"/find/claims/{held.pk}/give-up", {"reason": "职责划转"})
    held.refresh_from_db()
    assert held.state == "given_up"


def test_an_elements_page_names_the_grants_that_use_it() -> None:
    cast = standards()
    items = [*content()["items"][:1], {**content()["items"][1], "element": "DE00010"}, content()["items"][2]]
    publish_permits(cast, items=items)
    asked = sharing.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    for person in (cast.jiang, cast.tian):
        sharing.decide(asked, "approved", by=cast.as_actor(person), at=NOON)
    grant = Grant.objects.get()
    page = "/find/elements/DE00010/"
    assert grant.code[:16] in client(cast, "xu").get(page).content.decode()
    assert grant.code[:16] not in client(cast, "xu").get("/find/elements/DE00001/").content.decode()
    assert grant.code[:16] not in Client().get(page).content.decode()


def test_a_code_lists_revisions_by_file() -> None:
    cast = standards()
    tian = client(cast, "tian")
    page = "/find/codes/GB-T-2260/"

    def post(revision: str, text: str) -> Any:
        file = SimpleUploadedFile("codes.csv", text.encode("gb18030"))
        return tian.post(page, {"revision": revision, "file": file})

    assert post("2026", "代码,名称\n511602,广安区\n511603,前锋区\n").status_code == 302
    assert post("2027", "代码,名称\n511603,前锋新区\n").status_code == 302
    assert post("2028", "代码,名称\n511603,甲\n511603,乙\n").status_code == 422
    post("2027", "代码,名称\n511603,别名\n")
    assert CodeList.objects.get(identifier="GB-T-2260").revision == "2027"

    def codes(query: str) -> set[str]:
        return {f"{r['code']} {r['name']}" for r in tian.get(f"{page}?format=json&{query}").json()["rows"]}

    assert codes("revision=2025") == {"511602 广安区"}
    assert codes("revision=2026") == {"511602 广安区", "511603 前锋区"}
    assert codes("") == {"511603 前锋新区"} == codes("revision=2027")
    assert codes("since=2026") == {"511602 广安区", "511603 前锋区", "511603 前锋新区"}
    with pytest.raises(RevisionTaken):
        actions.take_in_codes("GB-T-2260", {}, name="n", standard="s", revision="2027", by=SYSTEM, at=NOON)
    again = tian.get(f"{page}?format=xlsx").content
    told = {"name": "n", "standard": "s"}
    actions.take_in_codes("GB-T-2260", read_codes(again)[0], revision="2029", **told, by=SYSTEM, at=NOON)
    assert CodeList.objects.get(identifier="GB-T-2260").revision == "2027"
    luo = client(cast, "luo")
    file = SimpleUploadedFile("codes.csv", "代码,名称\n1,甲\n".encode())
    assert luo.post(page, {"revision": "2030", "file": file}).status_code == 403
    assert tian.post("/find/codes/", {"identifier": "LOCAL-1", "name": "本地代码"}).status_code == 302
    assert tian.get("/find/codes/LOCAL-1/").status_code == 200


def test_the_technical_dictionary_joins_columns_items_and_elements() -> None:
    cast = standards()
    permits = publish_permits(cast, items=ITEMS)
    actions.link(
        permits,
        source="people",
        dialect="sqlite",
        table="permits",
        columns={"id_number": "sfzh"},
        by=SYSTEM,
        at=NOON,
    )
    SourceTable.objects.create(
        organisation=cast.police, source="people", name="permits", comment="居住证",
        columns=[
            {"name": "sfzh", "type": "text", "length": 18, "comment": "身份证号", "is_key": True},
            {"name": "bz", "type": "text"},
        ],
        read_at=NOON,
    )  # fmt: skip
    visitor: Client = client(cast, "luo")
    rows = visitor.get("/find/dictionary/?kind=technical&format=json").json()["rows"]
    assert [(r["column"], r["entry"], r["element"]) for r in rows] == [
        ("sfzh", PERMITS, "DE00001"),
        ("bz", "", ""),
    ]
    rows = visitor.get("/find/dictionary/?q=身份证号&format=json").json()["rows"]
    assert [(r["item"], r["element"]) for r in rows] == [("id_number", "DE00001")]
    assert Resource.objects.count() == 1

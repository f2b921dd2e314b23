"""Data elements and their one source, code lists and their revisions, conformance, and the lists of duties."""

from typing import Any

import pytest
from django.test import Client
from tests.cast import EDUCATION, NODE, NOON, PERMITS, Cast, assemble, content, publish_permits

from guantong.catalog import actions
from guantong.catalog.errors import NotTheBureau
from guantong.catalog.models import Claim, CodeList, Element, ElementUse, Need, Resource
from guantong.catalog.standards.errors import ElementUnknown, ElementWrong, SourceTaken
from guantong.catalog.standards.matching import deviations, element_for
from guantong.identity.models import Division
from guantong.journal.types import SYSTEM

pytestmark = pytest.mark.django_db
ITEMS = [
    {
        "name": "id_number",
        "label": "身份证号",
        "type": "C",
        "length": 18,
        "level": 3,
        "is_key": True,
        "element": "DE00001",
    },
    {"name": "sex", "label": "男女", "type": "I", "length": 2, "level": 1, "element": "DE00003"},
    {"name": "phone", "label": "手机号", "level": 3},
    {"name": "other", "label": "其他", "element": "DE99999"},
]


def standards() -> Cast:
    cast = assemble()
    Division.objects.create(code="511602000000", name="广安区", parent_code="511600000000", level=4)
    actions.load_standards(revision="2025", by=SYSTEM, at=NOON)
    return cast


def education_entry(cast: Cast) -> Resource:
    code = "3070511600009/000001"
    words = actions.read_content(content(code=code, name="学籍", provider=EDUCATION, items=ITEMS[:1]))
    resource = actions.draft(words, node=NODE, by=SYSTEM, at=NOON)
    for act in (actions.submit, actions.approve, actions.publish):
        resource = act(resource, by=SYSTEM, at=NOON)
    return resource


def client(cast: Cast, name: str) -> Client:
    visitor = Client()
    visitor.force_login(getattr(cast, name))
    return visitor


def test_code_lists_keep_their_revisions() -> None:
    standards()
    listed = CodeList.objects.get(identifier="GB-T-2260")
    assert listed.codes.get().name == "广安区"
    assert CodeList.objects.get(identifier="GB-T-3304").codes.count() == 56
    assert CodeList.objects.get(identifier="GB-T-3304").codes.get(code="56").name == "基诺族"
    told = {"name": "n", "standard": "s"}
    actions.take_in_codes("GB-T-2260", {"511603": "前锋区"}, revision="2026", **told, by=SYSTEM, at=NOON)
    assert [(c.code, c.since, c.until) for c in listed.codes.all()] == [
        ("511602", "2025", "2026"),
        ("511603", "2026", ""),
    ]
    actions.take_in_codes("GB-T-2260", {"511603": "新名区"}, revision="2027", **told, by=SYSTEM, at=NOON)
    assert listed.codes.filter(until="").get().name == "新名区"
    assert listed.codes.count() == 3


def test_deviations_are_told_item_by_item() -> None:
    standards()
    words = actions.read_content(content(items=ITEMS))
    assert [(d.item, d.kind) for d in deviations(words)] == [
        ("sex", "type"),
        ("sex", "length"),
        ("sex", "level"),
        ("sex", "label"),
        ("phone", "unbound"),
        ("other", "unknown"),
    ]
    assert element_for("身份证号码") == "DE00001"
    assert element_for("没有", "") == ""


def test_an_element_has_one_source_and_a_second_claim_is_a_dispute() -> None:
    cast = standards()
    permits, school = publish_permits(cast, items=ITEMS), education_entry(cast)
    luo, xu, tian = (cast.as_actor(p) for p in (cast.luo, cast.xu, cast.tian))
    first = actions.claim("DE00001", permits, by=luo, at=NOON)
    assert first.state == Claim.State.AUTHORITATIVE
    with pytest.raises(SourceTaken):
        actions.claim("DE00001", school, by=xu, at=NOON)
    with pytest.raises(ElementWrong):
        actions.claim("DE00001", permits, by=luo, at=NOON)
    contested = actions.claim("DE00001", school, reason="学籍采集在先", by=xu, at=NOON)
    assert contested.state == Claim.State.DISPUTED
    with pytest.raises(NotTheBureau):
        actions.settle(contested, is_granted=True, decision="是", by=luo, at=NOON)
    settled = actions.settle(contested, is_granted=True, decision="依职责", by=tian, at=NOON)
    assert settled.state == Claim.State.AUTHORITATIVE
    assert Claim.objects.get(pk=first.pk).state == Claim.State.REFUSED
    with pytest.raises(ElementWrong):
        actions.settle(settled, is_granted=False, decision="x", by=tian, at=NOON)


def test_what_cannot_be_claimed() -> None:
    cast = standards()
    permits = publish_permits(cast, items=ITEMS[:1])
    with pytest.raises(ElementUnknown):
        actions.claim("DE12345", permits, by=SYSTEM, at=NOON)
    with pytest.raises(ElementWrong):
        actions.claim("DE00006", permits, by=SYSTEM, at=NOON)


def test_uses_follow_what_is_live() -> None:
    cast = standards()
    permits = publish_permits(cast, items=ITEMS[:1])
    assert list(ElementUse.objects.values_list("element", "item")) == [("DE00001", "id_number")]
    actions.withdraw(permits, by=cast.as_actor(cast.jiang), at=NOON)
    assert not ElementUse.objects.exists()
    actions.undo(permits, by=cast.as_actor(cast.jiang), at=NOON)
    assert ElementUse.objects.count() == 1


def test_pages_of_elements() -> None:
    cast = standards()
    publish_permits(cast, items=ITEMS)
    luo, tian = client(cast, "luo"), client(cast, "tian")
    for language in ("zh-hans", "en"):
        luo.cookies["django_language"] = language
        for path in (
            "/find/elements/", "/find/elements/?q=身份证号", "/find/elements/DE00001/", "/find/codes/GB-T-3304/",
            "/find/codes/GB-T-2260/?ended=1&q=5", f"/find/{PERMITS}/conformance", "/find/duties/",
            "/find/duties/?list=demand", "/find/duties/?list=negative", "/find/duties/?format=xlsx",
        ):  # fmt: skip
            assert luo.get(path).status_code == 200, path
    assert luo.get("/find/elements/?q=身份证号&format=json").json()["total"] == 1
    assert luo.get("/find/elements/DE1/").status_code == 404
    assert luo.post("/find/elements/").status_code == 403
    assert tian.post("/find/elements/").status_code == 302
    luo.post("/find/elements/DE00001/claim", {"resource": PERMITS})
    assert "广安市公安局" in client(cast, "xu").get("/find/elements/DE00001/").content.decode()
    assert Element.objects.count() == 12


def test_needs_are_matched_or_sent_to_whom_the_law_names() -> None:
    cast = standards()
    publish_permits(cast, items=ITEMS)
    xu, tian = client(cast, "xu"), client(cast, "tian")
    lines = "居住证信息 | 入学 | 义务教育法\n身份证号 | 入学 |\n房产登记 | 入学 | "
    for _ in range(2):
        assert xu.post("/find/duties/", {"needs": lines}).status_code == 302
    assert {n.wanted: n.state for n in Need.objects.all()} == {
        "居住证信息": "met",
        "身份证号": "matched",
        "房产登记": "routed",
    }
    need = Need.objects.get(state="routed")
    assert need.provider == cast.bureau
    form: dict[str, Any] = {"provider": cast.police.code, "law": "不动产登记暂行条例"}
    path = f"/find/needs/{need.pk}/route"
    assert xu.post(path, form).status_code == 403
    tian.post(path, {**form, "law": ""})
    need.refresh_from_db()
    assert need.provider == cast.bureau
    assert tian.post(path, form).status_code == 302
    need.refresh_from_db()
    assert (need.state, need.provider, need.due_on is None) == ("routed", cast.police, False)


def test_the_negative_list_cites_the_law() -> None:
    cast = standards()
    publish_permits(
        cast, sharing_type="not_shared", sharing_basis="《国家安全法》第七十七条", sharing_condition=""
    )
    rows = client(cast, "luo").get("/find/duties/?list=negative&format=json").json()["rows"]
    assert [row["law"] for row in rows] == ["《国家安全法》第七十七条"]

"""Element standards come down: taken in from the node above alone, claimed and extended below, told on, each change once."""

from typing import Any

import pytest

from guantong.catalog import actions as catalog
from guantong.catalog.errors import ListingWrong
from guantong.catalog.models import CodeList, Element, Revision
from guantong.catalog.standards.errors import CodesKeptAbove
from guantong.federation.actions import messages
from guantong.federation.actions.standards import tell_standards
from guantong.federation.errors import MessageNotEntitled, MessageWrong
from guantong.journal.models import Alert, OutboxMessage
from guantong.journal.types import SYSTEM
from guantong.kit.suites import SigningKey
from tests.cast import NODE, NOON, PERMITS, Cast, content, publish_permits
from tests.federation.test_messages import EDGE, NATION, PROVINCE, edge, message, tree

pytestmark = pytest.mark.django_db
SEX = {
    "identifier": "GB-T-2261.1",
    "node": "000000",
    "name": "人的性别代码",
    "standard": "GB/T 2261.1",
    "revision": "2003",
    "note": "",
    "codes": [["1", "男性", "2003", ""], ["2", "女性", "2003", ""], ["3", "旧码", "1980", "2003"]],
}


def element(identifier: str = "DE90001", **changes: Any) -> dict[str, Any]:
    texts = {
        "identifier": identifier,
        "name": "随迁子女姓名",
        "synonyms": "孩子姓名",
        "definition": "随父母迁移的子女的姓名",
        "type": "C",
        "length": "50",
        "level": "2",
    }
    values = {"identifier": identifier, "node": "000000", "revision": 3, "texts": texts}
    values["texts"] = {**texts, **changes.pop("texts", {})}
    return {**values, **changes}


def hear(key: SigningKey = PROVINCE, **told: Any) -> None:
    messages.receive(message(key, "standards.told", told), own=NODE, at=NOON)


def told_below() -> list[dict[str, Any]]:
    rows = OutboxMessage.objects.filter(topic="node.message", payload__topic="standards.told")
    return [row.payload["payload"] for row in rows.order_by("pk")]


@pytest.fixture
def cast() -> Cast:
    return tree()


def test_what_the_node_above_tells_is_taken_in_and_kept_there(cast: Cast) -> None:
    by = cast.as_actor(cast.tian)
    coded = element("DE90002", texts={"name": "孩子性别", "synonyms": "", "code_list": "GB-T-2261.1"})
    hear(lists=[SEX], elements=[element(), coded])
    found = Element.objects.get(identifier="DE90001")
    assert (found.node, found.revision, found.synonyms) == ("000000", 3, ["孩子姓名"])
    listed = CodeList.objects.get(identifier="GB-T-2261.1")
    assert Element.objects.get(identifier="DE90002").code_list == listed
    assert listed.codes.filter(until="").count() == 2
    assert Revision.objects.get(kind="element", identifier="DE90001").act == "told"
    with pytest.raises(ListingWrong):
        catalog.keep_listing("element", element()["texts"], identifier="DE90001", by=by, at=NOON)
    with pytest.raises(ListingWrong):
        catalog.retire_listing("element", "DE90001", note="不要了", by=by, at=NOON)
    with pytest.raises(CodesKeptAbove):
        catalog.take_in_codes(
            "GB-T-2261.1", {"1": "男"}, name="x", standard="x", revision="2027", by=by, at=NOON
        )


def test_below_it_is_claimed_and_extended(cast: Cast) -> None:
    hear(elements=[element()])
    items = [
        *content()["items"],
        {"name": "child", "label": "随迁子女姓名", "level": 2, "element": "DE90001"},
    ]
    permits = publish_permits(cast, items=items)
    made = catalog.claim("DE90001", permits, by=cast.as_actor(cast.luo), at=NOON)
    assert made.state == "authoritative"
    texts = {"name": "随迁子女曾用名", "type": "C", "length": "30", "extends": "DE90001", "level": "2"}
    own = catalog.keep_listing("element", texts, by=cast.as_actor(cast.tian), at=NOON)
    assert (own.extends, own.node) == ("DE90001", "")
    with pytest.raises(ListingWrong):
        catalog.keep_listing(
            "element", {**texts, "name": "别的", "extends": "DE99999"}, by=cast.as_actor(cast.tian), at=NOON
        )
    assert permits.code == PERMITS


def test_the_standard_above_takes_the_place_of_ours_of_the_same_identifier(cast: Cast) -> None:
    catalog.load_standards(revision="2026", by=SYSTEM, at=NOON)
    ours = Element.objects.order_by("identifier").first()
    assert ours is not None
    hear(
        elements=[
            element(ours.identifier, texts={"identifier": ours.identifier, "name": ours.name, "length": "77"})
        ]
    )
    ours.refresh_from_db()
    assert (ours.node, ours.length) == ("000000", 77)


def test_one_of_a_name_that_another_has_is_told_to_a_person(cast: Cast) -> None:
    by = cast.as_actor(cast.tian)
    catalog.keep_listing("element", {"name": "孩子姓名", "type": "C", "level": "1"}, by=by, at=NOON)
    other = element("DE90003", texts={"identifier": "DE90003", "name": "就读学校", "synonyms": ""})
    hear(elements=[element(), other])
    assert not Element.objects.filter(identifier="DE90001").exists()
    assert Element.objects.filter(identifier="DE90003").exists(), "the rest is not held up"
    alert = Alert.objects.get(code="standard_refused")
    assert alert.details["element"] == "DE90001"


def test_only_the_node_above_may_tell(cast: Cast) -> None:
    edge()
    for stranger in (NATION, EDGE):
        with pytest.raises(MessageNotEntitled):
            hear(stranger, elements=[element()])
    for wrong in (
        {"elements": [{**element(), "node": "sichuan"}]},
        {"elements": [element()] * 201},
        {"rules": []},
    ):
        with pytest.raises(MessageWrong):
            hear(PROVINCE, **wrong)
    assert not Element.objects.exists()


def test_it_goes_on_to_the_node_below_and_every_change_once(cast: Cast) -> None:
    edge()
    hear(lists=[SEX], elements=[element()])
    by = cast.as_actor(cast.tian)
    catalog.keep_listing(
        "element", {"name": "随迁子女曾用名", "type": "C", "level": "2", "extends": "DE90001"}, by=by, at=NOON
    )
    assert tell_standards(own=NODE, by=SYSTEM, at=NOON) == 1
    (told,) = told_below()
    assert [each["node"] for each in told["lists"]] == ["000000"]
    assert [each["node"] for each in told["elements"]] == ["000000", NODE], "what is extended comes first"
    assert tell_standards(own=NODE, by=SYSTEM, at=NOON) == 0
    hear(elements=[element(revision=4, is_retired=True)])
    assert tell_standards(own=NODE, by=SYSTEM, at=NOON) == 1
    assert [(one["identifier"], one["is_retired"]) for one in told_below()[1]["elements"]] == [
        ("DE90001", True)
    ]


def test_what_one_node_tells_another_understands(cast: Cast) -> None:
    edge()
    catalog.load_standards(revision="2026", by=SYSTEM, at=NOON)
    tell_standards(own=NODE, by=SYSTEM, at=NOON)
    before = {row.identifier: row.definition for row in Element.objects.all()}
    for told in told_below():
        hear(**told)
    assert {row.identifier: row.definition for row in Element.objects.all()} == before
    assert not Alert.objects.exists()

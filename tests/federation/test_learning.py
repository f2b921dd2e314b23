"""Taking in a neighbour's feed: in order, once, believed only when signed; what cannot be taken in is kept and told."""

import zlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.test import Client

from guantong.catalog import actions as catalog
from guantong.catalog.models import Element, ElementUse, Resource, ResourceVersion
from guantong.federation.actions import learning
from guantong.federation.errors import ChunkWrong, NodeUnknown
from guantong.federation.feed import chunks
from guantong.federation.models import Node, ReceivedFeed, RefusedEntry
from guantong.identity.models import Organisation
from guantong.journal.models import Alert, Entry, OutboxMessage
from guantong.journal.types import SYSTEM
from guantong.kit import clock, envelope
from guantong.kit.suites import SigningKey, VerifyKey
from guantong.site.node import node_settings
from tests.cast import NODE, NOON, POLICE, content, publish_permits
from tests.federation import test_messages as town
from tests.federation.test_messages import EDGE, NATION, PROVINCE

pytestmark = pytest.mark.django_db
SERIES = clock.rfc3339(NOON)


def change(number: int = 1, **changes: Any) -> dict[str, Any]:
    """An entry of the province's as its feed tells it."""
    code = changes.pop("code", f"3070510000001/{number:06d}")
    values = {
        "number": number,
        "node": "510000",
        "version": 1,
        "is_withdrawal": False,
        "content": content(**{"code": code, "provider": "510000-0001", **changes.pop("said", {})}),
        "provider_name": "省公安厅",
        "provider_division": "510000000000",
        "provider_is_synthetic": False,
        "published_at": "2026-11-19T01:00:00.000Z",
    }
    return {**values, **changes}


def chunk(
    entries: Iterable[dict[str, Any] | bytes],
    *,
    after: int = 0,
    until: int = 0,
    count: int = 0,
    key: SigningKey = PROVINCE,
    **head: Any,
) -> bytes:
    """A chunk as a neighbour would send it."""
    lines = [each if isinstance(each, bytes) else msgspec.json.encode(each) for each in entries]
    body, size, digest = chunks.pack(lines, "international")
    values: dict[str, Any] = {
        "sender": key.name[:6],
        "to": NODE,
        "series": SERIES,
        "after": after,
        "until": until or after + len(lines),
        "newest": 100,
        "entries": count or len(lines),
        "size": size,
        "digest": digest,
        "sent_at": clock.rfc3339(NOON),
    }
    return chunks.seal(chunks.Head(**{**values, **head}), body, key)


def receive(raw: bytes) -> chunks.Answer:
    return learning.receive(raw, settings=node_settings(), at=NOON)[0]


def refused(answer: chunks.Answer) -> str:
    assert answer.refusal is not None
    return answer.refusal.code


def live() -> set[str]:
    return set(Resource.objects.filter(is_live=True, node="510000").values_list("code", flat=True))


def test_a_chunk_brings_entries_their_departments_and_what_they_are_bound_to() -> None:
    town.tree()
    items = [{"name": "id_number", "label": "公民身份号码", "element": "DE00001"}]
    answer = receive(chunk([change(1), change(2, said={"items": items, "lookups": []})]))
    assert (answer.number, answer.taken, answer.refused, answer.refusal) == (2, 2, 0, None)
    found = Resource.objects.get(code="3070510000001/000002")
    assert (found.provider.name, found.live_version, found.state) == ("省公安厅", 1, "published")
    assert found.live is not None
    assert found.live.items[0].label == "公民身份号码"
    assert list(ElementUse.objects.values_list("resource", "element")) == [(found.pk, "DE00001")]
    version = ResourceVersion.objects.get(resource=found)
    assert (version.learnt_at, version.learnt_number) == (NOON, 2)
    assert (version.published_by, clock.rfc3339(version.published_at)) == (
        "省公安厅",
        "2026-11-19T01:00:00.000Z",
    )
    assert Entry.objects.filter(act="catalog.taken_in", actor_id="510000").exists()


def test_the_same_chunk_again_is_answered_alike_and_changes_nothing() -> None:
    town.tree()
    raw = chunk([change(1)])
    first = receive(raw)
    assert receive(raw) == first
    assert ResourceVersion.objects.count() == 1
    assert ReceivedFeed.objects.get().taken == 1


def test_a_gap_is_refused_with_the_number_to_go_on_from() -> None:
    town.tree()
    receive(chunk([change(1), change(2)]))
    answer = receive(chunk([change(9)], after=8))
    assert (refused(answer), answer.number) == ("feed_gap", 2)
    assert not Resource.objects.filter(code="3070510000001/000009").exists()
    assert ReceivedFeed.objects.get().failure["code"] == "feed_gap"
    assert receive(chunk([change(9)], after=2, until=9)).number == 9


def test_a_sender_restored_from_a_backup_may_tell_again_what_it_told_before() -> None:
    """Its numbers were given to other changes since: none may be taken for known."""
    town.tree()
    receive(chunk([change(1), change(2), change(3)]))
    later = clock.rfc3339(NOON + timedelta(hours=1))
    other = change(2, code="3070510000001/000077")
    assert receive(chunk([other], after=1, sent_at=later)).number == 2
    assert "3070510000001/000077" in live()
    assert receive(chunk([change(3, version=2)], after=2, sent_at=later)).taken == 1


def test_a_chunk_of_yesterday_is_not_taken_in() -> None:
    town.tree()
    receive(chunk([change(1)]))
    old = clock.rfc3339(NOON - timedelta(hours=1))
    assert refused(receive(chunk([change(2)], after=1, sent_at=old))) == "feed_stale"
    assert refused(receive(chunk([change(2)], after=0, series=old))) == "feed_stale"
    assert Alert.objects.filter(code="feed_refused").exists()


def test_a_new_series_begins_at_its_beginning() -> None:
    town.tree()
    receive(chunk([change(1), change(2)]))
    series = clock.rfc3339(NOON + timedelta(hours=1))
    assert refused(receive(chunk([change(3)], after=2, series=series))) == "feed_gap"
    answer = receive(chunk([change(1), change(2), change(3)], series=series))
    assert (answer.number, answer.taken, answer.unchanged) == (3, 1, 2)


def test_versions_only_grow_and_a_withdrawal_is_a_version() -> None:
    town.tree()
    receive(chunk([change(1, version=3)]))
    receive(chunk([change(2, version=2, code="3070510000001/000001", said={"name": "旧名"})], after=1))
    found = Resource.objects.get(node="510000")
    assert (found.live_version, found.name) == (3, "居住证信息")
    receive(chunk([change(3, version=4, code="3070510000001/000001", is_withdrawal=True)], after=2))
    assert live() == set()
    found.refresh_from_db()
    assert (found.live_version, found.state) == (4, "withdrawn")


def test_several_words_about_one_entry_in_a_chunk_end_in_the_last() -> None:
    town.tree()
    code = "3070510000001/000001"
    words = [change(n, version=n, code=code, said={"name": f"第{n}版"}) for n in (1, 2, 3)]
    assert receive(chunk(words)).taken == 3
    assert Resource.objects.get(code=code).name == "第3版"
    assert ResourceVersion.objects.filter(resource__code=code).count() == 3


def test_the_later_word_about_one_and_the_same_version_counts() -> None:
    """As when a node was restored from a backup and published another version under the same number."""
    town.tree()
    receive(chunk([change(1)]))
    catalog.number_changes(by=SYSTEM, at=NOON)
    receive(chunk([change(2, code="3070510000001/000001", said={"name": "新名"})], after=1))
    assert Resource.objects.get(node="510000").name == "新名"
    version = ResourceVersion.objects.get()
    assert version.content["name"] == "新名"
    assert version.number is None  # to be told to the other neighbours anew


def test_what_cannot_be_taken_in_is_kept_and_holds_up_nothing_else() -> None:
    town.tree()
    theft = change(2, said={"provider": POLICE, "code": "3070510000001/000002"}, provider_name="改名")
    wrong = change(3, said={"name": " "})
    foreign = change(4, node=NODE)
    unknown = change(5, node="519999")
    answer = receive(chunk([change(1), theft, wrong, foreign, unknown, b"{}", b'{"number":7}', change(8)]))
    assert (answer.number, answer.taken, answer.refused) == (8, 2, 6)
    assert live() == {"3070510000001/000001", "3070510000001/000008"}
    found = dict(RefusedEntry.objects.values_list("key", "code"))
    assert found == {
        "3070510000001/000002": "organisation_of_another_node",
        "3070510000001/000003": "resource_content_wrong",
        "3070510000001/000004": "message_not_entitled",
        "3070510000001/000005": "node_unknown",
        "#6": "chunk_wrong",
        "#7": "chunk_wrong",
    }
    assert {each.entry for each in answer.refused_some} == set(found)
    assert Organisation.objects.get(code=POLICE).name == "广安市公安局"
    assert Alert.objects.get(code="entries_refused").details == {"node": "510000"}


def test_a_refused_entry_comes_in_with_its_next_word() -> None:
    town.tree()
    receive(chunk([change(1, said={"name": " "})]))
    answer = receive(chunk([change(2, version=2, code="3070510000001/000001")], after=1))
    assert (answer.taken, answer.refused) == (1, 0)
    assert not RefusedEntry.objects.exists()


def test_a_refused_entry_is_tried_again_by_a_person_and_the_sender_hears_of_it() -> None:
    town.tree()
    Node.objects.filter(code="000000").update(is_confirmed=False)
    receive(chunk([change(1, node="000000"), change(2, said={"name": " "})]))
    province = Node.objects.get(code="510000")
    assert learning.retry_refused(province, by=SYSTEM, at=NOON) == (0, 2)
    Node.objects.filter(code="000000").update(is_confirmed=True)
    assert learning.retry_refused(province, by=SYSTEM, at=NOON) == (1, 1)
    assert Resource.objects.filter(node="000000", is_live=True).count() == 1
    told = OutboxMessage.objects.filter(topic="node.message").last()
    assert told is not None
    assert (told.payload["topic"], told.payload["payload"]["refused"]) == ("feed.told", 1)


def test_an_entry_of_ours_is_not_replaced() -> None:
    resource = publish_permits(town.tree())
    answer = receive(chunk([change(1, code=resource.code, version=9)]))
    assert answer.refused_some[0].code == "not_the_provider"
    resource.refresh_from_db()
    assert (resource.node, resource.provider.code, resource.live_version) == (NODE, POLICE, 1)


def test_a_draft_of_ours_under_the_same_code_is_not_replaced() -> None:
    cast = town.tree()
    drafted = catalog.draft(catalog.read_content(content()), node=NODE, by=cast.as_actor(cast.luo), at=NOON)
    assert receive(chunk([change(1, code=drafted.code)])).refused == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 0},
        {"version": 10**12},
        {"provider_name": "a\nb"},
        {"provider_name": "a\0b"},
        {"provider_division": "x"},
        {"is_withdrawal": "yes"},
        {"published_at": "2026-13-19T01:00:00.000Z"},
        {"colour": "red"},
        {"number": -1},
        {"content": {"code": ["x"]}},
        {"content": "x"},
    ],
)
def test_a_malformed_entry_is_a_refusal_not_an_accident(wrong: dict[str, Any]) -> None:
    town.tree()
    answer = receive(chunk([{**change(1), **wrong}, change(2)]))
    assert (answer.taken, answer.refused) == (1, 1)


@pytest.mark.parametrize(
    "head",
    [
        {"count": 2},
        {"size": 10},
        {"size": 3_000_000},
        {"until": 0, "after": 5},
    ],
)
def test_a_chunk_that_is_not_what_its_head_says_is_refused_whole(head: dict[str, Any]) -> None:
    town.tree()
    if "after" in head:
        receive(chunk([change(1)], until=9))
        raw = chunk([change(2)], after=9, until=9, sent_at=SERIES)
    else:
        raw = chunk([change(1)], **head)
    assert refused(receive(raw)) == "chunk_wrong"
    assert ReceivedFeed.objects.get().failure["code"] == "chunk_wrong"
    assert Alert.objects.get(code="feed_refused").details["node"] == "510000"


def test_a_chunk_that_unpacks_to_more_is_not_unpacked() -> None:
    town.tree()
    body = zlib.compress(b" " * 50_000_000)
    head = chunks.Head("510000", NODE, SERIES, 0, 1, 1, 1, 3_000_000, envelope.digest(body), SERIES)
    assert refused(receive(chunks.seal(head, body, PROVINCE))) == "chunk_wrong"


def test_only_a_neighbour_is_believed_and_only_signed() -> None:
    town.tree()
    with pytest.raises(ChunkWrong):  # another key
        receive(chunk([change(1)], key=NATION, sender="510000"))
    with pytest.raises(ChunkWrong):  # not a neighbour
        receive(chunk([change(1, node="000000")], key=NATION))
    with pytest.raises(NodeUnknown):  # not confirmed
        receive(chunk([change(1)], key=EDGE))
    with pytest.raises(ChunkWrong):  # for another node
        receive(chunk([change(1)], to="511602"))
    raw = bytearray(chunk([change(1)]))
    raw[-1] ^= 1
    with pytest.raises(ChunkWrong):  # a flipped byte of the body
        receive(bytes(raw))
    for nonsense in (b"", b"{}", b"\n", b"\xff\xfe", bytes(raw[:40])):
        with pytest.raises(ChunkWrong):
            receive(nonsense)
    assert not Resource.objects.exists()
    assert not ReceivedFeed.objects.exists()


def test_the_answer_is_signed_also_when_it_refuses() -> None:
    town.tree()
    key = VerifyKey.from_text(Node.objects.get(code=NODE).node_key)
    client = Client()
    for raw, status in ((chunk([change(1)]), 200), (chunk([change(9)], after=8), 409)):
        reply = client.post("/federation/feed", raw, content_type="application/octet-stream")
        assert reply.status_code == status
        sealed = envelope.read(reply.content)
        sealed.check({key.ref: key})
        assert sealed.kind == chunks.ANSWER


def test_nonsense_is_refused_in_both_languages() -> None:
    town.tree()
    reply = Client().post(
        "/federation/feed", b"x", content_type="text/plain", headers={"Accept": "application/json"}
    )
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "chunk_wrong")
    too_long = Client().post("/federation/feed", b"x" * (chunks.LARGEST + 1), content_type="text/plain")
    assert too_long.status_code == 413


def test_uses_of_elements_follow_the_newest_version() -> None:
    town.tree()
    Element.objects.create(identifier="DE00001", name="公民身份号码")
    bound = {"items": [{"name": "a", "label": "甲", "element": "DE00001"}], "lookups": []}
    code = "3070510000001/000001"
    receive(chunk([change(1, said=bound)]))
    assert ElementUse.objects.count() == 1
    receive(chunk([change(2, version=2, code=code)], after=1))
    assert ElementUse.objects.count() == 0
    receive(chunk([change(3, version=3, code=code, said=bound)], after=2))
    receive(chunk([change(4, version=4, code=code, said=bound, is_withdrawal=True)], after=3))
    assert ElementUse.objects.count() == 0


def test_entries_that_come_before_their_nodes_card_come_in_with_it() -> None:
    town.tree()
    Node.objects.filter(code="000000").update(is_confirmed=False)
    receive(chunk([change(1, node="000000"), change(2, said={"name": " "})]))
    assert learning.welcome(by=SYSTEM, at=NOON) == 0
    Node.objects.filter(code="000000").update(is_confirmed=True)
    assert learning.welcome(by=SYSTEM, at=NOON) == 1
    assert list(RefusedEntry.objects.values_list("code", flat=True)) == ["resource_content_wrong"]
    assert not OutboxMessage.objects.filter(payload__topic="feed.told", payload__payload__refused=2).exists()

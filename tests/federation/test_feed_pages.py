"""The pages of the catalogue between nodes: the truth about each feed, refusals with reasons, taking back in two steps."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from guantong.catalog import actions as catalog
from guantong.catalog.models import Resource, ResourceVersion
from guantong.federation.actions import feed, learning, undoing
from guantong.federation.errors import UndoingStale, UndoingWrong
from guantong.federation.models import FeedPosition, Node, ReceivedFeed, RefusedEntry, Undoing
from guantong.federation.undoable import Scope, going, staying
from guantong.identity.actions import register_person
from guantong.identity.models import Person
from guantong.journal.models import Entry
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.sharing.models import Grant
from guantong.site.node import node_settings
from tests.cast import NOON
from tests.federation import test_messages as town
from tests.federation.test_feed import Wire, publish_many, push, wire  # noqa: F401 - a fixture
from tests.federation.test_learning import change, chunk, receive

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


def visitor(role: str = "operator", language: str = "zh-hans") -> Client:
    person = register_person(f"{role}-1", "管理员", password="p" * 12, roles=[role], by=SYSTEM, at=NOON)
    client = Client(headers={"accept-language": language})
    client.cookies["django_language"] = language
    client.force_login(person)
    return client


def page(client: Client, address: str = "/oversee/feeds/510000/") -> str:
    reply = client.get(address)
    assert reply.status_code == 200
    return reply.content.decode()


def shown(text: str) -> str:
    return " ".join(text.split())


def granted(code: str, **changes: Any) -> None:
    Grant.objects.create(
        **{
            "code": f"G{code[-6:]}",
            "resource": code,
            "consumer": "C",
            "provider_node": "510000",
            "consumer_node": "511600",
            "purpose": "p",
            "terms": {},
            "not_before": NOON,
            "not_after": clock.now() + timedelta(days=9),
            "issued_at": NOON,
            **changes,
        }
    )


def test_995_of_1000_refused_is_told_as_a_failure_and_never_as_done() -> None:
    town.tree()
    receive(chunk([change(n, said={} if n <= 5 else {"name": " "}) for n in range(1, 1001)]))
    client = visitor(language="en")
    text = shown(page(client))
    assert "995 of 1000 entries were refused." in text
    assert "state-refused" in text
    rows = client.get("/oversee/feeds/?format=json").json()["rows"]
    assert [(r["direction"], r["state"], r["told"], r["taken"], r["refused"]) for r in rows] == [
        ("from", "refused", 1000, 5, 995),
        ("to", "never", 0, 0, 0),
    ]
    listed = client.get("/oversee/feeds/510000/?format=json").json()
    assert listed["total"] == 995
    assert listed["rows"][0]["code"] == "resource_content_wrong"
    assert listed["rows"][0]["zh"]
    assert listed["rows"][0]["en"]


def test_refused_entries_are_retried_by_a_button() -> None:
    town.tree()
    Node.objects.filter(code="000000").update(is_confirmed=False)
    receive(chunk([change(1, node="000000"), change(2, said={"name": " "})]))
    Node.objects.filter(code="000000").update(is_confirmed=True)
    client = visitor()
    client.post("/oversee/feeds/510000/retry")
    assert "仍有 1 条被拒收" in page(client)
    assert RefusedEntry.objects.get().key == "3070510000001/000002"
    assert Entry.objects.filter(act="entries.retried").exists()


def test_what_fails_on_the_way_out_is_said_in_both_languages(wire: Wire) -> None:  # noqa: F811
    publish_many(2)
    wire.status = 403
    with pytest.raises(feed.PeerRefused):
        push()
    assert "拒收消息" in page(visitor())
    assert "refused the message" in page(visitor("auditor", "en"))
    operator = Client()
    operator.force_login(Person.objects.get(username="operator-1"))
    assert "推送失败" in page(operator, "/oversee/feeds/")


def test_an_operator_pushes_at_once_and_everything_again(wire: Wire) -> None:  # noqa: F811
    publish_many(1)
    wire.status = 503
    with pytest.raises(feed.PeerFailed):
        push()
    client = visitor()
    client.post("/oversee/feeds/510000/push")
    assert FeedPosition.objects.get().next_attempt_at is None
    wire.status = 200
    push(1)
    client.post("/oversee/feeds/510000/again")
    assert FeedPosition.objects.get().number == 0


def test_only_who_may_acts_and_only_on_neighbours() -> None:
    town.tree()
    auditor = visitor("auditor")
    assert "撤回来自此来源的目录" in page(auditor)
    for verb in ("push", "again", "ask", "retry", "undo"):
        assert auditor.post(f"/oversee/feeds/510000/{verb}").status_code == 403
    operator = visitor()
    assert operator.post("/oversee/feeds/510000/nonsense").status_code == 404
    assert operator.get("/oversee/feeds/000000/").status_code == 404
    assert visitor("clerk").get("/oversee/feeds/").status_code == 403


def test_a_source_is_taken_back_after_its_counts_were_seen() -> None:
    town.tree()
    receive(chunk([change(1), change(2), change(3)]))
    granted("3070510000001/000002")
    client = visitor()
    text = shown(page(client, "/oversee/feeds/510000/?undo=1"))
    assert "将撤回 2 条。" in text
    assert "1 条有生效中的授权" in text
    reply = client.post("/oversee/feeds/510000/undo", {"shown": "3", "reason": "来源有误"})
    assert (reply.status_code, Undoing.objects.count()) == (409, 0)
    assert client.post("/oversee/feeds/510000/undo", {"shown": "2", "reason": " "}).status_code == 422
    client.post("/oversee/feeds/510000/undo", {"shown": "2", "reason": "来源有误"})
    assert ReceivedFeed.objects.get().stopped_because == "来源有误"
    while undoing.carry_on(by=SYSTEM, at=LATER):
        pass
    live = Resource.objects.filter(node="510000", is_live=True)
    assert [each.code for each in live] == ["3070510000001/000002"]
    done = Undoing.objects.get()
    assert (done.planned, done.kept, done.done, done.ended_at) == (2, 1, 2, LATER)
    assert "来源有误" in page(client)
    assert set(Entry.objects.filter(act__startswith="feed.un").values_list("act", flat=True)) == {
        "feed.undoing",
        "feed.undone",
    }
    answer = receive(chunk([change(4)], after=3))
    assert answer.refusal is not None
    assert answer.refusal.code == "feed_stopped"
    assert "来源有误" in answer.refusal.en


def test_what_was_taken_back_comes_to_life_when_it_is_sent_again() -> None:
    town.tree()
    receive(chunk([change(1), change(2, is_withdrawal=True), change(3)]))
    assert catalog.number_changes(by=SYSTEM, at=NOON) == 3
    undoing.undo(Scope("510000"), shown=2, reason="误收", by=SYSTEM, at=NOON)
    assert undoing.carry_on(by=SYSTEM, at=NOON) == 2
    assert not Resource.objects.filter(node="510000", is_live=True).exists()
    # The neighbours have heard of numbers up to 3: what was taken back comes after those.
    assert catalog.number_changes(by=SYSTEM, at=NOON) == 2
    assert set(ResourceVersion.objects.values_list("number", "is_withdrawal")) == {
        (2, True),
        (4, True),
        (5, True),
    }
    learning.ask_again(Node.objects.get(code="510000"), by=SYSTEM, at=NOON)
    answer = receive(chunk([change(4)], after=3))
    assert answer.refusal is not None
    assert (answer.refusal.code, answer.number) == ("feed_gap", 0)
    answer = receive(chunk([change(1), change(2, is_withdrawal=True), change(3), change(4)]))
    assert (answer.taken, answer.unchanged) == (3, 1)
    live = Resource.objects.filter(node="510000", is_live=True).values_list("code", flat=True)
    assert sorted(each[-1] for each in live) == ["1", "3", "4"]


def test_only_one_node_or_only_what_came_since() -> None:
    town.tree()
    receive(chunk([change(1), change(2), change(3, node="000000", said={"provider": "000000-1"})]))
    learning.receive(chunk([change(4)], after=3), settings=node_settings(), at=LATER)

    def count(**only: Any) -> int:
        return going(Scope("510000", **only), at=NOON).count()

    assert (count(), count(node="000000"), count(node="510000")) == (4, 1, 3)
    assert (count(since=LATER), count(since_number=3)) == (1, 2)
    granted("3070510000001/000001", not_after=NOON - timedelta(days=1))
    granted("3070510000001/000002", state="revoked")
    assert staying(Scope("510000"), at=NOON).count() == 0
    with pytest.raises(UndoingWrong):
        undoing.undo(Scope("510000", node="511602"), shown=0, reason="x", by=SYSTEM, at=NOON)
    with pytest.raises(UndoingStale):
        undoing.undo(Scope("510000"), shown=3, reason="x", by=SYSTEM, at=NOON)


@pytest.mark.parametrize(
    "query", ["since=yesterday", "since_number=x", "since_number=" + "9" * 30, "since=0001-01-01"]
)
def test_a_senseless_scope_is_refused_in_words(query: str) -> None:
    town.tree()
    assert visitor().get(f"/oversee/feeds/510000/?undo=1&{query}").status_code in {200, 422}

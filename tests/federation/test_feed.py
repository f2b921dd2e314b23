"""Sending the feed: in chunks, on from where the neighbour says it stands; whatever goes wrong is kept, shown, told."""

import zlib
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from guantong.catalog import actions as catalog
from guantong.catalog.models import Resource, ResourceVersion
from guantong.courier.errors import PeerUnreachable
from guantong.federation.actions import feed, messages
from guantong.federation.errors import AnswerWrong, MessageNotEntitled, PeerFailed, PeerRefused
from guantong.federation.feed import chunks
from guantong.federation.models import FeedPosition, Node
from guantong.journal.models import Alert, Entry
from guantong.journal.types import SYSTEM
from guantong.kit import envelope
from guantong.kit.errors import GuantongError
from guantong.kit.suites import SigningKey
from guantong.site.node import node_settings
from tests.cast import NODE, NOON, content
from tests.federation import test_messages as town
from tests.federation.test_messages import NATION, PROVINCE, message

pytestmark = pytest.mark.django_db
BUSY = chunks.Refusal("feed_stopped", "已停止", "stopped")


def head_of(raw: bytes) -> chunks.Head:
    return msgspec.convert(envelope.read(raw.partition(b"\n")[0]).body, chunks.Head)


def taken(raw: bytes, key: SigningKey = PROVINCE, **said: Any) -> bytes:
    """A neighbour's signed answer to a chunk."""
    head = head_of(raw)
    values = {"sender": key.name[:6], "to": head.sender, "series": head.series, "about": head.digest,
              "number": head.until, "taken": head.entries}  # fmt: skip
    return chunks.seal_answer(chunks.Answer(**{**values, **said}), key)


class Wire:
    """Stands where the wire is: keeps what is sent, answers like a neighbour, or fails."""

    def __init__(self) -> None:
        self.sent: list[chunks.Head] = []
        self.lines: list[dict[str, Any]] = []
        self.fails: GuantongError | None = None
        self.status = 200
        self.said: dict[str, Any] = {}
        self.key = PROVINCE

    def __call__(self, raw: bytes, _: Node) -> tuple[int, bytes]:
        if self.fails:
            raise self.fails
        if self.status in {200, 409}:
            self.sent.append(head_of(raw))
            plain = zlib.decompress(raw.partition(b"\n")[2])
            self.lines += [msgspec.json.decode(line) for line in plain.split(b"\n")]
            return self.status, taken(raw, self.key, **self.said)
        return self.status, "拒".encode()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The wire."""
    made = Wire()
    monkeypatch.setattr(feed, "post", made)
    return made


def publish_many(count: int, **changes: Any) -> None:
    cast = town.tree()
    by = cast.as_actor(cast.luo)
    for number in range(1, count + 1):
        values = content(code=f"3070511600001/{number:06d}", **changes)
        resource = catalog.draft(catalog.read_content(values), node=NODE, by=by, at=NOON)
        resource = catalog.submit(resource, by=by, at=NOON)
        resource = catalog.approve(resource, by=cast.as_actor(cast.jiang), at=NOON)
        catalog.publish(resource, by=cast.as_actor(cast.tian), at=NOON)


def province() -> Node:
    return Node.objects.get(code="510000")


def push(after_s: float = 0) -> int:
    at = NOON + timedelta(seconds=after_s)
    return feed.push(province(), settings=node_settings(), by=SYSTEM, at=at)


def told(wire: Wire) -> list[str]:
    return [line["content"]["code"][-2:] for line in wire.lines]


def test_the_feed_goes_in_chunks_and_on_from_where_the_neighbour_confirmed(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "MOST_ENTRIES", 2)
    publish_many(5)
    assert push() == 2
    wire.fails = PeerUnreachable(peer="510000")
    with pytest.raises(PeerUnreachable):
        push()
    wire.fails = None
    assert push() == 0  # not yet time to try again
    assert [push(2), push(2), push(2)] == [2, 1, 0]
    assert told(wire) == ["01", "02", "03", "04", "05"]
    assert [(head.after, head.until) for head in wire.sent] == [(0, 2), (2, 4), (4, 5)]
    position = FeedPosition.objects.get()
    assert (position.number, position.sent, position.failures) == (5, 5, 0)
    assert position.failure["code"] == "peer_unreachable"  # when it was down is still told


def test_a_chunk_is_bounded_in_bytes_and_never_empty(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "LARGEST_UNPACKED", 10_000)
    publish_many(3, summary="长" * 2000)  # 6,000 bytes each
    assert [push(), push(), push(), push()] == [1, 1, 1, 0]


def test_only_the_newest_version_travels(wire: Wire) -> None:
    publish_many(2)
    catalog.number_changes(by=SYSTEM, at=NOON)
    resource = Resource.objects.get(code__endswith="01")
    catalog.withdraw(resource, reason="停", by=SYSTEM, at=NOON)
    push()
    assert [(line["number"], line["version"], line["is_withdrawal"]) for line in wire.lines] == [
        (2, 1, False),
        (3, 2, True),
    ]


def test_a_gap_over_there_sets_us_back_to_where_it_stands(wire: Wire) -> None:
    publish_many(3)
    push()
    ResourceVersion.objects.filter(number=3).update(number=4)
    wire.status, wire.said = 409, {"number": 1, "refusal": chunks.Refusal("feed_gap", "缺", "gap")}
    assert push() == 2
    assert FeedPosition.objects.get().number == 1
    assert Entry.objects.filter(act="feed.resynchronised").exists()
    wire.status, wire.said, wire.lines = 200, {}, []
    push()
    assert told(wire) == ["02", "03"]


def test_a_gap_that_makes_no_sense_is_a_failure_not_a_loop(wire: Wire) -> None:
    publish_many(1)
    wire.status, wire.said = 409, {"number": 0, "refusal": chunks.Refusal("feed_gap", "缺", "gap")}
    assert push() == 0
    assert FeedPosition.objects.get().failures == 1


@pytest.mark.parametrize(
    ("status", "said", "error", "alert"),
    [
        (409, {"number": 0, "refusal": BUSY}, None, "feed_refused"),
        (403, {}, PeerRefused, "feed_refused"),
        (500, {}, PeerFailed, ""),
        (503, {}, PeerFailed, ""),
        (200, {"about": "sha-256:00"}, AnswerWrong, "feed_refused"),
        (200, {"sender": "000000"}, AnswerWrong, "feed_refused"),
    ],
)
def test_a_feed_that_is_not_taken_is_shown_and_told_and_moves_nothing(
    wire: Wire, status: int, said: dict[str, Any], error: type[GuantongError] | None, alert: str
) -> None:
    publish_many(1)
    wire.status, wire.said = status, said
    if error:
        with pytest.raises(error):
            push()
    else:
        assert push() == 0
    position = FeedPosition.objects.get()
    assert (position.number, position.failures) == (0, 1)
    assert position.failure["zh"]
    assert position.failure["en"]
    assert set(Alert.objects.values_list("code", flat=True)) == ({alert} if alert else set())
    assert Entry.objects.filter(act="feed.failed").exists()


def test_an_answer_by_another_key_is_not_believed(wire: Wire) -> None:
    publish_many(1)
    wire.key = NATION
    wire.said = {"sender": "510000"}
    with pytest.raises(AnswerWrong):
        push()
    assert FeedPosition.objects.get().number == 0


def test_a_neighbour_that_stays_down_is_told_to_a_person_once(wire: Wire) -> None:
    publish_many(1)
    wire.fails = PeerUnreachable(peer="510000")
    for attempt in range(feed.ALERT_AFTER + 3):
        with pytest.raises(PeerUnreachable):
            push(100 * attempt)
    assert Alert.objects.filter(code="feed_stuck").count() == 1


def test_what_the_neighbour_refused_is_told_as_a_failure(wire: Wire) -> None:
    publish_many(3)
    some = [chunks.Refusal("not_the_provider", "只有提供方…", "Only the provider…", "3070511600001/000002")]
    wire.said = {"taken": 2, "refused": 1, "refused_some": some}
    push()
    position = FeedPosition.objects.get()
    assert (position.sent, position.refused) == (3, 1)
    assert position.refused_some[0]["entry"] == "3070511600001/000002"
    assert Alert.objects.get().code == "entries_refused_there"
    payload = {"refused": 0, "refused_some": []}
    messages.receive(message(PROVINCE, "feed.told", payload), own=NODE, at=NOON)
    position.refresh_from_db()
    assert (position.refused, position.refused_some) == (0, [])


def test_a_neighbour_may_have_everything_told_again_and_nobody_else(wire: Wire) -> None:
    publish_many(2)
    push()
    with pytest.raises(MessageNotEntitled):
        messages.receive(message(NATION, "feed.wanted", {}), own=NODE, at=NOON)
    before = FeedPosition.objects.get().series
    messages.receive(message(PROVINCE, "feed.wanted", {}), own=NODE, at=NOON + timedelta(seconds=1))
    assert FeedPosition.objects.get().series > before
    wire.lines = []
    push(2)
    assert told(wire) == ["01", "02"]


def test_an_answer_that_comes_after_a_new_beginning_moves_nothing(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_many(2)

    def slow(raw: bytes, hop: Node) -> tuple[int, bytes]:
        feed.tell_again(province(), by=SYSTEM, at=NOON + timedelta(seconds=5))
        return wire(raw, hop)

    monkeypatch.setattr(feed, "post", slow)
    push()
    assert FeedPosition.objects.get().number == 0


def test_the_feed_does_not_tell_a_neighbour_of_its_own_side_and_does_not_look_twice(wire: Wire) -> None:
    publish_many(1)
    Resource.objects.update(node="000000")
    assert (push(), push(), wire.sent) == (1, 0, [])
    position = FeedPosition.objects.get()
    assert (position.number, position.looked_to) == (0, 1)
    Resource.objects.update(node=NODE)
    assert push() == 0
    feed.tell_again(province(), by=SYSTEM, at=NOON)
    assert push() == 1

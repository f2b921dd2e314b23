"""The worker's duties, one round at a time."""

import dataclasses
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from tests.cast import NOON, assemble, need, publish_permits
from tests.federation import test_messages as town
from tests.federation.test_feed import taken

from guantong.bundle.depot import OFFERED
from guantong.courier.errors import PeerTimedOut
from guantong.evidence import successions
from guantong.evidence.spool import Spool
from guantong.federation.actions import feed, messages
from guantong.federation.errors import PeerRefused
from guantong.federation.keyset import keyset_folder
from guantong.federation.models import FeedPosition, Node, PublishedBundle
from guantong.identity import actions as identity
from guantong.identity.models import FormerSecret
from guantong.journal.actions import enqueue
from guantong.journal.models import Entry, OutboxMessage
from guantong.journal.types import SYSTEM
from guantong.kit import clock, envelope
from guantong.kit.key_files import write_secret
from guantong.kit.suites import INTERNATIONAL
from guantong.sharing import actions as sharing
from guantong.sharing.models import Grant
from guantong.site.node import node_settings
from guantong.site.worker import Worker, _is_leased

pytestmark = pytest.mark.django_db


def offered() -> dict[str, object]:
    return envelope.read((node_settings().bundle_folder / OFFERED).read_bytes()).body


def test_many_wishes_make_one_bundle_and_a_revocation_the_next() -> None:
    cast = assemble()
    publish_permits(cast)
    asked = sharing.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    for person in (cast.jiang, cast.tian):
        sharing.decide(asked, "approved", by=cast.as_actor(person), at=NOON)
    worker = Worker(node_settings())
    worker.publish()
    assert PublishedBundle.objects.count() == 1
    # Written at an earlier moment than the bundle's, committed later: it must not be taken for answered.
    grant = sharing.revoke(Grant.objects.get(), reason="x", by=SYSTEM, at=NOON)
    worker.publish()
    assert PublishedBundle.objects.count() == 2
    grants = offered()["grants"]
    assert isinstance(grants, dict)
    assert grants[grant.code]["state"] == "revoked"
    worker.publish()
    assert PublishedBundle.objects.count() == 2


def test_new_nodes_are_told_to_log_and_verifiers() -> None:
    town.tree()
    Worker(node_settings()).publish()
    assert len((keyset_folder(node_settings()) / "nodes").read_text().splitlines()) == 3
    assert "511600" in (node_settings().log_folder / "policy").read_text()


def test_a_neighbour_that_hangs_or_refuses_delays_no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    town.tree()
    worker = Worker(node_settings())
    worker.publish()
    published = PublishedBundle.objects.count()

    def wire(raw: bytes, hop: Node) -> None:
        body = envelope.read(raw).body
        if body["topic"] == "node.cards":
            raise PeerTimedOut(peer=hop.code)
        raise PeerRefused(node=hop.code, status=422, answer="no")

    monkeypatch.setattr(messages, "post", wire)
    with transaction.atomic():
        payload = {"to": "000000", "topic": "request.filed", "payload": {}}
        enqueue("node.message", payload, by=SYSTEM, at=NOON)
        enqueue("bundle.stale", {"because": "test"}, by=SYSTEM, at=NOON)
    worker.post()
    worker.publish()
    assert PublishedBundle.objects.count() == published + 1
    errors = OutboxMessage.objects.filter(attempts=1, done_at=None).values_list("last_error", flat=True)
    assert any("PeerTimedOut" in error for error in errors)
    assert any("PeerRefused" in error for error in errors)


def test_one_neighbour_that_is_down_does_not_hold_up_the_feed_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish_permits(town.tree())
    town.edge()

    def wire(raw: bytes, hop: Node) -> tuple[int, bytes]:
        if hop.code == "510000":
            raise PeerTimedOut(peer=hop.code)
        return 200, taken(raw, town.EDGE)

    monkeypatch.setattr(feed, "post", wire)
    Worker(node_settings()).push()
    assert dict(FeedPosition.objects.values_list("neighbour", "number")) == {"510000": 0, "511602": 1}


def test_every_act_goes_to_the_log_once(tmp_path: Path) -> None:
    assemble()
    worker = Worker(node_settings())
    with Spool(node_settings().spool_folder, "journal") as spool:
        worker.keep_records(spool)
        assert not Entry.objects.filter(record_digest="").exists()
        worker.keep_records(spool)


def test_a_second_worker_does_not_get_the_lease(tmp_path: Path) -> None:
    first, second = (os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR, 0o600) for _ in range(2))
    assert _is_leased(first)
    assert not _is_leased(second)
    os.close(first)
    assert _is_leased(second)
    os.close(second)


def test_messages_are_named_after_their_row_so_that_a_repeat_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    town.tree()
    sent: list[str] = []
    monkeypatch.setattr(messages, "post", lambda raw, _: sent.append(envelope.read(raw).body["id"]))
    with transaction.atomic():
        payload = {"to": "000000", "topic": "request.filed", "payload": {}}
        row = enqueue("node.message", payload, by=SYSTEM, at=NOON)
    for _ in range(2):
        messages.send_outbox(row, settings=node_settings(), at=clock.now())
    assert sent[0] == sent[1]


def test_what_is_over_ends_and_what_is_not_stays(tmp_path: Path) -> None:
    cast = assemble()
    by, now = cast.as_actor(cast.xu), clock.now()
    settings = dataclasses.replace(node_settings(), home=tmp_path)
    settings.key_folder.mkdir()
    write_secret(settings.key_folder / "node.key", INTERNATIONAL.generate("511600").to_text)
    successions.announce(settings.key_folder)
    successions.promote(settings.key_folder, until=now + timedelta(hours=1), at=now)
    former = successions.old_key(settings.key_folder)
    assert former
    for _ in range(2):
        identity.issue_secret(cast.counter, by=by, at=now)
    worker = Worker(settings)
    worker.end_keys()
    assert (FormerSecret.objects.count(), successions.old_key(settings.key_folder)) == (1, former)
    with clock.frozen(now + timedelta(days=7, seconds=1)):
        worker.end_keys()
        worker.end_keys()
    assert (FormerSecret.objects.count(), successions.old_key(settings.key_folder)) == (0, None)
    (entry,) = Entry.objects.filter(act="node.old_key_deleted")
    assert (entry.subject_id, entry.details) == ("511600", {"key": former.public.ref})
    assert Entry.objects.filter(act="application.former_secret_expired").count() == 1

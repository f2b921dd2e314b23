"""Jobs between two nodes: this one as the job's home, and as the provider's."""

import json
from pathlib import Path
from typing import Any

import pytest

from guantong.bundle import orders
from guantong.dispatch import actions, queries
from guantong.dispatch.balance import balances
from guantong.dispatch.errors import NotYourJob, RemoteJobWrong
from guantong.dispatch.models import Edge, EdgeState, Handover, Job, Run, RunState
from guantong.evidence.spool import Spool
from guantong.journal.actions import settle_alert, take_in_records
from guantong.journal.models import Alert, OutboxMessage
from guantong.journal.types import SYSTEM, Actor
from guantong.kit import clock, envelope
from guantong.kit.keyrings import NodeKeys
from guantong.kit.suites import INTERNATIONAL
from guantong.sharing.models import Grant
from tests.cast import NODE, NOON
from tests.dispatch.cast import Desk, later, run_name, sign_for, tell
from tests.dispatch.test_order import RING, sent

pytestmark = pytest.mark.django_db

AFAR = "000000"
NATION = Actor("node", AFAR, "国家", AFAR)
THEIR_KEY = INTERNATIONAL.generate("000000.guantong.example/node")


def mail(topic: str) -> list[dict[str, Any]]:
    """What waits for the other node about ``topic``, oldest first."""
    rows = OutboxMessage.objects.filter(topic="node.message").order_by("pk")
    return [
        row.payload["payload"] for row in rows if (row.payload["topic"], row.payload["to"]) == (topic, AFAR)
    ]


@pytest.fixture
def home() -> tuple[Desk, Job]:
    """A job of ours whose rows are read at the nation's node."""
    desk = Desk(NOON)
    Grant.objects.update(provider_node=AFAR)
    return desk, desk.declare()


@pytest.fixture
def there() -> tuple[Desk, dict[str, Any]]:
    """A grant of ours to the nation's node, and the job that it tells us of."""
    desk = Desk(NOON)
    Grant.objects.update(consumer_node=AFAR)
    told = {
        "code": f"ZY{AFAR}-00000001",
        "name": "居住证上归",
        "terms": {
            "name": "居住证上归", "grant": desk.grant.code, "application": "one-window",
            "target": f"LD{AFAR}-00000001", "fields": ["residence_division", "valid_to"],
        },
        "state": "active",
        "version": 1,
        "target": f"LD{AFAR}-00000001",
        "organisation": desk.grant.consumer,
        "reader": "",
        "declared_by": "周数",
        "declared_at": clock.rfc3339(NOON),
    }  # fmt: skip
    return desk, told


def receive(told: dict[str, Any], sender: str = AFAR) -> Job:
    return actions.receive_job(told, sender=sender, by=NATION, at=NOON)


# ── at home ──


def test_the_provider_is_told_once_and_again_when_it_changes(home: tuple[Desk, Job]) -> None:
    desk, job = home
    assert [actions.tell_providers(by=SYSTEM, at=NOON) for _ in range(3)] == [1, 0, 0]
    (told,) = mail("job.declared")
    assert (told["code"], told["state"], told["terms"]["fields"]) == (
        job.code, "active", ["residence_division", "valid_to"],
    )  # fmt: skip
    # Where the table is and what its columns are called is nobody's business there.
    assert "lives_in" not in str(told)
    actions.pause(job, by=desk.xu, at=NOON)
    actions.tell_providers(by=SYSTEM, at=NOON)
    assert [each["state"] for each in mail("job.declared")] == ["active", "paused"]


def test_an_order_follows_what_it_is_about(home: tuple[Desk, Job], tmp_path: Path) -> None:
    desk, job = home
    actions.run_now(job, by=desk.xu, at=NOON)
    topics = [
        row.payload["topic"] for row in OutboxMessage.objects.filter(topic="node.message").order_by("pk")
    ]
    assert topics[-2:] == ["job.declared", "job.ordered"]
    assert mail("job.ordered") == [{"job": job.code, "verb": "run", "since": "", "until": ""}]
    # Our own half hears of it too: it may be resting after a failure.
    assert sent(tmp_path) == [("run", job.code)]
    actions.replay(job, by=desk.xu, at=NOON)
    assert mail("job.ordered")[-1]["verb"] == "replay"
    assert sent(tmp_path) == [("run", job.code)]


def test_chunks_between_nodes_always_go_by_the_mail(home: tuple[Desk, Job]) -> None:
    _, job = home
    assert not job.terms["staged"]
    assert queries.compiled_jobs(at=NOON)[job.code].staged


def test_how_the_provider_gets_on_is_shown(home: tuple[Desk, Job]) -> None:
    _, job = home
    name = run_name(NOON)
    half = {"job": job.code, "run": name, "half": "sending", "state": "running", "at": clock.rfc3339(NOON),
            "read": 50, "expected": 100}  # fmt: skip
    actions.receive_half(half, sender=AFAR, by=NATION, at=NOON)
    run = Run.objects.get()
    assert (run.code, run.state, run.expected, run.other_half["read"]) == (name, RunState.RUNNING, 100, 50)
    old = {**half, "at": clock.rfc3339(later(NOON, -5)), "read": 1}
    actions.receive_half(old, sender=AFAR, by=NATION, at=NOON)
    run.refresh_from_db()
    assert run.other_half["read"] == 50
    with pytest.raises(RemoteJobWrong):
        actions.receive_half({**half, "half": "taking"}, sender=AFAR, by=NATION, at=NOON)
    with pytest.raises(RemoteJobWrong):
        actions.receive_half(half, sender="510000", by=NATION, at=NOON)


def test_nothing_has_come_yet_is_no_run(home: tuple[Desk, Job], tmp_path: Path) -> None:
    _, job = home
    tell(tmp_path, job, "", at=NOON, state="waiting", part="taking")
    assert actions.note_progress(tmp_path, by=SYSTEM, at=NOON) == 0
    tell(
        tmp_path,
        job,
        run_name(NOON),
        at=later(NOON, 1),
        begun=NOON,
        state="waiting",
        part="taking",
        applied=7,
    )
    actions.note_progress(tmp_path, by=SYSTEM, at=later(NOON, 2))
    run = Run.objects.get()
    assert (run.state, run.applied) == (RunState.RUNNING, 7)
    assert mail("batch.told")[-1]["applied"] == 7


def test_what_is_read_at_an_edge_and_written_here_is_one_run(tmp_path: Path) -> None:
    desk = Desk(NOON)
    key = INTERNATIONAL.generate("edge.example/node").public.to_text()
    Edge.objects.create(
        code="QZ511600-1", name="前置机", node=NODE, organisation=desk.grant.provider, sources=["police"], key=key,
        state=EdgeState.ACTIVE, declared_at=NOON, declared_by="-",
    )  # fmt: skip
    job, name = desk.declare(), run_name(NOON)
    assert queries.compiled_jobs(at=NOON)[job.code].staged
    actions.run_now(job, by=desk.xu, at=NOON)
    assert sent(tmp_path) == [("run", job.code)]
    at_edge = orders.waiting(tmp_path / "edges" / "QZ511600-1" / "orders", RING, node=NODE)
    assert [order.verb for order in at_edge] == ["run"]
    tell(tmp_path, job, name, at=NOON, part="sending", state="done", read=20, expected=20)
    (tmp_path / "progress" / f"{job.code}.json").rename(tmp_path / "progress" / f"{job.code}.sending.json")
    actions.note_progress(tmp_path, by=SYSTEM, at=NOON)
    assert Run.objects.get().state == RunState.RUNNING
    tell(tmp_path, job, name, at=later(NOON, 3), begun=NOON, part="taking", state="done", read=20, applied=20)
    actions.note_progress(tmp_path, by=SYSTEM, at=later(NOON, 3))
    run = Run.objects.get()
    assert (run.state, run.applied, run.other_half["read"]) == (RunState.DONE, 20, 20)


# ── at the provider's ──


def test_a_job_from_afar_is_kept_and_stays_theirs(there: tuple[Desk, dict[str, Any]], tmp_path: Path) -> None:
    desk, told = there
    job = receive(told)
    assert receive({**told, "name": "改名", "version": 2}).pk == job.pk
    compiled = queries.compiled_jobs(at=NOON)[job.code]
    target = queries.compiled_targets()[told["target"]]
    assert (compiled.staged, target.node, target.source) == (True, AFAR, queries.ELSEWHERE)
    with pytest.raises(NotYourJob):
        actions.run_now(job, by=desk.cast.as_actor(desk.cast.tian), at=NOON)
    actions.receive_order({"job": job.code, "verb": "run"}, sender=AFAR, by=NATION, at=NOON)
    assert sent(tmp_path) == [("run", job.code)]
    assert actions.order_due(by=SYSTEM, at=later(NOON, 86_400)) == 0


@pytest.mark.parametrize(
    ("sender", "changes"),
    [
        ("510000", {}),
        (AFAR, {"code": "ZY511600-00000001"}),
        (AFAR, {"target": "LD511600-00000001"}),
        (AFAR, {"organisation": "somebody-else"}),
    ],
)
def test_what_does_not_hold_is_refused(
    there: tuple[Desk, dict[str, Any]], sender: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(RemoteJobWrong):
        receive({**there[1], **changes}, sender)
    assert not Job.objects.exists()


def test_a_node_orders_its_own_jobs_only(there: tuple[Desk, dict[str, Any]]) -> None:
    desk, told = there
    receive(told)
    for job, sender in ((told["code"], "510000"), ("ZY000000-none", AFAR)):
        with pytest.raises(RemoteJobWrong):
            actions.receive_order({"job": job, "verb": "run"}, sender=sender, by=NATION, at=NOON)
    Grant.objects.update(consumer_node=NODE)
    ours = desk.declare()
    with pytest.raises(RemoteJobWrong):
        actions.receive_order({"job": ours.code, "verb": "run"}, sender=AFAR, by=NATION, at=NOON)


def test_both_nodes_count_by_both_receipts(there: tuple[Desk, dict[str, Any]], tmp_path: Path) -> None:
    _, told = there
    job, name = receive(told), run_name(NOON)
    with Spool(tmp_path, "exchange") as spool:
        sign_for(spool, job, name, "provider", rows=8, chunk=1)
    take_in_records(tmp_path, by=SYSTEM, at=NOON)
    actions.take_in_handovers(by=SYSTEM, at=NOON)
    theirs = their_receipt(job, name, rows=8)
    forged = envelope.seal(
        "guantong/receipt@v1", body_of(job, name, rows=9), INTERNATIONAL.generate(THEIR_KEY.name)
    )
    others = envelope.seal("guantong/receipt@v1", {**body_of(job, name, rows=9), "node": "510000"}, THEIR_KEY)
    raws = [raw.decode() for raw in (forged, others, theirs, theirs)]
    actions.receive_receipts([*raws, "{}"], sender=AFAR, keys=NodeKeys(THEIR_KEY.public), by=NATION, at=NOON)
    (balance,) = balances(Handover.objects.all(), since=NOON.date(), until=NOON.date(), own=NODE)
    assert (balance.state, balance.sent, balance.received) == ("equal", 8, 8)


def their_receipt(job: Job, run: str, *, rows: int) -> bytes:
    return envelope.seal("guantong/receipt@v1", body_of(job, run, rows=rows), THEIR_KEY)


def body_of(job: Job, run: str, *, rows: int) -> dict[str, Any]:
    return {
        "role": "consumer", "node": AFAR, "at": clock.rfc3339(NOON), "rows": rows, "decision": "allow",
        "grant": job.grant.code, "resource": job.resource, "answer": "sha-256:00",
        "consumer": {"node": AFAR, "organisation": job.consumer},
        "provider": {"node": NODE, "organisation": job.provider},
        "batch": {"job": job.code, "run": run, "chunks": 1},
    }  # fmt: skip


def test_our_receipts_are_shown_to_the_other_node(there: tuple[Desk, dict[str, Any]], tmp_path: Path) -> None:
    job = receive(there[1])
    with Spool(tmp_path, "exchange") as spool:
        sign_for(spool, job, run_name(NOON), "provider", rows=8, chunk=1, consumer_node=AFAR)
    take_in_records(tmp_path, by=SYSTEM, at=NOON)
    assert actions.take_in_handovers(by=SYSTEM, at=NOON) == 1
    assert actions.take_in_handovers(by=SYSTEM, at=NOON) == 0
    (shown,) = mail("batch.receipts")
    assert [envelope.read(raw.encode()).body["rows"] for raw in shown["receipts"]] == [8]


def test_a_link_that_is_stuck_is_told_of_once(home: tuple[Desk, Job], tmp_path: Path) -> None:
    assert actions.watch_links(tmp_path, by=SYSTEM, at=NOON) == 0
    error = {"code": "peer_unreachable", "message": {"zh": "", "en": ""}}
    said = [{"peer": "510000", "skew_ms": 3, "since": clock.rfc3339(NOON), "error": error}]
    (tmp_path / "links.json").write_text(json.dumps(said))
    told = [actions.watch_links(tmp_path, by=SYSTEM, at=later(NOON, s)) for s in (60, 301, 302)]
    assert told == [0, 1, 0]
    alert = Alert.objects.get(code="link_stuck")
    assert alert.details["node"] == "510000"
    settle_alert(alert, by=SYSTEM, at=NOON)
    assert actions.watch_links(tmp_path, by=SYSTEM, at=later(NOON, 400)) == 0
    (tmp_path / "links.json").write_text("nonsense")
    assert actions.watch_links(tmp_path, by=SYSTEM, at=later(NOON, 400)) == 0

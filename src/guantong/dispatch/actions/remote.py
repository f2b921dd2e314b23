"""Jobs whose two ends are at two nodes: the consumer's node declares and orders, the provider's reads and tells.

The consumer's node is the job's home. The provider's keeps a copy, which only messages from the home change, so
that its data plane knows what it may send. Each node tells the other how its half gets on, and shows its receipts.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from django.conf import settings

from guantong.bundle.orders import Verb
from guantong.dispatch import queries
from guantong.dispatch.actions.ordering import order_here
from guantong.dispatch.actions.portraits import Portrait
from guantong.dispatch.errors import RemoteJobWrong
from guantong.dispatch.models import Job, Run, RunState, Target
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.sharing.models import Grant
from guantong.sharing.types import Code

TELL_EVERY_S = 3.0
Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Short = Annotated[str, msgspec.Meta(max_length=80)]
Text = Annotated[str, msgspec.Meta(max_length=64)]


class Ordered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody wants of a job now; see :class:`guantong.bundle.orders.Order`."""

    job: Code
    verb: Verb
    since: Text = ""
    until: Text = ""


class Half(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one half of a run gets on."""

    job: Code
    run: Text
    half: Literal["sending", "taking"]
    state: RunState
    at: str
    read: Count = 0
    applied: Count = 0
    refused: Count = 0
    set_aside: Count = 0
    expected: Count = 0
    chunks: Count = 0
    rate: Count = 0
    code: Short = ""
    """Of what ended it, if something did."""


def receive_job(payload: dict[str, Any], *, sender: str, by: Actor, at: datetime) -> Job:
    """Keep the copy of a job that is read here and written at ``sender``. RemoteJobWrong."""
    portrait = msgspec.convert(payload, Portrait)
    grant = Grant.objects.filter(code=portrait.terms.grant).first()
    if grant is None or (grant.provider_node, grant.consumer_node) != (settings.NODE.node, sender):
        raise RemoteJobWrong(
            job=portrait.code, why_zh="授权不是本节点给该节点的", why_en="its grant is not ours to that node"
        )
    known = (
        Job.objects.select_for_update(of=("self",))
        .select_related("target")
        .filter(code=portrait.code)
        .first()
    )
    is_named_so = portrait.code.startswith(f"ZY{sender}-") and portrait.target.startswith(f"LD{sender}-")
    if not is_named_so or (known and known.target.node != sender) or portrait.organisation != grant.consumer:
        raise RemoteJobWrong(
            job=portrait.code, why_zh="编号不属于该节点", why_en="its code is not that node's"
        )
    target = _target_copy(portrait, sender, at=at)
    facts = {
        "name": portrait.name,
        "grant": grant,
        "target": target,
        "terms": msgspec.to_builtins(portrait.terms),
        "state": portrait.state,
        "version": portrait.version,
        "declared_by": portrait.declared_by,
        "declared_at": clock.parse(portrait.declared_at),
    }
    parties = {
        "resource": grant.resource,
        "provider": grant.provider,
        "provider_name": grant.terms["provider_name"],
        "consumer": grant.consumer,
        "consumer_name": grant.terms["consumer_name"],
    }
    job, is_new = Job.objects.update_or_create(
        code=portrait.code, defaults=facts, create_defaults=facts | parties
    )
    details = {"node": sender, "version": portrait.version, "state": portrait.state}
    record("job.told", by=by, at=at, subject=Subject("job", job.code), details=details | {"new": is_new})
    enqueue("bundle.stale", {"because": "job.told"}, by=by, at=at)
    return job


def receive_order(payload: dict[str, Any], *, sender: str, by: Actor, at: datetime) -> None:
    """Obey an order of the job's home. RemoteJobWrong."""
    ordered = msgspec.convert(payload, Ordered)
    job = _copy_of(ordered.job, sender)
    record(
        "job.ordered_from_afar",
        by=by,
        at=at,
        subject=Subject("job", job.code),
        details={"verb": ordered.verb},
    )
    order_here(job, ordered.verb, since=ordered.since, until=ordered.until, by=by, at=at)


def tell_half(job: Job, run: Run, *, by: Actor, at: datetime) -> None:
    """Tell the other node how our half of ``run`` gets on: when its state changes, else every few seconds."""
    own = settings.NODE.node
    other = {job.target.node, job.grant.provider_node} - {own}
    if not other:
        return
    state = str(RunState(run.state))
    is_fresh = run.told_other.get("state") == state and at.timestamp() - run.told_other["at"] < TELL_EVERY_S
    if is_fresh and not run.ended_at:
        return
    half = Half(
        job=job.code,
        run=run.code,
        half="taking" if job.target.node == own else "sending",
        state=RunState(run.state),
        at=clock.rfc3339(run.told_at),
        read=run.read,
        applied=run.applied,
        refused=run.refused,
        set_aside=run.set_aside,
        expected=run.expected,
        chunks=run.chunks,
        rate=run.rate,
        code=str((run.error or {}).get("code", ""))[:80],
    )
    payload = {"to": other.pop(), "topic": "batch.told", "payload": msgspec.to_builtins(half)}
    enqueue("node.message", payload, by=by, at=at)
    run.told_other = {"state": state, "at": at.timestamp()}


def receive_half(payload: dict[str, Any], *, sender: str, by: Actor, at: datetime) -> None:
    """Note how the other half of a run gets on. RemoteJobWrong."""
    del by
    told = msgspec.convert(payload, Half)
    job = (
        Job.objects.select_for_update(of=("self",))
        .select_related("grant", "target")
        .filter(code=told.job)
        .first()
    )
    place = job and (job.target.node if told.half == "taking" else job.grant.provider_node)
    if job is None or place != sender:
        raise RemoteJobWrong(
            job=told.job, why_zh="该节点不是它的这一端", why_en="that node is not this end of it"
        )
    moment = clock.parse(told.at)
    run, _ = Run.objects.get_or_create(
        job=job,
        code=told.run,
        defaults={"state": RunState.RUNNING, "started_at": moment, "taken_up_at": moment, "told_at": moment},
    )
    if run.other_half.get("at", "") > told.at:
        return
    run.other_half = msgspec.to_builtins(told)
    if told.half == "taking":
        run.applied, run.set_aside = told.applied, told.set_aside
    else:
        run.expected = max(run.expected, told.expected)
    run.save()
    if (
        run.ended_at is None
        and told.half == "sending"
        and told.state in {RunState.CANCELLED, RunState.GIVEN_UP}
    ):
        run.state, run.ended_at = told.state, at
        run.save()


def show_receipts(found: Sequence[tuple[dict[str, Any], str]], *, by: Actor, at: datetime) -> None:
    """Show the receipts of batches, each as body and text, to the node at the job's other end."""
    own = settings.NODE.node
    shown: dict[str, list[str]] = {}
    for body, raw in found:
        other = {str(body["provider"]["node"]), str(body["consumer"]["node"])} - {own}
        if len(other) == 1:
            shown.setdefault(other.pop(), []).append(raw)
    for node, raws in shown.items():
        for start in range(0, len(raws), 200):
            payload = {"receipts": raws[start : start + 200]}
            enqueue("node.message", {"to": node, "topic": "batch.receipts", "payload": payload}, by=by, at=at)


def _target_copy(portrait: Portrait, sender: str, *, at: datetime) -> Target:
    """What must be known here of a target elsewhere; where it is and what its columns are called is not told."""
    facts = {
        "name": portrait.name,
        "organisation": portrait.organisation,
        "columns": {item: item for item in portrait.terms.fields},
        "reader": portrait.reader,
    }
    fixed = {
        "node": sender,
        "source": queries.ELSEWHERE,
        "dialect": "postgresql",
        "table": queries.ELSEWHERE,
        "declared_at": at,
        "declared_by": portrait.declared_by,
    }
    target, _ = Target.objects.update_or_create(
        code=portrait.target, defaults=facts, create_defaults=facts | fixed
    )
    return target


def _copy_of(code: str, sender: str) -> Job:
    job = (
        Job.objects.select_for_update(of=("self",))
        .select_related("grant", "target")
        .filter(code=code)
        .first()
    )
    if job is None or job.target.node != sender:
        raise RemoteJobWrong(
            job=code, why_zh="本节点没有该节点的这一作业", why_en="that node has no such job here"
        )
    return job

"""The life of an entry: 草稿 → 部门审核 → 主管部门审核 → 发布 → 下线, each step a move that can be read afterwards.

The department's approver reviews first, then the data bureau reviews and thereby publishes. At a node without a bureau
the department publishes. Nobody approves what they submitted themselves.
"""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from guantong.catalog import deadlines
from guantong.catalog.actions.drafting import (
    _demand_provider,
    _note,
    _resting_state,
    _show,
    read_content,
)
from guantong.catalog.actions.freshening import _fall_due
from guantong.catalog.actions.judging import _judge
from guantong.catalog.actions.needs import _look_again
from guantong.catalog.actions.publishing import Publisher, _bind, _go_live, _withdraw
from guantong.catalog.errors import (
    NothingToUndo,
    NotTheBureau,
    OwnSubmission,
    ReasonMissing,
    ResourceStateWrong,
)
from guantong.catalog.models import Act, Move, Resource, ResourceVersion, State
from guantong.identity.queries import bureaus
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject

LONGEST_REASON = 2000


@transaction.atomic
def submit(resource: Resource, *, by: Actor, at: datetime) -> Resource:
    """Send a draft to the department's own review."""
    resource = _locked(resource)
    if resource.draft is None or resource.state in {State.SUBMITTED, State.REVIEWED}:
        raise _wrong(resource, "送审", "submitted")
    _demand_provider(by, resource.provider.code)
    resource.submitted_by = by.id
    _move(resource, Act.SUBMITTED, State.SUBMITTED, by=by, at=at)
    record("resource.submitted", by=by, at=at, subject=Subject("resource", resource.code))
    return resource


@transaction.atomic
def approve(resource: Resource, *, by: Actor, at: datetime) -> Resource:
    """The department's review is passed; the data bureau's begins."""
    resource = _locked(resource)
    if resource.state != State.SUBMITTED or resource.draft is None:
        raise _wrong(resource, "审核通过", "approved")
    _demand_provider(by, resource.provider.code)
    if by.kind == "person" and by.id == resource.submitted_by:
        raise OwnSubmission
    read_content(resource.draft)
    _move(resource, Act.APPROVED, State.REVIEWED, by=by, at=at)
    record("resource.approved", by=by, at=at, subject=Subject("resource", resource.code))
    return resource


@transaction.atomic
def send_back(resource: Resource, *, reason: str, by: Actor, at: datetime) -> Resource:
    """Return a draft under review to whoever wrote it, with all reasons at once."""
    resource = _locked(resource)
    if resource.state not in {State.SUBMITTED, State.REVIEWED} or resource.draft is None:
        raise _wrong(resource, "退回", "returned")
    if resource.state == State.SUBMITTED:
        _demand_provider(by, resource.provider.code)
    else:
        _demand_bureau(by, resource)
    reason = reason.replace("\0", "").strip()[:LONGEST_REASON]
    if not reason:
        raise ReasonMissing
    _move(resource, Act.RETURNED, _resting_state(resource), by=by, at=at, reason=reason)
    record(
        "resource.returned",
        by=by,
        at=at,
        subject=Subject("resource", resource.code),
        details={"reason": reason},
    )
    return resource


@transaction.atomic
def publish(resource: Resource, *, by: Actor, at: datetime) -> Resource:
    """The bureau's review is passed: the draft is the live version; it goes out to the other nodes and into the bundle."""
    resource = _locked(resource)
    if resource.state != State.REVIEWED or resource.draft is None:
        raise _wrong(resource, "发布", "published")
    _demand_bureau(by, resource)
    if by.kind == "person" and by.id == resource.submitted_by:
        raise OwnSubmission
    content, was = read_content(resource.draft), resource.state
    resource.due_on, resource.submitted_by = None, ""
    _go_live(resource, content, Publisher(by.name, at), version=resource.live_version + 1)
    _note(
        resource,
        Act.PUBLISHED,
        was=was,
        version=resource.live_version,
        by=by,
        at=at,
    )
    _follow(resource, by=by, at=at)
    enqueue("bundle.stale", {"because": "resource.published"}, by=by, at=at)
    record(
        "resource.published",
        by=by,
        at=at,
        subject=Subject("resource", resource.code),
        details={"version": resource.live_version},
    )
    return resource


@transaction.atomic
def withdraw(resource: Resource, *, reason: str = "", by: Actor, at: datetime) -> Resource:
    """Take a published entry off the catalogue; its versions and receipts remain."""
    resource = _locked(resource)
    if not resource.is_live:
        raise _wrong(resource, "下线", "withdrawn")
    _demand_provider(by, resource.provider.code)
    was = resource.state
    _withdraw(resource, Publisher(by.name, at))
    reason = reason.replace("\0", "").strip()[:LONGEST_REASON]
    _note(resource, Act.WITHDRAWN, was=was, version=resource.live_version, reason=reason, by=by, at=at)
    _follow(resource, by=by, at=at)
    record("resource.withdrawn", by=by, at=at, subject=Subject("resource", resource.code))
    enqueue("bundle.stale", {"because": "resource.withdrawn"}, by=by, at=at)
    return resource


@transaction.atomic
def undo(resource: Resource, *, by: Actor, at: datetime) -> Resource:
    """Take the last step back, by whoever's it was, while nothing of it has left the node.

    A publication or withdrawal has left as soon as it has its number in the feed; then :class:`NothingToUndo`.
    """
    resource = _locked(resource)
    last = resource.moves.filter(is_undone=False).last()
    if last is None:
        raise NothingToUndo(why_zh="没有可撤销的步骤", why_en="there is none")
    if by.kind == "person" and by.organisation != last.organisation:
        raise NothingToUndo(why_zh="不是本单位所为", why_en="another organisation took it")
    if last.act in {Act.PUBLISHED, Act.WITHDRAWN}:
        _unpublish(resource, last)
        enqueue("bundle.stale", {"because": "resource.undone"}, by=by, at=at)
    elif last.act == Act.DRAFTED:
        _undraft(resource, last)
    else:
        resource.state = State(last.was)
        resource.due_on = deadlines.due(resource.state, at)
    last.is_undone = True
    last.save(update_fields=["is_undone"])
    record(
        "resource.undone", by=by, at=at, subject=Subject("resource", resource.code), details={"act": last.act}
    )
    if resource.draft is None and resource.live_version == 0 and not hasattr(resource, "link"):
        resource.delete()
        return resource
    resource.save()
    if last.act in {Act.PUBLISHED, Act.WITHDRAWN}:
        _follow(resource, by=by, at=at)
    return resource


def _follow(resource: Resource, *, by: Actor, at: datetime) -> None:
    """What follows from an entry's having come into force or gone: updates fall due, needs are met, elements kept to."""
    _fall_due(resource)
    resource.save(update_fields=["stale_on"])
    _judge([resource], at=at)
    _look_again([resource.pk], by=by, at=at)


def _unpublish(resource: Resource, last: Move) -> None:
    # The number is given in the worker's own transaction: whoever comes first has it.
    gone, _ = ResourceVersion.objects.filter(
        resource=resource, version=last.version or 0, number__isnull=True
    ).delete()
    if not gone:
        raise NothingToUndo(
            why_zh="该版本已发往其他节点，请再发布一版或下线",
            why_en="that version is on its way to other nodes; publish another one, or withdraw it",
        )
    resource.live_version -= 1
    before = resource.versions.filter(version=resource.live_version).first()
    resource.is_live = before is not None and not before.is_withdrawal
    if before is not None:
        _show(resource, before.typed)
        resource.published_at = before.published_at
    if last.act == Act.PUBLISHED:
        wording = _wording(resource, before=last)
        resource.draft = wording.content if wording else None
        if resource.live_version == 0:
            resource.published_at = None
    _bind(resource, before.typed if before is not None and resource.is_live else None)
    resource.state = State(last.was)
    submitted = resource.moves.filter(is_undone=False, act=Act.SUBMITTED).last()
    resource.submitted_by = submitted.by_id if submitted else ""
    resource.due_on = deadlines.due(resource.state, last.at) if resource.draft is not None else None


def _undraft(resource: Resource, last: Move) -> None:
    """Back to the wording before, or to none; a review that the draft broke off is not taken up again."""
    wording = _wording(resource, before=last)
    resource.draft = wording.content if wording else None
    resource.state, resource.submitted_by = _resting_state(resource), ""
    if resource.draft is None:
        resource.due_on = None
    elif resource.live_version == 0:
        _show(resource, read_content(resource.draft))


def _wording(resource: Resource, *, before: Move) -> Move | None:
    """The draft as it was before a move: the last wording since the last publication."""
    earlier = resource.moves.filter(is_undone=False, pk__lt=before.pk)
    published = earlier.filter(act=Act.PUBLISHED).last()
    if published is not None:
        earlier = earlier.filter(pk__gt=published.pk)
    return earlier.filter(act=Act.DRAFTED).last()


def _locked(resource: Resource) -> Resource:
    return Resource.objects.select_for_update(of=("self",)).select_related("provider").get(pk=resource.pk)


def _move(resource: Resource, act: Act, state: State, *, by: Actor, at: datetime, reason: str = "") -> None:
    was = resource.state
    resource.state = state
    resource.due_on = deadlines.due(state, at)
    resource.save()
    _note(resource, act, was=was, by=by, at=at, reason=reason)


def _demand_bureau(by: Actor, resource: Resource) -> None:
    """The data bureau, or where the node has none the provider."""
    if by.kind != "person":
        return
    of_node = bureaus(settings.NODE.node)
    if not of_node:
        _demand_provider(by, resource.provider.code)
    elif by.organisation not in of_node:
        raise NotTheBureau


def _wrong(resource: Resource, act_zh: str, act_en: str) -> ResourceStateWrong:
    return ResourceStateWrong(
        resource=resource.code, state=resource.get_state_display(), act_zh=act_zh, act_en=act_en
    )

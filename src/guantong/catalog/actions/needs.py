"""Needs: stated by people and by service items, met by entries, sent to whoever the law names, answered, escalated."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal

from django.conf import settings
from django.db import transaction

from guantong.catalog.actions.drafting import _demand_provider
from guantong.catalog.errors import NeedAnswerWrong, NotTheBureau, ReasonMissing
from guantong.catalog.models import Need, NeedMove, ReadingPosition, Resource, ResourceVersion, Yield
from guantong.catalog.needs.fitting import Fit, addressee, fit, live, touched
from guantong.catalog.standards.matching import element_for
from guantong.catalog.types import ItemNeeds, Wanted
from guantong.identity.models import Organisation
from guantong.identity.queries import bureaus
from guantong.identity.workdays import after
from guantong.journal.actions import record
from guantong.journal.types import SYSTEM, Actor, Subject

LONGEST = 2000
READ_AT_ONCE = 1000
Answer = Literal["provide", "not_held", "elsewhere"]
_STATE = Need.State


@transaction.atomic
def state_needs(
    needs: Iterable[tuple[str, str, str]], *, organisation: Organisation, by: Actor, at: datetime
) -> int:
    """What a department needs, as (data, service item, law); how many are new. Each is met or sent on at once."""
    lines = [Wanted(data.strip(), item.strip(), law.strip()) for data, item, law in needs]
    count = sum(_state(line, organisation, "", "", by=by, at=at) for line in lines)
    subject = Subject("organisation", organisation.code)
    record("needs.stated", by=by, at=at, subject=subject, details={"new": count})
    return count


@transaction.atomic
def declare_item_needs(items: Iterable[ItemNeeds], *, by: Actor, at: datetime) -> int:
    """What service items say they need and make: stated, sent on, and taken back when an item says it no longer.

    Gives how many needs are new.
    """
    count = 0
    listed = list(items)
    for item in listed:
        owner = Organisation.objects.filter(code=item.organisation).first()
        if owner is None:
            continue
        wanted = {line.data: line for line in item.needs if line.data}
        count += sum(_state(line, owner, item.code, item.name, by=by, at=at) for line in wanted.values())
        gone = Need.objects.filter(item_code=item.code).exclude(wanted__in=wanted).exclude(state="dropped")
        for need in gone:
            _step(need, _STATE.DROPPED, "dropped", by=by, at=at, due_on=None)
        _declare_yields(item, owner, at=at)
    details = {"items": len(listed), "new": count}
    record("needs.declared", by=by, at=at, subject=Subject("item", "all"), details=details)
    return count


def _declare_yields(item: ItemNeeds, owner: Organisation, *, at: datetime) -> None:
    names = {name.strip()[:200] for name in item.makes if name.strip()}
    Yield.objects.filter(item_code=item.code).exclude(name__in=names).delete()
    for name in names:
        made, _ = Yield.objects.get_or_create(
            item_code=item.code,
            name=name,
            defaults={
                "organisation": owner,
                "service_item": item.name[:200],
                "element": element_for(name),
                "due_on": after(at, settings.NODE.catalogue_update_days),
                "stated_at": at,
            },
        )
        _fit_yield(made)


def _fit_yield(made: Yield) -> None:
    """The entry of the department itself (or of one above it) that has the data."""
    named = live().filter(name=made.name)
    found = named.filter(provider=made.organisation_id).first() or named.first()
    if found != made.resource:
        made.resource = found
        made.save(update_fields=["resource"])


def _state(
    line: Wanted, organisation: Organisation, item_code: str, item_name: str, *, by: Actor, at: datetime
) -> bool:
    need, is_new = Need.objects.get_or_create(
        organisation=organisation,
        wanted=line.data[:200],
        service_item=(line.service_item or item_name)[:200],
        defaults={
            "law": line.law[:400],
            "item_code": item_code,
            "resource_code": line.resource,
            "items": line.items,
            "mode": line.mode,
            "element": line.element or element_for(line.data),
            "stated_by": by.name,
            "stated_at": at,
        },
    )
    if is_new:
        _note(need, "stated", line.law, by=by, at=at)
    elif item_code and _declared(need) != (item_code, line.resource, line.items, line.mode):
        need.item_code, need.resource_code = item_code, line.resource
        need.items, need.mode = line.items, line.mode
        need.save(update_fields=["item_code", "resource_code", "items", "mode"])
    if not is_new and need.state == _STATE.DROPPED:
        need.state = _STATE.OPEN
        _note(need, "stated", "", by=by, at=at)
    _fit(need, by=by, at=at)
    return is_new


def _declared(need: Need) -> tuple[str, str, list[str], str]:
    return need.item_code, need.resource_code, need.items, need.mode


def _fit(need: Need, *, by: Actor, at: datetime) -> None:
    """Met by an entry, found perhaps, or (newly) without one: then it is sent to whoever the law names."""
    if need.state == _STATE.DROPPED:
        return
    found = fit(need)
    if found is not None and found.is_sure:
        _meet(need, found, by=by, at=at)
    elif need.state == _STATE.MET and found is not None and found.resource.pk == need.resource_id:
        return
    elif found is not None and need.state in {_STATE.OPEN, _STATE.MATCHED, _STATE.MET, _STATE.BARRED}:
        _perhaps(need, found, by=by, at=at)
    elif found is None and need.state in {_STATE.OPEN, _STATE.MATCHED, _STATE.MET, _STATE.BARRED}:
        _send(need, by=by, at=at)


def _meet(need: Need, found: Fit, *, by: Actor, at: datetime) -> None:
    resource = found.resource
    state = _STATE.BARRED if resource.sharing_type == "not_shared" else _STATE.MET
    if (need.state, need.resource_id) == (state, resource.pk):
        return
    need.resource, need.provider = resource, resource.provider
    _step(need, state, state.value, resource.name, by=by, at=at, due_on=None)
    record("need.met", by=by, at=at, subject=Subject("need", str(need.pk)), details={"entry": resource.code})


def _perhaps(need: Need, found: Fit, *, by: Actor, at: datetime) -> None:
    if (need.state, need.resource_id) == (_STATE.MATCHED, found.resource.pk):
        return
    need.resource, need.provider = found.resource, found.resource.provider
    due = after(at, settings.NODE.catalogue_department_days)
    _step(need, _STATE.MATCHED, "matched", found.resource.name, by=by, at=at, due_on=due)


def _send(need: Need, *, by: Actor, at: datetime) -> None:
    was_met = need.state in {_STATE.MET, _STATE.BARRED}
    need.resource = None
    if was_met:
        _note(need, "unmet", "", by=by, at=at)
    to = addressee(need)
    if to is None:
        need.provider = None
        if was_met or need.state == _STATE.MATCHED:
            _step(need, _STATE.OPEN, "open", by=by, at=at, due_on=None)
        else:
            need.save()
        return
    node = settings.NODE
    days = node.catalogue_bureau_days if to.organisation.is_bureau else node.catalogue_answer_days
    need.provider, need.sent_because = to.organisation, to.because
    _step(need, _STATE.ROUTED, "sent", f"{to.organisation.name}：{to.because}", by=by, at=at,
          due_on=after(at, days))  # fmt: skip
    details = {"wanted": need.wanted, "law": to.because}
    record("need.sent", by=by, at=at, subject=Subject("organisation", to.organisation.code), details=details)


@transaction.atomic
def route(need: Need, *, provider: Organisation, law: str, by: Actor, at: datetime) -> Need:
    """The bureau sends a need that nobody provides for to whoever the law names."""
    need = _locked(need)
    _demand_bureau(need, by)
    law = _said(law, 400)
    if not law:
        raise ReasonMissing
    if need.state in {_STATE.MET, _STATE.DROPPED}:
        raise _wrong("该需求已满足或已撤回", "it is met, or was taken back")
    need.provider, need.sent_because, need.resource, need.suggested = provider, law, None, None
    due = after(at, settings.NODE.catalogue_answer_days)
    _step(need, _STATE.ROUTED, "sent", f"{provider.name}：{law}", by=by, at=at, due_on=due)
    subject = Subject("organisation", provider.code)
    record("need.routed", by=by, at=at, subject=subject, details={"wanted": need.wanted, "law": law})
    return need


@transaction.atomic
def answer(
    need: Need,
    *,
    says: Answer,
    reason: str = "",
    on: date | None = None,
    other: Organisation | None = None,
    by: Actor,
    at: datetime,
) -> Need:
    """Whoever was asked answers: by when it provides the data; that it does not hold it; whose it is. With reasons.

    A promise is due on its day. The other two go back to the bureau, which sends the need on.
    """
    need = _locked(need)
    if need.state not in {_STATE.ROUTED, _STATE.PROMISED} or need.provider is None:
        raise _wrong("该需求不在等待答复", "no answer is waited for")
    _demand_provider(by, need.provider.code)
    reason = _said(reason, LONGEST)
    node = settings.NODE
    if says == "provide":
        if on is None or not at.date() <= on <= after(at, 250):
            raise _wrong("请填写一年之内的提供日期", "give a day within a year by which it is provided")
        need.answer, need.suggested = reason, None
        _step(need, _STATE.PROMISED, "promised", f"{on.isoformat()} {reason}", by=by, at=at, due_on=on)
    else:
        if not reason:
            raise ReasonMissing
        if says == "elsewhere" and other in {None, need.provider}:
            raise _wrong("请写明由哪个部门提供", "say which department provides it")
        need.answer, need.suggested = reason, other if says == "elsewhere" else None
        told = f"{other.name}：{reason}" if says == "elsewhere" and other else reason
        due = after(at, node.catalogue_bureau_days)
        _step(need, _STATE.DECLINED, "declined", told, by=by, at=at, due_on=due)
    details = {"wanted": need.wanted, "says": says}
    record("need.answered", by=by, at=at, subject=Subject("need", str(need.pk)), details=details)
    return need


@transaction.atomic
def confirm_fit(need: Need, resource: Resource, *, is_it: bool, by: Actor, at: datetime) -> Need:
    """The department in need says whether an entry is what it needs; if not, the next one is looked for."""
    need = _locked(need)
    _demand_provider(by, need.organisation.code)
    if need.state in {_STATE.MET, _STATE.DROPPED} or not resource.is_live:
        raise _wrong(
            "该需求已满足、已撤回，或目录未发布", "it is met or taken back, or the entry is not live"
        )
    if is_it:
        need.resource_code = resource.code
        _meet(need, Fit(resource, "declared"), by=by, at=at)
    else:
        need.not_these = sorted({*need.not_these, resource.code})[:100]
        if need.resource_id == resource.pk:
            need.state = _STATE.OPEN
        _note(need, "not_this", resource.name, by=by, at=at)
        _fit(need, by=by, at=at)
        need.save()
    details = {"entry": resource.code, "is_it": is_it}
    record("need.judged", by=by, at=at, subject=Subject("need", str(need.pk)), details=details)
    return need


@transaction.atomic
def drop_need(need: Need, *, by: Actor, at: datetime) -> Need:
    """The department needs it no longer."""
    need = _locked(need)
    _demand_provider(by, need.organisation.code)
    _step(need, _STATE.DROPPED, "dropped", by=by, at=at, due_on=None)
    record("need.dropped", by=by, at=at, subject=Subject("need", str(need.pk)))
    return need


@transaction.atomic
def tend_needs(*, by: Actor, at: datetime) -> int:
    """Look again at what the versions published or withdrawn since the last time concern; how many versions. The worker's."""
    place, _ = ReadingPosition.objects.select_for_update().get_or_create(duty="needs")
    rows = list(
        ResourceVersion.objects.filter(number__gt=place.position)
        .order_by("number")
        .values_list("number", "resource")[:READ_AT_ONCE]
    )
    if not rows:
        return 0
    _look_again([resource for _, resource in rows], by=by, at=at)
    place.position = rows[-1][0] or 0
    place.save()
    return len(rows)


def _look_again(resources: Sequence[int], *, by: Actor = SYSTEM, at: datetime) -> None:
    """Fit the needs and yields anew that changed entries (by key) may concern."""
    changed = list(Resource.objects.filter(pk__in=resources).prefetch_related("element_uses"))
    elements = {use.element for each in changed for use in each.element_uses.all()}
    open_ones = list(Need.objects.exclude(state="dropped").select_related("organisation", "provider"))
    for need in touched(open_ones, changed, elements):
        _fit(need, by=by, at=at)
    names = {each.name for each in changed}
    for made in Yield.objects.filter(name__in=names) | Yield.objects.filter(resource__in=resources):
        _fit_yield(made)


@transaction.atomic
def escalate_needs(*, by: Actor, at: datetime) -> int:
    """Tell the bureau of needs that whoever was asked has let lie beyond their day; how many. The worker's."""
    waiting = [_STATE.ROUTED, _STATE.PROMISED]
    from_day = after(at, 0)
    late = Need.objects.filter(state__in=waiting, due_on__lt=from_day, escalated_at__isnull=True)
    count = 0
    for need in late.select_for_update(of=("self",)).select_related("organisation")[:READ_AT_ONCE]:
        need.escalated_at = at
        need.save(update_fields=["escalated_at"])
        _note(need, "escalated", "", by=by, at=at)
        details = {"wanted": need.wanted, "due_on": str(need.due_on)}
        record("need.escalated", by=by, at=at, subject=Subject("need", str(need.pk)), details=details)
        count += 1
    return count


def _step(
    need: Need, state: str, act: str, note: str = "", *, by: Actor, at: datetime, due_on: date | None
) -> None:
    need.state, need.due_on, need.escalated_at = state, due_on, None
    need.save()
    _note(need, act, note, by=by, at=at)


def _note(need: Need, act: str, note: str, *, by: Actor, at: datetime) -> None:
    NeedMove.objects.create(
        need=need, act=act, note=note, by_name=by.name, organisation=by.organisation, at=at
    )


def _locked(need: Need) -> Need:
    rows = Need.objects.select_for_update(of=("self",)).select_related("organisation", "provider")
    return rows.get(pk=need.pk)


def _said(text: str, longest: int) -> str:
    return text.replace("\0", "").strip()[:longest]


def _demand_bureau(need: Need, by: Actor) -> None:
    of_node = bureaus(need.organisation.node)
    if by.kind == "person" and by.organisation not in of_node:
        raise NotTheBureau


def _wrong(why_zh: str, why_en: str) -> NeedAnswerWrong:
    return NeedAnswerWrong(why_zh=why_zh, why_en=why_en)

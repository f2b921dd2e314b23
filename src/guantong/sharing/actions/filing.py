"""Asking for data: at the consumer's node, and as it arrives at the provider's."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from django.db import transaction
from django.utils import timezone

from guantong.catalog import queries as catalog
from guantong.catalog.errors import ResourceUnknown
from guantong.catalog.models import Resource
from guantong.catalog.types import ResourceContent
from guantong.evidence.agreements import digest_of
from guantong.identity.models import Application, Organisation
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.kit.suites import VerifyKey
from guantong.sharing import flows
from guantong.sharing.actions.moving import arrive, set_out
from guantong.sharing.agreements.checking import demand_pledged
from guantong.sharing.agreements.statements import pledge_of
from guantong.sharing.errors import (
    FieldNotInResource,
    ItemsAboveClearance,
    LimitsWrong,
    NotShared,
    NumberTaken,
    OwnResource,
    PledgeMissing,
    RequestIncomplete,
    ResourceOfAnotherNode,
    ReviewWrong,
)
from guantong.sharing.models import Grant, NumberSeries, Paper, Request, Step
from guantong.sharing.parties import demand_free_codes, demand_own_organisation
from guantong.sharing.renewals import demand_fits, renewal_need
from guantong.sharing.telling import filing_of
from guantong.sharing.types import Filing, Need


@transaction.atomic
def file_request(
    need: Need,
    *,
    consumer: Organisation,
    batch: uuid.UUID | None = None,
    paper: Paper | None = None,
    renews: Grant | None = None,
    pledged_by: str = "",
    by: Actor,
    at: datetime,
) -> Request:
    """File what a department needs. Unconditional resources are granted at once; "not shared" is refused.

    ``batch`` names requests that were filed together; ``paper`` is the signed form where it was filed on paper;
    ``renews`` is the grant that is to go on; ``pledged_by`` who signed the pledge, where a program files for them.
    """
    resource = catalog.by_code(need.resource)
    content = _shared(resource)
    if resource.provider.code == consumer.code:
        raise OwnResource
    _demand_complete(need)
    _demand_items(need.fields, content)
    catalog.demand_admitted(content, consumer, purpose=need.purpose.strip())
    request = Request(
        number=_next_number(consumer.node, at),
        resource=resource.code,
        consumer=consumer.code,
        consumer_name=consumer.name,
        consumer_node=consumer.node,
        applications=_applications(need, consumer),
        fields=list(dict.fromkeys(need.fields)),
        modes=list(dict.fromkeys(need.modes)),
        purpose=need.purpose.strip(),
        purpose_text=need.purpose_text,
        legal_basis=need.legal_basis,
        per_day=need.per_day,
        per_second=need.per_second,
        days=need.days,
        pledged_by=paper.signed_by if paper else pledged_by or by.name,
        particulars=msgspec.to_builtins(need.particulars),
        batch=batch,
        paper=paper,
        renews=renews.code if renews else "",
        filed_at=at,
        filed_by=by.name,
        filed_by_id=by.id,
    )
    _demand_clearance(request, content)
    statement = pledge_of(request, at=at)
    request.pledge, request.pledge_statement = digest_of(statement), statement.decode()
    _demand_bounds(request)
    if request.renews:
        demand_fits(request, at=at)
    flows.demand_reviewer(request)
    _keep(request, resource)
    about = {"paper": paper.number, "digest": paper.digest} if paper else {}
    record("request.filed", by=by, at=at, subject=Subject("request", str(request.uuid)), details=about)
    set_out(request, by=by, at=at)
    return request


@transaction.atomic
def file_together(
    needs: Sequence[Need],
    *,
    consumer: Organisation,
    paper: Paper | None = None,
    pledged_by: str = "",
    by: Actor,
    at: datetime,
) -> list[Request]:
    """File several needs at once, of several providers: each goes its own way, side by side. All or none."""
    batch = uuid.uuid4() if len(needs) > 1 else None
    return [
        file_request(need, consumer=consumer, batch=batch, paper=paper, pledged_by=pledged_by, by=by, at=at)
        for need in needs
    ]


@transaction.atomic
def renew(
    grant: Grant, *, days: int, purpose_text: str = "", consumer: Organisation, by: Actor, at: datetime
) -> Request:
    """续期: ask that a grant go on for ``days`` more, with a new pledge; by the same flows as any request."""
    grant = Grant.objects.select_for_update().get(pk=grant.pk)
    need = renewal_need(grant, consumer=consumer, days=days, purpose_text=purpose_text, by=by, at=at)
    return file_request(need, consumer=consumer, renews=grant, by=by, at=at)


@transaction.atomic
def receive_request(
    filing: Filing, *, own: str, keys: Mapping[str, VerifyKey] | None = None, by: Actor, at: datetime
) -> Request:
    """Take in a request that another node filed for a resource of ours (``own``); a repeat changes nothing.

    ``keys`` are those of the consumer's node, of which one must have signed the pledge.
    Only what the consumer's node may say is taken from it. Whose the resource is, we know ourselves.
    """
    found = Request.objects.filter(uuid=filing.uuid).first()
    if found:
        return found
    resource = catalog.by_code(filing.resource)
    if resource.node != own:
        raise ResourceOfAnotherNode(resource=filing.resource, node=own)
    _demand_items(filing.fields, _shared(resource))
    prefix = f"SQ{filing.consumer_node}"
    if not filing.number.startswith(prefix) or Request.objects.filter(number=filing.number).exists():
        raise NumberTaken(number=filing.number, node=filing.consumer_node)
    if keys is not None:
        demand_pledged(filing, keys)
    demand_own_organisation(filing.consumer, node=filing.consumer_node)
    demand_free_codes(filing.applications, node=filing.consumer_node)
    for review in filing.reviews:
        if review.kind not in flows.ROLES["leaving"] or review.decision != "approved":
            raise ReviewWrong
        demand_own_organisation(review.decider, node=filing.consumer_node)
    values = msgspec.to_builtins(filing)
    reviews = values.pop("reviews")
    request = Request(**{**values, "filed_at": _moment(filing.filed_at)})
    if request.renews:
        demand_fits(request, at=at)
    _keep(request, resource)
    for review in reviews:
        decided_at = _moment(review["decided_at"]) if review["decided_at"] else None
        Step.objects.create(request=request, **{**review, "decided_at": decided_at})
    record("request.received", by=by, at=at, subject=Subject("request", str(request.uuid)))
    arrive(request, by=by, at=at)
    return request


def _shared(resource: Resource) -> ResourceContent:
    content = resource.live
    if content is None:
        raise ResourceUnknown(resource=resource.code)
    if content.sharing_type == "not_shared":
        raise NotShared(basis=content.sharing_basis)
    return content


def _keep(request: Request, resource: Resource) -> None:
    request.resource_name = resource.name
    request.provider, request.provider_name = resource.provider.code, resource.provider.name
    request.provider_node = resource.node
    request.save(force_insert=True)


def _demand_complete(need: Need) -> None:
    wanted = {
        "fields": ("所需信息项", "the items"),
        "modes": ("使用方式", "the mode"),
        "purpose": ("对应事项", "the service item"),
        "purpose_text": ("应用场景", "the scenario"),
        "legal_basis": ("法律依据", "the legal basis"),
        "applications": ("调用应用", "the calling application"),
    }
    lacking = {name: words for name, words in wanted.items() if not _is_given(getattr(need, name))}
    if lacking and not need.pledge_signed:
        lacking["pledge"] = ("数据安全承诺", "the pledge")
    if lacking:
        raise RequestIncomplete(
            missing_zh="、".join(zh for zh, _ in lacking.values()),
            missing_en=", ".join(en for _, en in lacking.values()),
            fields=list(lacking),
        )
    if not need.pledge_signed:
        raise PledgeMissing


def _is_given(value: str | list[str]) -> bool:
    return bool(value.strip() if isinstance(value, str) else value)


def _demand_items(fields: list[str], content: ResourceContent) -> None:
    strangers = set(fields) - {item.name for item in content.items}
    if strangers:
        raise FieldNotInResource(fields="、".join(sorted(strangers)))


def _demand_clearance(request: Request, content: ResourceContent) -> None:
    """Refuse now what every gateway would refuse later, whatever is granted."""
    levels = {item.name: (item.level, item.label) for item in content.items}
    for application in request.applications:
        above = [levels[name][1] for name in request.fields if levels[name][0] > application["clearance"]]
        if above:
            raise ItemsAboveClearance(
                items="、".join(above), application=application["name"], clearance=application["clearance"]
            )


def _applications(need: Need, consumer: Organisation) -> list[dict[str, object]]:
    found = Application.objects.filter(code__in=need.applications, organisation=consumer, is_active=True)
    if len(found) != len(set(need.applications)):
        raise RequestIncomplete(
            missing_zh="本机构已登记的调用应用",
            missing_en="applications registered by your organisation",
            fields=["applications"],
        )
    return [
        {"code": a.code, "name": a.name, "public_key": a.public_key, "clearance": a.clearance} for a in found
    ]


def _demand_bounds(request: Request) -> None:
    """Refuse what no other node would take."""
    try:
        filing_of(request)
    except msgspec.ValidationError as error:
        raise LimitsWrong(why=str(error)) from error


def _next_number(node: str, at: datetime) -> str:
    """The node's next number of that day (in Chinese time); two requests at once wait for each other here."""
    prefix = f"SQ{node}{timezone.localtime(at):%Y%m%d}"
    used = Request.objects.filter(number__startswith=prefix).count()
    series, _ = NumberSeries.objects.select_for_update().get_or_create(prefix=prefix, defaults={"last": used})
    series.last += 1
    series.save()
    return f"{prefix}{series.last:04d}"


def _moment(text: str) -> datetime:
    try:
        return clock.parse(text)
    except ValueError as error:
        raise LimitsWrong(why="filed_at") from error

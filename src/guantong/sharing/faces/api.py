"""What programs may do, ``/api/sharing/v1``: file, follow, add, withdraw; read grants. Deciding stays with people."""

import hashlib
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from guantong.sharing import actions
from guantong.sharing.errors import LimitsWrong, RequestIncomplete
from guantong.sharing.faces import openapi, reading, types
from guantong.sharing.faces.admitting import Visit
from guantong.sharing.faces.errors import FilterUnknown, KeyReused, PledgeOutdated
from guantong.sharing.models import FiledOnce, Request, RequestState
from guantong.sharing.types import PLEDGE, PLEDGE_DIGEST, Need, Particulars, Supplement

PAGE, MOST = 50, 200


@require_safe
def described(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document, for everybody."""
    del request
    return JsonResponse(openapi.document(settings.NODE.web_url.rstrip("/")))


@require_safe
def pledge(request: HttpRequest) -> HttpResponse:
    """The pledge in force, for everybody: its digest goes into the form once an official has signed it."""
    del request
    return JsonResponse(msgspec.to_builtins(types.Pledge(PLEDGE, PLEDGE_DIGEST)))


def file(visit: Visit) -> tuple[int, Any]:
    """File a form; 201, or 200 where the same form was filed under the same key before."""
    form = visit.read(types.Form)
    digest = "sha-256:" + hashlib.sha256(msgspec.json.encode(form)).hexdigest()
    with transaction.atomic():
        once, is_new = FiledOnce.objects.get_or_create(
            application=visit.application.code, key=form.key, defaults={"digest": digest, "at": visit.at}
        )
        if once.digest != digest:
            raise KeyReused(key=form.key)
        if is_new:
            filed = _filed(visit, form)
            once.requests = [str(each.uuid) for each in filed]
            once.save(update_fields=["requests"])
    rows = reading.requests_of(visit.organisation).filter(uuid__in=once.requests)
    told = types.Filed(form.key, not is_new, [reading.request_told(each) for each in rows])
    return (201 if is_new else 200), told


def _filed(visit: Visit, form: types.Form) -> list[Request]:
    if not form.entries:
        raise RequestIncomplete(missing_zh="所申请的目录", missing_en="the entries", fields=["entries"])
    if form.pledge and form.pledge != PLEDGE_DIGEST:
        raise PledgeOutdated
    needs = [_need(form, entry) for entry in form.entries]
    pledged_by = form.pledged_by.strip()
    return actions.file_together(
        needs, consumer=visit.organisation, pledged_by=pledged_by, by=visit.by, at=visit.at
    )


def _need(form: types.Form, entry: types.EntryAsked) -> Need:
    return Need(
        resource=entry.resource,
        fields=entry.fields,
        modes=entry.modes,
        purpose=form.purpose,
        purpose_text=form.purpose_text,
        legal_basis=form.legal_basis,
        applications=form.applications,
        pledge_signed=bool(form.pledge and form.pledged_by.strip()),
        per_day=form.per_day,
        per_second=form.per_second,
        days=form.days,
        particulars=form.particulars,
    )


def requests(visit: Visit) -> tuple[int, Any]:
    """The organisation's requests, oldest first."""
    _demand_known(visit, "state", "after", "limit")
    own = rows = reading.requests_of(visit.organisation)
    if state := visit.query.get("state", ""):
        if state not in RequestState.values:
            raise FilterUnknown(name="state")
        rows = rows.filter(state=state)
    shown, following = _paged(visit, own, rows, "uuid")
    told = [reading.request_told(each) for each in shown]
    return 200, types.Requests(told, _next(visit, "sharing-requests", following))


def request(visit: Visit, uuid: UUID) -> tuple[int, Any]:
    """One request: its steps, clocks, what is missing."""
    _demand_known(visit)
    return 200, reading.request_told(reading.one_request(visit.organisation, uuid))


def supplement(visit: Visit, uuid: UUID) -> tuple[int, Any]:
    """Add what was missing; what is not said stays as it is."""
    _demand_known(visit)
    asked = reading.one_request(visit.organisation, uuid)
    added = visit.read(types.Addition)
    told = {
        "uuid": str(asked.uuid),
        "purpose_text": asked.purpose_text if added.purpose_text is None else added.purpose_text,
        "legal_basis": asked.legal_basis if added.legal_basis is None else added.legal_basis,
        "fields": asked.fields if added.fields is None else added.fields,
        "particulars": {**asked.particulars, **_said(added.particulars)},
        "note": added.note,
    }
    try:
        whole = msgspec.convert(told, Supplement)
    except msgspec.ValidationError as error:
        raise LimitsWrong(why=str(error)) from error
    actions.supplement(asked, whole, by=visit.by, at=visit.at)
    return request(visit, uuid)


def _said(particulars: Particulars | None) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(particulars) if particulars else {}
    return found


def withdraw(visit: Visit, uuid: UUID) -> tuple[int, Any]:
    """Ask no longer."""
    _demand_known(visit)
    asked = reading.one_request(visit.organisation, uuid)
    actions.withdraw(asked, reason=visit.read(types.Withdrawing).reason, by=visit.by, at=visit.at)
    return request(visit, uuid)


def grants(visit: Visit) -> tuple[int, Any]:
    """The organisation's grants with their terms, oldest first."""
    _demand_known(visit, "resource", "after", "limit")
    own = rows = reading.grants_of(visit.organisation)
    if resource := visit.query.get("resource", ""):
        rows = rows.filter(resource=resource)
    shown, following = _paged(visit, own, rows, "code")
    told = [reading.grant_told(each) for each in shown]
    return 200, types.Grants(told, _next(visit, "sharing-grants", following))


def grant(visit: Visit, code: str) -> tuple[int, Any]:
    """One grant."""
    _demand_known(visit)
    return 200, reading.grant_told(reading.one_grant(visit.organisation, code))


def _demand_known(visit: Visit, *known: str) -> None:
    for name in visit.query:
        if name not in known:
            raise FilterUnknown(name=name[:80])


def _paged(visit: Visit, own: QuerySet[Any], rows: QuerySet[Any], name: str) -> tuple[list[Any], str]:
    """One page of ``rows`` after that of ``own`` which ``after`` names; the name of its last row if there are more."""
    said = visit.query.get("limit", str(PAGE))
    if not (said.isascii() and said.isdigit() and len(said) < 4 and 1 <= int(said) <= MOST):
        raise FilterUnknown(name="limit")
    if place := visit.query.get("after", ""):
        rows = rows.filter(pk__gt=_place(own, name, place))
    found = list(rows[: int(said) + 1])
    shown = found[: int(said)]
    return shown, str(getattr(shown[-1], name)) if len(found) > len(shown) else ""


def _place(own: QuerySet[Any], name: str, value: str) -> int:
    try:
        found = own.filter(**{name: value}).values_list("pk", flat=True).first()
    except ValidationError as error:  # no UUID
        raise FilterUnknown(name="after") from error
    if found is None:
        raise FilterUnknown(name="after")
    return int(found)


def _next(visit: Visit, name: str, after: str) -> str:
    if not after:
        return ""
    kept = {key: visit.query[key] for key in visit.query if key != "after"}
    return f"{reading.address(name)}?{urlencode({**kept, 'after': after})}"

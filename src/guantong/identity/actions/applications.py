"""Applications: registered by their keys, and known by a name in the national convention."""

import re
import uuid
from datetime import datetime

from django.db import transaction

from guantong.identity.errors import (
    ApplicationCodeTaken,
    ApplicationWrong,
    RidTaken,
    RidWrong,
)
from guantong.identity.keeping import demand_key, kept_by
from guantong.identity.models import Application, Organisation
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject

_RID = re.compile(r"[A-Za-z0-9._:@-]{4,100}")


@transaction.atomic
def register_application(
    code: str,
    name: str,
    *,
    organisation: Organisation,
    public_key: str,
    clearance: int,
    by: Actor,
    at: datetime,
) -> Application:
    """Register a department's system by its public key (vkey); its private key never reaches the node.

    Again with a new key to replace the old one at once, and a second one too; for a change without a gap there is
    :func:`add_key`. An identifier stays with its organisation.
    """
    demand_key(public_key)
    if not 1 <= clearance <= 4:
        raise ApplicationWrong(why_zh="许可级别应为 1 至 4", why_en="clearances go from 1 to 4")
    known = Application.objects.select_for_update().filter(code=code).first()
    if known and known.organisation_id != organisation.pk:
        raise ApplicationCodeTaken(application=code)
    application, _ = Application.objects.update_or_create(
        code=code,
        defaults={
            "name": name,
            "organisation": organisation,
            "public_key": public_key,
            "second_key": "",
            "second_key_at": None,
            "second_key_by": "",
            "clearance": clearance,
            "is_active": True,
            "registered_at": at,
            "rid": known.rid if known and known.rid else _drawn_rid(organisation),
        },
    )
    record("application.registered", by=by, at=at, subject=Subject("application", code))
    enqueue("bundle.stale", {"because": "application.registered"}, by=by, at=at)
    return application


@transaction.atomic
def name_requester(application: Application, rid: str, *, by: Actor, at: datetime) -> Application:
    """Let the national convention know the application by ``rid`` (请求者标识). RidWrong, RidTaken."""
    known = kept_by(application, by)
    if not _RID.fullmatch(rid):
        raise RidWrong
    if Application.objects.filter(rid=rid).exclude(pk=known.pk).exists():
        raise RidTaken(rid=rid)
    if known.rid == rid:
        return known
    before, known.rid = known.rid, rid
    known.save()
    details = {"before": before, "after": rid}
    record("application.rid_named", by=by, at=at, subject=Subject("application", known.code), details=details)
    enqueue("bundle.stale", {"because": "application.rid_named"}, by=by, at=at)
    return known


def _drawn_rid(organisation: Organisation) -> str:
    return f"{uuid.uuid4()}@{organisation.division[:6]}"

"""Applications: their keys, the secrets that they share with this node, and their names in the national convention."""

import re
import secrets
import uuid
from datetime import datetime

from django.conf import settings
from django.db import transaction

from guantong.identity.errors import (
    ApplicationCodeTaken,
    ApplicationOfAnother,
    ApplicationWrong,
    RidTaken,
    RidWrong,
)
from guantong.identity.models import Application, Organisation
from guantong.identity.queries import holds
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.kit import shared_secrets
from guantong.kit.errors import GuantongError
from guantong.kit.suites import VerifyKey

SECRET_BYTES = 32
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

    Again with a new key to replace the old one; an identifier stays with its organisation.
    """
    try:
        VerifyKey.from_text(public_key)
    except GuantongError as error:
        raise ApplicationWrong(why_zh=error.sentence("zh"), why_en=error.sentence("en")) from error
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
def issue_secret(application: Application, *, by: Actor, at: datetime) -> str:
    """A new random secret of 256 bits (base64url), to be shown once; one given out before is no longer good.

    The database holds its digest; the secret itself rests in the key folder, for the ways of calling that sign with
    it. Should the disk fail, nothing has changed. ApplicationOfAnother.
    """
    known = _kept_by(application, by)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    act = "application.secret_renewed" if known.secret else "application.secret_issued"
    known.secret = shared_secrets.digest_of(secret)
    known.secret_issued_at, known.secret_issued_by = at, by.name
    known.save()
    record(act, by=by, at=at, subject=Subject("application", known.code))
    enqueue("bundle.stale", {"because": act}, by=by, at=at)
    # Last: what the file holds counts only as long as its digest is the one written down.
    shared_secrets.keep(settings.NODE.key_folder, known.code, secret)
    return secret


@transaction.atomic
def revoke_secret(application: Application, *, by: Actor, at: datetime) -> Application:
    """Let an application prove itself by its keys alone. Tokens that were given for the secret end too."""
    known = _kept_by(application, by)
    if not known.secret:
        return known
    known.secret, known.secret_issued_at, known.secret_issued_by = "", None, ""
    known.save()
    record("application.secret_revoked", by=by, at=at, subject=Subject("application", known.code))
    enqueue("bundle.stale", {"because": "application.secret_revoked"}, by=by, at=at)
    shared_secrets.keep(settings.NODE.key_folder, known.code, None)
    return known


@transaction.atomic
def name_requester(application: Application, rid: str, *, by: Actor, at: datetime) -> Application:
    """Let the national convention know the application by ``rid`` (请求者标识). RidWrong, RidTaken."""
    known = _kept_by(application, by)
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


def _kept_by(application: Application, by: Actor) -> Application:
    """The application, locked, which ``by`` looks after: of their own department, or of the node they operate."""
    known = Application.objects.select_for_update().get(pk=application.pk)
    owner = Organisation.objects.get(pk=known.organisation_id)
    is_own = owner.code == by.organisation and holds(by, "application:keep")
    if not is_own and not (owner.node == settings.NODE.node and holds(by, "application:register")):
        raise ApplicationOfAnother(application=known.code)
    return known


def _drawn_rid(organisation: Organisation) -> str:
    return f"{uuid.uuid4()}@{organisation.division[:6]}"

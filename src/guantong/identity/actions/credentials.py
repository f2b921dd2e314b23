"""What an application proves itself by: secrets that it shares with this node, and its public keys.

Both overlap when they change, so that a department can change over one machine after another without an outage.
"""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from guantong.bundle.overlaps import name_of
from guantong.identity.errors import (
    ApplicationKeysFull,
    ApplicationKeyStays,
    ApplicationWrong,
    FormerSecretsFull,
    OverlapWrong,
)
from guantong.identity.keeping import demand_key, kept_by
from guantong.identity.models import Application, FormerSecret
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.kit import clock, shared_secrets
from guantong.kit.suites import VerifyKey

SECRET_BYTES = 32
OVERLAP_DAYS, LONGEST_OVERLAP_DAYS = 7, 30
MOST_FORMER = 3


@transaction.atomic
def issue_secret(
    application: Application, *, overlap_days: int = OVERLAP_DAYS, by: Actor, at: datetime
) -> str:
    """A new random secret of 256 bits (base64url), to be shown once.

    One given out before is good for ``overlap_days`` more (0: no longer). The database holds digests; the secrets
    themselves rest in the key folder, for the ways of calling that sign with one. Should the disk fail, nothing has
    changed. ApplicationOfAnother, OverlapWrong, FormerSecretsFull.
    """
    known = kept_by(application, by)
    if not 0 <= overlap_days <= LONGEST_OVERLAP_DAYS:
        raise OverlapWrong(most=LONGEST_OVERLAP_DAYS)
    until = _overlapped(known, overlap_days, at=at) if known.secret else None
    secret = secrets.token_urlsafe(SECRET_BYTES)
    act = "application.secret_renewed" if known.secret else "application.secret_issued"
    known.secret = shared_secrets.digest_of(secret)
    known.secret_issued_at, known.secret_issued_by = at, by.name
    known.save()
    details = {"former_until": clock.rfc3339(until)} if until else {}
    record(act, by=by, at=at, subject=Subject("application", known.code), details=details)
    enqueue("bundle.stale", {"because": act}, by=by, at=at)
    # Last: what the file holds counts only as long as its digest is one that was written down.
    keeps = name_of(known.code, clock.rfc3339(until)) if until else ""
    shared_secrets.follow(settings.NODE.key_folder, known.code, secret, former=keeps)
    return secret


def _overlapped(known: Application, days: int, *, at: datetime) -> datetime | None:
    """Note that the present secret is good for ``days`` more; until when, or None if it ends at once."""
    if not days:
        return None
    if known.former_secrets.filter(until__gt=at).count() >= MOST_FORMER:
        raise FormerSecretsFull(application=known.code, most=MOST_FORMER)
    until = at + timedelta(days=days)
    FormerSecret.objects.create(
        application=known, digest=known.secret, issued_at=known.secret_issued_at, followed_at=at, until=until
    )
    return until


@transaction.atomic
def end_former_secret(former: FormerSecret, *, by: Actor, at: datetime) -> Application:
    """Let a secret that was followed by another be good no longer, before its time. ApplicationOfAnother."""
    known = kept_by(former.application, by)
    if FormerSecret.objects.filter(pk=former.pk).exists():
        _end(former, "application.former_secret_ended", by=by, at=at)
    return known


def end_overlaps(*, by: Actor, at: datetime) -> int:
    """Take away the former secrets whose time is over; how many. Gateways stopped believing them on the moment."""
    # Looked at without a lock: mostly there is nothing to do.
    return _end_all(by=by, at=at) if FormerSecret.objects.filter(until__lte=at).exists() else 0


@transaction.atomic
def _end_all(*, by: Actor, at: datetime) -> int:
    over = list(FormerSecret.objects.select_for_update().filter(until__lte=at).select_related("application"))
    for former in over:
        _end(former, "application.former_secret_expired", by=by, at=at)
    return len(over)


def _end(former: FormerSecret, act: str, *, by: Actor, at: datetime) -> None:
    code, until = former.application.code, clock.rfc3339(former.until)
    former.delete()
    record(act, by=by, at=at, subject=Subject("application", code), details={"until": until})
    enqueue("bundle.stale", {"because": act}, by=by, at=at)
    shared_secrets.drop(settings.NODE.key_folder, [name_of(code, until)])


@transaction.atomic
def revoke_secret(application: Application, *, by: Actor, at: datetime) -> Application:
    """Let an application prove itself by its keys alone: no secret, no former one, no token given for any of them."""
    known = kept_by(application, by)
    if not known.secret:
        return known
    names = [name_of(known.code, clock.rfc3339(each.until)) for each in known.former_secrets.all()]
    known.former_secrets.all().delete()
    known.secret, known.secret_issued_at, known.secret_issued_by = "", None, ""
    known.save()
    record("application.secret_revoked", by=by, at=at, subject=Subject("application", known.code))
    enqueue("bundle.stale", {"because": "application.secret_revoked"}, by=by, at=at)
    shared_secrets.drop(settings.NODE.key_folder, [known.code, *names])
    return known


@transaction.atomic
def add_key(application: Application, public_key: str, *, by: Actor, at: datetime) -> Application:
    """Let an application sign by a second key besides its present one, of either suite.

    ApplicationOfAnother, ApplicationWrong, ApplicationKeysFull.
    """
    known = kept_by(application, by)
    demand_key(public_key)
    if public_key in known.public_keys:
        raise ApplicationWrong(why_zh="该公钥已登记", why_en="this public key is registered already")
    if known.second_key:
        raise ApplicationKeysFull(application=known.code)
    known.second_key, known.second_key_at, known.second_key_by = public_key, at, by.name
    known.save()
    _keys_changed("application.key_added", known, public_key, by=by, at=at)
    return known


@transaction.atomic
def drop_key(application: Application, key_id: str, *, by: Actor, at: datetime) -> Application:
    """Let the key with this id (eight hexadecimal digits) prove nothing any more; the other one stays.

    ApplicationOfAnother, ApplicationKeyStays.
    """
    known = kept_by(application, by)
    gone = [each for each in known.public_keys if VerifyKey.from_text(each).key_id == key_id]
    left = [each for each in known.public_keys if each not in gone]
    if not gone or not left:
        raise ApplicationKeyStays(application=known.code, key=key_id[:20])
    known.public_key, known.second_key = left[0], ""
    known.second_key_at, known.second_key_by = None, ""
    known.save()
    _keys_changed("application.key_dropped", known, gone[0], by=by, at=at)
    return known


def _keys_changed(act: str, known: Application, public_key: str, *, by: Actor, at: datetime) -> None:
    key = VerifyKey.from_text(public_key).ref
    record(act, by=by, at=at, subject=Subject("application", known.code), details={"key": key})
    enqueue("bundle.stale", {"because": act}, by=by, at=at)

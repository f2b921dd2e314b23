"""Notices on their way out: many into one mail, each webhook signed by the node; tried again, and honest about it.

No more leaves than the sentence and a link. A repeat after a crash bears the same identifier, by which mail programs
and receivers know it again.
"""

import hashlib
import json
import secrets
import smtplib
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from django.core.mail import EmailMessage, get_connection

from guantong.courier.client import SyncCourier
from guantong.journal.types import Actor
from guantong.kit import clock, http_signatures
from guantong.kit.errors import GuantongError
from guantong.kit.http_components import Request
from guantong.kit.settings import Settings
from guantong.kit.suites import SigningKey
from guantong.notices import actions, queries
from guantong.notices.errors import WebhookNotAllowed
from guantong.notices.links import path_of
from guantong.notices.models import Choice, Delivery
from guantong.notices.words import kind_of, sentence

IN_ONE_MAIL = 50
HOOKS_A_ROUND = 100
TIMEOUT_S = 15
SIGNED = ("@method", "@target-uri", "content-digest", "content-type")
_SUBJECTS = {"zh": "{title}：{n} 条通知", "en": "{title}: {n} notices"}
_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


def post(*, settings: Settings, key: SigningKey, by: Actor, at: datetime) -> int:
    """One round of the worker: spread what is new, mail, and post; how many notices went out."""
    while actions.spread(by=by, at=at):
        pass
    return _post_mails(settings, by=by, at=at) + _post_hooks(settings, key, by=by, at=at)


def _post_mails(settings: Settings, *, by: Actor, at: datetime) -> int:
    if not settings.mail_host:
        return 0
    due = queries.waiting("mail").filter(next_attempt_at__lte=at)[: IN_ONE_MAIL * 10]
    sent = 0
    for _, rows in groupby(due, key=lambda each: each.person_id):
        some = list(rows)[:IN_ONE_MAIL]
        try:
            _mail(some, settings)
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            why = f"SMTP {min(codes)}"
            actions.note_failed(some, why=why, is_final=min(codes) >= 500, by=by, at=at)
        except smtplib.SMTPResponseException as error:
            # The server's own words may hold addresses; its code says enough.
            actions.note_failed(some, why=f"SMTP {error.smtp_code}", by=by, at=at)
        except (OSError, smtplib.SMTPException) as error:
            actions.note_failed(some, why=type(error).__name__, by=by, at=at)
        else:
            actions.note_sent(some, by=by, at=at)
            sent += len(some)
    return sent


def _mail(some: Sequence[Delivery], settings: Settings) -> None:
    person = some[0].person
    if not person.email:
        raise smtplib.SMTPRecipientsRefused({"": (550, b"")})
    language = queries.choice_of(person).language
    lines = [
        f"{sentence(each.notice.code, language, each.notice.details)}\n{settings.web_url}{path_of(each.notice)}"
        for each in some
    ]
    name = hashlib.sha256(",".join(str(each.notice.uuid) for each in some).encode()).hexdigest()[:32]
    one = sentence(some[0].notice.code, language, some[0].notice.details)
    many = _SUBJECTS[language].format(title=settings.title, n=len(some))
    subject = f"{settings.title}：{one}" if len(some) == 1 else many
    connection = get_connection(
        _BACKEND,
        host=settings.mail_host,
        port=settings.mail_port,
        username=settings.mail_user,
        password=settings.mail_password,
        use_tls=settings.mail_security == "starttls",
        use_ssl=settings.mail_security == "tls",
        timeout=TIMEOUT_S,
    )
    EmailMessage(
        " ".join(subject.split())[:180],
        "\n\n".join(lines),
        settings.mail_from,
        [person.email],
        connection=connection,
        headers={"Message-ID": f"<{name}@{settings.name}>", "Auto-Submitted": "auto-generated"},
    ).send()


def _post_hooks(settings: Settings, key: SigningKey, *, by: Actor, at: datetime) -> int:
    due = list(queries.waiting("webhook").filter(next_attempt_at__lte=at)[:HOOKS_A_ROUND])
    addresses = dict(
        Choice.objects.filter(person__in={each.person_id for each in due}).values_list("person", "webhook")
    )
    sent = 0
    for each in due:
        try:
            address = addresses.get(each.person_id, "")
            # Asked again now: the operator may have taken the address back since it was chosen.
            queries.demand_allowed(address)
            status = _hook(each, address, settings, key)
        except WebhookNotAllowed as error:
            actions.note_failed([each], why=error.code, is_final=True, by=by, at=at)
        except GuantongError as error:
            actions.note_failed([each], why=error.code, by=by, at=at)
        else:
            if 200 <= status < 300:
                actions.note_sent([each], by=by, at=at)
                sent += 1
            else:
                actions.note_failed([each], why=f"HTTP {status}", is_final=status == 410, by=by, at=at)
    return sent


def _hook(each: Delivery, address: str, settings: Settings, key: SigningKey) -> int:
    notice = each.notice
    told = {
        "id": f"{notice.uuid}/{each.person.uuid}",
        "kind": kind_of(notice.code),
        "code": notice.code,
        "at": clock.rfc3339(notice.at),
        "zh": sentence(notice.code, "zh", notice.details),
        "en": sentence(notice.code, "en", notice.details),
        "link": f"{settings.web_url}{path_of(notice)}",
    }
    body = json.dumps(told, ensure_ascii=False).encode()
    headers = {
        "content-type": "application/json",
        "content-digest": http_signatures.content_digest(body),
        "idempotency-key": f'"{notice.uuid}/{each.person.uuid}"',
    }
    headers |= http_signatures.sign(
        Request("POST", address, headers),
        SIGNED,
        key,
        created=int(clock.now().timestamp()),
        keyid=key.name,
        nonce=secrets.token_urlsafe(18),
    )
    with SyncCourier(queries.allowed_origins(), timeout_s=TIMEOUT_S, max_body=1 << 16) as courier:
        return courier.send("POST", address, headers=headers, body=body).status

"""纸质件: what is accepted as the scan of a signed paper, told by its first bytes and not by its name."""

import hashlib
from datetime import date, datetime

from guantong.journal.types import Actor
from guantong.sharing.errors import PaperIncomplete, PaperUnfit
from guantong.sharing.models import Paper

LARGEST = 10 << 20
_SIGNS = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


def register(
    content: bytes, *, file_name: str, number: str, signed_by: str, signed_on: date, by: Actor, at: datetime
) -> Paper:
    """Keep a scan: PDF, JPEG or PNG of at most 10 MB, with the number, signer and day that stand on it.

    PaperUnfit, PaperIncomplete.
    """
    media_type = next((kind for sign, kind in _SIGNS.items() if content.startswith(sign)), "")
    if not media_type or len(content) > LARGEST:
        raise PaperUnfit(limit=LARGEST >> 20)
    lacks = [
        (not number.strip(), "文号", "the number"),
        (not signed_by.strip(), "签署人", "who signed"),
        (signed_on > at.date(), "签署日期（不晚于今天）", "the day of signing, not after today"),
    ]
    missing = [(zh, en) for is_missing, zh, en in lacks if is_missing]
    if missing:
        raise PaperIncomplete(
            missing_zh="、".join(zh for zh, _ in missing), missing_en=", ".join(en for _, en in missing)
        )
    return Paper.objects.create(
        number=number.strip()[:80],
        signed_by=signed_by.strip()[:120],
        signed_on=signed_on,
        file_name=file_name[-200:],
        media_type=media_type,
        content=content,
        digest="sha-256:" + hashlib.sha256(content).hexdigest(),
        organisation=by.organisation,
        registered_by=by.name,
        registered_at=at,
    )

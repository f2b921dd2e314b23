"""Who calls by the national platform's four headers: ``gjgxjhpt_rid``, ``_sid``, ``_rtime``, ``_sign``.

``sign`` is Base64(HMAC-SHA256(key, sid + rid + rtime)), nothing between, UTF-8; ``rtime`` is in milliseconds. The key
is the application key for fetching the second secret, and that secret for everything else.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from typing import NamedTuple

from guantong.bundle.types import Application, Bundle
from guantong.gateway.limits.counts import Counts, Want
from guantong.gateway.national.faults import NotOnTheList, SignNotRight, SignReplayed, SignTooOld
from guantong.gateway.secrets import SharedSecrets
from guantong.kit import clock

WINDOW_S = 600
LASTS_S = 12 * 3600
"""A second secret is good for the half day in which it was given, and the one after."""


class Four(NamedTuple):
    """What a caller says of itself."""

    rid: str
    sid: str
    rtime: str
    sign: str


def four_of(given: Mapping[str, object]) -> Four:
    """The four fields, from headers or a body; SignNotRight if one is missing or no text."""
    values = [given.get(f"gjgxjhpt_{name}", "") for name in Four._fields]
    texts = [str(value) if isinstance(value, str | int) else "" for value in values]
    if not all(texts) or any(len(text) > 256 for text in texts):
        raise SignNotRight
    return Four(*texts)


def sign(key: bytes, sid: str, rid: str, rtime: str) -> str:
    """The convention's signature."""
    return b64encode(hmac.digest(key, f"{sid}{rid}{rtime}".encode(), "sha256")).decode()


class Callers:
    """Admits callers by the convention. ``key`` is the node's own, from which second secrets are derived."""

    def __init__(self, key: bytes, secrets: SharedSecrets, counts: Counts) -> None:
        self._key = key
        self._secrets = secrets
        self._counts = counts

    async def by_key(self, four: Four, bundle: Bundle) -> tuple[Application, bytes]:
        """The application that signed with its key, and that key: one of several while they overlap."""
        application, secrets = self._known(four, bundle)
        return application, secrets[await self._check(four, secrets)]

    async def by_secret(self, four: Four, bundle: Bundle) -> Application:
        """The application that signed with a second secret of this half day or the one before."""
        application, secrets = self._known(four, bundle)
        half = clock.millis() // 1000 // LASTS_S
        halves = (half, half - 1)
        await self._check(four, [self._second(one, when).encode() for one in secrets for when in halves])
        return application

    def second(self, secret: bytes) -> tuple[str, int]:
        """The second secret of the application with this key now, and its end (milliseconds since 1970).

        It is derived, so every process of the gateway knows it and nobody stores it.
        """
        half = clock.millis() // 1000 // LASTS_S
        return self._second(secret, half), (half + 2) * LASTS_S * 1000

    def _second(self, secret: bytes, half: int) -> str:
        return hmac.digest(self._key, b"second secret\n%d\n%b" % (half, secret), "sha256").hex()

    def _known(self, four: Four, bundle: Bundle) -> tuple[Application, list[bytes]]:
        application = next((one for one in bundle.applications.values() if one.rid == four.rid), None)
        if application is None or application.node != bundle.node or not application.active:
            raise NotOnTheList
        secrets = self._secrets.of(application, bundle)
        if not secrets:
            raise NotOnTheList
        return application, secrets

    async def _check(self, four: Four, keys: list[bytes]) -> int:
        """Which of ``keys`` signed; the refusals of this module if none did, too late, or once before."""
        now = clock.millis()
        is_time = four.rtime.isascii() and four.rtime.isdecimal() and len(four.rtime) < 16
        made = [sign(key, four.sid, four.rid, four.rtime).encode() for key in keys]
        fits = [hmac.compare_digest(one, four.sign.encode()) for one in made]
        if not any(fits) or not is_time:
            raise SignNotRight
        if abs(now - int(four.rtime)) > WINDOW_S * 1000:
            raise SignTooOld(window_s=WINDOW_S)
        # Neither body nor nonce is signed, so one signature can only ever stand for one call.
        ends = int(four.rtime) // 1000 + WINDOW_S + 1
        once = Want(f"national\0{four.rid}\0{four.sid}\0{four.sign}".encode(), 1, ends)
        since = await self._counts.since()
        if int(four.rtime) // 1000 < since or await self._counts.take([once], now=now // 1000) is not None:
            raise SignReplayed
        return fits.index(True)

"""``guantong rotate log|witness``: change a key while the node runs, in two steps; what the old key signed still holds."""

import argparse
import asyncio
import os
import time
from collections.abc import Sequence

import django

from guantong.courier.client import Courier
from guantong.evidence import rotation
from guantong.evidence.configuration import policy_file
from guantong.evidence.cosigning import Reply
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.kit.settings import Settings
from guantong.kit.suites import SigningKey
from guantong.site.node import node_settings

# A witness's next key must be on every policy that proofs are checked with before it cosigns.
WITNESS_WAITS_H = 24


class KeyNotKnownYet(GuantongError):
    """The next key was announced, and those who must know it do not yet."""

    code = "key_not_known_yet"
    status = 409
    zh = "新密钥尚未为各方所知（{who}），稍后再运行一次。"
    en = "The next key is not known everywhere yet ({who}); run this again later."


def main(argv: Sequence[str]) -> int:
    """First announce the next key on the node's card; run again, switch to it. ``--now`` does not wait for witnesses."""
    parser = argparse.ArgumentParser(prog="guantong rotate", description="更换密钥 / change a key")
    parser.add_argument("part", choices=rotation.PARTS)
    parser.add_argument("--now", action="store_true", help="不等各方知晓 / without waiting until it is known")
    asked = parser.parse_args(argv)
    settings, part = node_settings(), asked.part
    following = rotation.next_key(settings.key_folder, part)
    if following is None:
        said = ("已公布新密钥", "announced", rotation.announce(settings.key_folder, part))
    else:
        if not asked.now:
            _check(settings, part, following)
        said = ("已启用新密钥", "in use", rotation.promote(settings.key_folder, part))
    _tell_neighbours(settings)
    print(f"{said[0]} / {said[1]}: {said[2].public.to_text()}")  # noqa: T201 - this is a command line
    return 0


def _check(settings: Settings, part: rotation.Part, following: SigningKey) -> None:
    if part == "witness":
        age_h = (time.time() - (settings.key_folder / "witness.next.key").stat().st_mtime) / 3600
        if age_h < WITNESS_WAITS_H:
            raise KeyNotKnownYet(who=f"{WITNESS_WAITS_H - age_h:.0f} h")
        return
    refusing = asyncio.run(_refusing(settings, following))
    if refusing:
        raise KeyNotKnownYet(who=", ".join(refusing))


async def _refusing(settings: Settings, following: SigningKey) -> list[str]:
    policy = policy_file(settings.log_folder / "policy").current()
    async with Courier([party.url for party in policy.witnesses.values() if party.url]) as courier:

        async def send(method: str, url: str, body: bytes) -> Reply:
            return await courier.send(method, url, headers={"content-type": "text/plain"}, body=body)

        return await rotation.refusals(settings.log_folder, following, send)


def _tell_neighbours(settings: Settings) -> None:
    """A new card, signed by the node's key, which its worker hands on."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guantong.site.settings")
    django.setup()
    # These need the applications loaded.
    from guantong.federation.actions.joining import establish  # noqa: PLC0415
    from guantong.journal.types import SYSTEM  # noqa: PLC0415

    establish(settings, by=SYSTEM, at=clock.now())

"""``guantong rotate log|witness|node``: change a key while the node runs, in two steps; what the old key signed still holds."""

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import django

from guantong.courier.client import Courier
from guantong.evidence import rotation, successions
from guantong.evidence.configuration import policy_file
from guantong.evidence.cosigning import Reply
from guantong.evidence.successions import own_keys
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.kit.settings import Settings
from guantong.kit.suites import SigningKey
from guantong.site.node import node_settings

# A witness's next key must be on every policy that proofs are checked with before it cosigns.
WITNESS_WAITS_H = 24
# Nodes further away hear of a node's next key through its neighbours.
NODE_WAITS_H = 1
# As long as a staged chunk waits to be fetched: what the former key signed on its way is believed until then.
OVERLAP_H = 7 * 24


class KeyNotKnownYet(GuantongError):
    """The next key was announced, and those who must know it do not yet."""

    code = "key_not_known_yet"
    status = 409
    zh = "新密钥尚未为各方所知（{who}），稍后再运行一次。"
    en = "The next key is not known everywhere yet ({who}); run this again later."


def main(argv: Sequence[str]) -> int:
    """First announce the next key on the node's card; run again, switch to it. ``--now`` does not wait for others."""
    parser = argparse.ArgumentParser(prog="guantong rotate", description="更换密钥 / change a key")
    parser.add_argument("part", choices=(*rotation.PARTS, "node"))
    parser.add_argument("--now", action="store_true", help="不等各方知晓 / without waiting until it is known")
    parser.add_argument(
        "--overlap", type=float, default=OVERLAP_H, metavar="HOURS",
        help="节点的旧密钥还有效多少小时（失窃时为 0） / how many hours a node's former key is still believed (0: it was stolen)",
    )  # fmt: skip
    asked = parser.parse_args(argv)
    settings, part = node_settings(), asked.part
    if part == "node":
        done, key = _change_node_key(settings, is_now=asked.now, overlap_h=asked.overlap)
        print(f"{done}: {key}")  # noqa: T201 - this is a command line
        return 0
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


def _change_node_key(settings: Settings, *, is_now: bool, overlap_h: float) -> tuple[str, str]:
    """One step; what was done, and the key that it was about."""
    _use_applications()
    # This needs the applications loaded.
    from guantong.federation import queries  # noqa: PLC0415

    folder, at = settings.key_folder, clock.now()
    said, key = "已启用新密钥 / in use", own_keys(folder).present
    # After a crash between the change and the new card, the card is all that is left to do.
    if queries.own().node_key == key.to_text():
        if successions.next_key(folder) is None:
            said, key = "已公布新密钥 / announced", successions.announce(folder).public
        else:
            if not is_now:
                _check_told(folder)
            key = successions.promote(folder, until=at + timedelta(hours=overlap_h), at=at).public
    _tell_neighbours(settings)
    return said, key.to_text()


def _check_told(folder: Path) -> None:
    """Every neighbour has the card that announces the key, and has had time to hand it on. KeyNotKnownYet."""
    # This needs the applications loaded.
    from guantong.federation.queries import cards_on_their_way  # noqa: PLC0415

    waiting = cards_on_their_way()
    if waiting:
        raise KeyNotKnownYet(who=", ".join(waiting))
    age_h = (time.time() - (folder / successions.NEXT).stat().st_mtime) / 3600
    if age_h < NODE_WAITS_H:
        raise KeyNotKnownYet(who=f"{(NODE_WAITS_H - age_h) * 60:.0f} min")


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
    _use_applications()
    # These need the applications loaded.
    from guantong.federation.actions.joining import establish  # noqa: PLC0415
    from guantong.journal.types import SYSTEM  # noqa: PLC0415

    establish(settings, by=SYSTEM, at=clock.now())


def _use_applications() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guantong.site.settings")
    django.setup()

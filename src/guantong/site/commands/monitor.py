"""``guantong monitor LOG_URL --key VKEY``: follow any log from outside; prove it if it ever shows two histories."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from guantong.courier.client import Courier, Reply
from guantong.evidence.monitor import Look, Mirror, Monitor, keep_accusation, mirror_name
from guantong.kit.errors import GuantongError, Language
from guantong.kit.suites import VerifyKey

_SAID = {
    "log_forked": ("日志签署了两段历史", "the log signed two histories"),
    "log_tiles_wrong": ("日志公布的内容与其签署的根不符", "what the log publishes is not what it signed"),
    "log_shrunk": ("日志退回到较早的状态", "the log went back to an earlier state"),
}


def main(argv: Sequence[str]) -> int:
    """Follow until stopped, or look ``--once``: 0 if all is well, 1 after an alarm, 2 if the log could not be read.

    What was verified is kept in the folder ``--state``; ``--also FILE`` compares a checkpoint that somebody else was shown.
    """
    parser = argparse.ArgumentParser(prog="guantong monitor", description="监视日志 / follow a log")
    parser.add_argument("url", help="日志地址 / the log's address")
    parser.add_argument("--key", action="append", required=True, help="日志公钥 / the log's verifier key")
    parser.add_argument("--state", type=Path, help="记忆所在目录 / folder that remembers what was verified")
    parser.add_argument("--also", type=Path, action="append", default=[], metavar="CHECKPOINT")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--every", type=float, default=10.0, help="间隔秒数 / seconds between looks")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    return asyncio.run(_watch(parser.parse_args(argv)))


async def _watch(asked: argparse.Namespace) -> int:
    keys = {key.ref: key for key in map(VerifyKey.from_text, asked.key)}
    origin, url = VerifyKey.from_text(asked.key[0]).name, asked.url.rstrip("/")
    folder = asked.state or Path(f"monitor-{mirror_name(origin)}")
    mirror = Mirror(folder)
    async with Courier([url]) as courier:

        async def get(path: str) -> Reply:
            return await courier.send("GET", url + path)

        monitor = Monitor(mirror, origin, lambda: keys, get)
        try:
            while True:
                code = await _look(monitor, folder, asked.also, asked.lang)
                if asked.once:
                    return code
                await asyncio.sleep(asked.every)
        finally:
            mirror.close()


async def _look(monitor: Monitor, folder: Path, also: list[Path], language: Language) -> int:
    try:
        looks = [await monitor.look()]
    except (GuantongError, OSError) as fault:
        said = fault.sentence(language) if isinstance(fault, GuantongError) else str(fault)
        sys.stderr.write(said + "\n")
        return 2
    looks += [monitor.judge(path.read_bytes()) for path in also]
    # A smaller checkpoint that somebody was shown earlier is no alarm; a smaller one at the log's own address is.
    alarms = [looks[0], *(look for look in looks[1:] if look.accusation)]
    return max([_tell(monitor.origin, look, folder, language) for look in alarms])


def _tell(origin: str, look: Look, folder: Path, language: Language) -> int:
    if look.alarm is None:
        if language == "en":
            sys.stdout.write(f"{origin}: {look.size} entries verified, {look.new} of them new\n")
        else:
            sys.stdout.write(f"{origin}：已核验 {look.size} 条，其中新增 {look.new} 条\n")
        return 0
    said = _SAID[look.alarm][language == "en"]
    kept = f" → {keep_accusation(folder, look.accusation)[0]}" if look.accusation else ""
    sys.stdout.write(f"{origin}: {said} ({look.size} / {look.shown.size if look.shown else 0}){kept}\n")
    return 1

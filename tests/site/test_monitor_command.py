"""``guantong monitor`` follows a running log from outside, and keeps the proof when it is shown two histories."""

import asyncio
from pathlib import Path

from tests.evidence.cast import CITY_LOG, policy_text
from tests.evidence.test_processes import free_port, served
from tests.site.test_commands import guantong

from guantong.evidence.spool import Spool


async def test_the_command_follows_and_proves(tmp_path: Path) -> None:
    port = free_port()
    words = [
        f"http://127.0.0.1:{port}",
        "--key",
        CITY_LOG.public.to_text(),
        "--state",
        str(tmp_path / "state"),
    ]

    async def look(*more: str) -> tuple[int, str, str]:
        done = await asyncio.to_thread(guantong, "monitor", *words, "--once", "--lang", "en", *more)
        return done.returncode, done.stdout, done.stderr

    for place, count in (("true", 30), ("forged", 40)):
        with Spool(tmp_path / place / "spool", "gateway-0") as writing:
            for number in range(count):
                writing.append_now(f"{place} {number}".encode())
    assert (await look())[0] == 2  # nobody answers
    async with served(tmp_path / "true/log", tmp_path / "true/spool", CITY_LOG, port):
        code, told, why = await look()
        while code == 2 or " 0 entries" in told:
            code, told, why = await look()
        assert (code, told, why) == (0, f"{CITY_LOG.name}: 30 entries verified, 30 of them new\n", "")
        assert "0 of them new" in (await look())[1]
    async with served(tmp_path / "forged/log", tmp_path / "forged/spool", CITY_LOG, port):
        code, told, why = await look()
        while code == 2:
            code, told, why = await look()
        assert (code, "signed two histories" in told) == (1, True)
    (accusation,) = (tmp_path / "state").glob("accusation-*.json")
    (tmp_path / "keys").write_text(policy_text())
    checked = guantong("verify", str(accusation), "--keys", str(tmp_path / "keys"))
    assert checked.returncode == 0
    assert "两段互相矛盾的历史" in checked.stdout

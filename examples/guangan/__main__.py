"""``python -m examples.guangan up`` serves the town until interrupted; ``story`` tells the pilot story headless."""

import argparse
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from examples.guangan.places import LOG_INS, PLACES
from examples.guangan.story import Story, StoryBroken
from examples.guangan.town import ROOT, Town, TownBusy
from guantong.identity.roles import ROLE_NAMES


def up(folder: Path, first_port: int) -> int:
    """Build the town once, start it, show where it is, and wait for Ctrl-C."""
    town = Town.at(folder, first_port=first_port)
    started = time.monotonic()
    print(
        "贯通示例：国家—四川—广安，三个节点" + ("" if town.is_built else "（首次启动，先建库造数，约一分钟）")
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        return _serve(town, started)
    except TownBusy:
        print(
            f"示例已在运行（{folder.relative_to(ROOT)}）。请先停止它，或打开上次给出的网址。", file=sys.stderr
        )
        return 1


def _serve(town: Town, started: float) -> int:
    with town:
        print(f"\n用时 {time.monotonic() - started:.1f} 秒。登录名（仅限开发模式）：\n")
        for each in LOG_INS:
            if each.is_shown:
                who = town.log_in(each.username)
                print(
                    f"  {ROLE_NAMES[each.roles[0]][0]:　<6}{each.username:<20}{who['password']:<20}"
                    f"{town.url(each.node)}  {who['name']}"
                )
        print(
            f"\n其余登录名见各节点目录下的 log-ins.json（{town.folder.relative_to(ROOT)}）。三个节点的首页：\n"
        )
        for place in PLACES.values():
            print(f"  {place.title}  {town.url(place.code)}")
        print("\n从广安首页开始，按“走一遍”逐步操作。按 Ctrl-C 停止。", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("\n正在停止……")
    return 0


def story(folder: Path, seed: int) -> int:
    """Tell the story in a fresh town on free ports; 0 only if every step went as told."""
    town_folder = ROOT / "var" / "story"
    shutil.rmtree(town_folder, ignore_errors=True)
    tables = ROOT / "var" / "town" / "tables"
    if (tables / "complete").exists():
        shutil.copytree(tables, town_folder / "tables")
    town = Town.on_free_ports(town_folder)
    print(f"故事：进城务工人员随迁子女入学（种子 {seed}）")
    try:
        with town:
            told = Story(town, folder, seed)
            told.tell()
    except StoryBroken as broken:
        print(f"✘ 故事没有讲完：{broken}", file=sys.stderr)
        return 1
    total = sum(step.ms for step in told.steps)
    print(
        f"讲完了：{len(told.steps)} 步，{total / 1000:.1f} 秒。摘要、证明和公钥在 {folder.relative_to(ROOT)}/。"
    )
    return 0


def main() -> int:
    """Read the words of the command line."""
    parser = argparse.ArgumentParser(prog="examples.guangan")
    words = parser.add_subparsers(dest="word", required=True)
    serve = words.add_parser("up")
    serve.add_argument("--first-port", type=int, default=int(os.environ.get("PORT", "8000")))
    tell = words.add_parser("story")
    tell.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    if arguments.word == "up":
        return up(ROOT / "var" / "town", arguments.first_port)
    return story(ROOT / "story", arguments.seed)


if __name__ == "__main__":
    raise SystemExit(main())

"""``guantong jobs``: batch jobs in the terminal: list, watch one run live, run, pause, resume, cancel, replay, backfill."""

import argparse
import getpass
import os
import sys
import threading
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

from guantong.exchange.progress import progress_path, told
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.site.node import node_settings

if TYPE_CHECKING:
    from guantong.dispatch.models import Job

EVERY_S = 0.5
# News come twice a second; a file that stands still for so long belongs to a process that has ended.
SILENT_S = 60
VERBS = ("run", "pause", "resume", "cancel", "replay", "backfill")


class NoSuchJob(GuantongError):
    """No job has this code."""

    code = "no_such_job"
    status = 404
    zh = "没有编号为 {job} 的作业；guantong jobs 可列出全部作业。"
    en = "There is no job {job}; guantong jobs lists them all."


def main(argv: Sequence[str]) -> int:
    """List without words; ``watch JOB``; a verb and ``JOB``. 1 if the run that was watched did not end well."""
    parser = argparse.ArgumentParser(prog="guantong jobs")
    parser.add_argument("verb", nargs="?", default="list", choices=("list", "watch", *VERBS))
    parser.add_argument("job", nargs="?", default="", metavar="JOB")
    parser.add_argument("--since", default="", metavar="WATERMARK", help="replay, backfill: from here")
    parser.add_argument("--until", default="", metavar="WATERMARK", help="backfill: to here")
    words = parser.parse_args(argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guantong.site.settings")
    django.setup()
    if words.verb == "list":
        return _list()
    job = _found(words.job)
    folder = node_settings().home / "exchange" / "progress"
    if words.verb == "watch":
        return watch(progress_path(folder, job.code))
    _order(words, job)
    sys.stdout.write(f"{words.verb} {job.code}\n")
    return 0


def watch(path: Path, *, say: Callable[[str], object] | None = None) -> int:
    """Show the run that ``path`` tells of until it ends: 0 if it is done, 1 if it is not, or there is none."""
    say = say or (_over if sys.stderr.isatty() else _under)
    shown, pause = "", threading.Event()
    while True:
        facts = told(path)
        if not facts:
            say("尚未运行 / has not run yet\n")
            return 1
        line = describe(facts)
        if line != shown:
            say(line)
            shown = line
        is_silent = (clock.now() - clock.parse(facts["updated_at"])).total_seconds() > SILENT_S
        if facts["state"] not in {"running", "waiting"} or is_silent:
            say("\n")
            return 0 if facts["state"] in {"done", "waiting"} else 1
        pause.wait(EVERY_S)


def describe(facts: dict[str, Any]) -> str:
    """One line: the run, its state, rows, rate, time left, what is wrong."""
    left, error = facts.get("seconds_left"), facts.get("error")
    parts = [
        str(facts["run"] or "-"),
        str(facts["state"]),
        f"{facts['read']:,}" + (f" / {facts['expected']:,}" if facts["expected"] else ""),
        f"{facts['rate']:,}/s",
    ]
    parts += [f"-{left // 60}:{left % 60:02d}"] if left is not None else []
    parts += [f"refused {facts['refused']:,}"] if facts["refused"] else []
    parts += [f"{error['message']['zh']} {error['message']['en']}"] if error else []
    return "  ".join(parts)


def _list() -> int:
    # These need the applications loaded.
    from django.utils import timezone  # noqa: PLC0415

    from guantong.dispatch import queries  # noqa: PLC0415
    from guantong.dispatch.models import Job  # noqa: PLC0415

    rows: Any = queries.with_last_run(Job.objects.all(), today=timezone.localdate(clock.now()))
    table = [("作业 job", "名称 name", "状态 state", "最近 last", "今日行数 rows", "下次 next")]
    for job in rows:
        due = timezone.localtime(job.next_at).strftime("%Y-%m-%d %H:%M") if job.next_at else "-"
        table.append((job.code, job.name, job.state, job.last_state or "-", f"{job.rows_today:,}", due))
    widths = [max(map(_width, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = [cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    return 0


def _found(code: str) -> "Job":
    from guantong.dispatch.models import Job  # noqa: PLC0415 - needs the applications loaded

    job = Job.objects.filter(code=code).first()
    if job is None:
        raise NoSuchJob(job=code or "-")
    return job


def _order(words: argparse.Namespace, job: "Job") -> None:
    # These need the applications loaded.
    from guantong.dispatch import actions  # noqa: PLC0415
    from guantong.journal.types import Actor  # noqa: PLC0415

    by: Actor = Actor("system", "terminal", f"终端 {getpass.getuser()}"[:120])
    at = clock.now()
    if words.verb == "replay":
        actions.replay(job, since=words.since, by=by, at=at)
    elif words.verb == "backfill":
        actions.backfill(job, since=words.since, until=words.until, by=by, at=at)
    else:
        plain = {
            "run": actions.run_now,
            "pause": actions.pause,
            "resume": actions.resume,
            "cancel": actions.cancel,
        }
        plain[words.verb](job, by=by, at=at)


def _width(text: str) -> int:
    """Columns that a text takes on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _over(line: str) -> None:
    sys.stderr.write(line if line == "\n" else f"\r{line}\x1b[K")
    sys.stderr.flush()


def _under(line: str) -> None:
    if line != "\n":
        sys.stderr.write(f"{line}\n")

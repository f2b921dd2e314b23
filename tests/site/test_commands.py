"""The command line, and the processes of a node: real ones, that die and are started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from guantong.site import cli

SLEEPER = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def guantong(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GUANTONG_")}
    return subprocess.run(
        [sys.executable, "-m", "guantong", *words],
        env={**clean, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("words", [[], ["fly"], ["Init"]])
def test_an_unknown_word_is_2_and_lists_the_known(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    assert "guantong verify" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["help", "--help", "-h"])
def test_help_is_0_and_goes_to_the_reader(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([word]) == 0
    assert "guantong up" in capsys.readouterr().out


def test_unsafe_settings_are_a_sentence_not_a_traceback() -> None:
    done = guantong("init", GUANTONG_NODE="511600", GUANTONG_HOME="/nonexistent")
    assert done.returncode == 1
    assert "secret_key" in done.stderr
    assert "Traceback" not in done.stderr


def test_init_makes_a_node_that_only_its_user_can_read(tmp_path: Path) -> None:
    home = tmp_path / "node"
    for _ in range(2):  # again changes nothing
        done = guantong("init", GUANTONG_NODE="511600", GUANTONG_HOME=str(home), GUANTONG_DEVELOPMENT="true")
        assert (done.returncode, done.stderr) == (0, "")
        key = (home / "keys" / "node.key").read_text()
    assert key == (home / "keys" / "node.key").read_text()
    open_to_others = [path for path in home.rglob("*") if path.stat().st_mode & 0o077]
    assert open_to_others == []


def supervised(home: Path, **commands: str) -> "subprocess.Popen[bytes]":
    words = {name: [sys.executable, "-c", code] for name, code in commands.items()}
    program = (
        "from pathlib import Path\n"
        "from guantong.site.commands import up\n"
        "up.RESTART_AFTER_S, up.END_WITHIN_S = 0.3, 1.0\n"
        f"up.Supervisor(Path({str(home)!r}), {words!r}).run()\n"
    )
    return subprocess.Popen([sys.executable, "-c", program])


def until(found: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def pid(home: Path, name: str) -> int:
    path = home / "run" / f"{name}.pid"
    text = path.read_text() if path.exists() else ""
    return int(text) if text else 0


def is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_dies_is_started_again_and_all_end_together(tmp_path: Path) -> None:
    with supervised(tmp_path, web=SLEEPER, work=STUBBORN) as supervisor:
        try:
            until(lambda: pid(tmp_path, "web") and pid(tmp_path, "work"))
            first, other = pid(tmp_path, "web"), pid(tmp_path, "work")
            os.kill(first, signal.SIGKILL)
            until(lambda: pid(tmp_path, "web") not in {0, first})
            second = pid(tmp_path, "web")
            assert pid(tmp_path, "work") == other
        finally:
            supervisor.terminate()
            supervisor.wait(timeout=20)
    assert not is_running(second)
    assert not is_running(other), "one that does not listen is killed"
    assert not list((tmp_path / "run").glob("*.pid"))


def test_what_is_held_stays_down_until_it_is_let_go(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    hold = tmp_path / "run" / "web.hold"
    hold.touch()
    with supervised(tmp_path, web=SLEEPER, work=SLEEPER) as supervisor:
        try:
            until(lambda: pid(tmp_path, "work"))
            assert not pid(tmp_path, "web")
            hold.unlink()
            until(lambda: pid(tmp_path, "web"))
        finally:
            supervisor.terminate()
            supervisor.wait(timeout=20)
    assert supervisor.returncode == 0

"""The calls that a grant's page shows to programmers run, as they stand, against a running gateway."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway import cast, processes
from tests.gateway.town import PEOPLE, Town, built

from guantong.sharing.samples import LANGUAGES, samples

pytestmark = pytest.mark.town
COMMANDS = {"curl": ["sh", "call.sh"], "Python": [sys.executable, "call.py"], "Java": ["java", "Call.java"]}


@pytest.fixture
async def folders(tmp_path: Path) -> AsyncIterator[Town]:
    town = built(tmp_path)
    yield town
    await town.courier.close()


def terms(**changes: Any) -> dict[str, Any]:
    return {
        "code": cast.G_RESIDENCE,
        "resource": cast.RESIDENCE,
        "purpose": cast.PURPOSE,
        "fields": ["name", "phone"],
        "applications": [{"code": cast.ENROLMENT}],
        "resource_content": {"lookups": [["id_number"]]},
        **changes,
    }


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("mode", ["query", "verify"])
async def test_a_sample_runs_as_it_stands(folders: Town, tmp_path: Path, language: str, mode: str) -> None:
    command = COMMANDS[language]
    for program in (command[0], *(["curl", "openssl"] if language == "curl" else [])):
        assert shutil.which(program), f"{program} is missing: sh deploy/servers.sh fetches it"
    told = samples(terms(), gateway_url=folders.city.url, mode=mode)[language]
    # What a programmer fills in: who is looked up, and what is claimed.
    filled = told.replace("…", PEOPLE[0][0]).replace("\\u2026", PEOPLE[0][0])
    work = tmp_path / "programmer"
    work.mkdir()
    (work / command[1]).write_text(filled, encoding="utf-8")
    (work / "application.key").write_text(folders.keys.application.to_text() + "\n")
    with processes.gateway(folders.city):
        process = await asyncio.create_subprocess_exec(
            *command, cwd=work, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
    answer = json.loads(out)
    assert process.returncode == 0, err.decode()
    assert "error" not in answer, answer
    assert answer["receipt"]["body"]["grant"] == cast.G_RESIDENCE
    assert {path.name for path in work.iterdir()} <= {command[1], "application.key", "body.json"}, (
        "no key left"
    )


def test_nothing_in_a_grant_ends_the_text_it_stands_in() -> None:
    nasty = "x'; touch owned; '\"\\ ${HOME} `id`"
    told = samples(terms(purpose=nasty), gateway_url="https://gateway.example", mode="query")
    assert "'\\''; touch owned; '\\''" in told["curl"]
    for text in told.values():
        assert "@BODY@" not in text
    compile(told["Python"], "call.py", "exec")

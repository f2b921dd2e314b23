"""The calls that a grant's page shows to programmers run, as they stand, against a running gateway."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.gateway import cast, processes
from tests.gateway.department import PERSON, open_for_business
from tests.gateway.test_services import OPERATIONS
from tests.gateway.town import PEOPLE, Station, Town, built

from guantong.bundle.services import Service
from guantong.sharing.samples import LANGUAGES, national_sample, samples, service_sample

pytestmark = pytest.mark.town
COMMANDS = {
    "curl": ["sh", "call.sh"],
    "Python": [sys.executable, "call.py"],
    "Java": ["java", "Call.java"],
    "curl · OAuth 2.0": ["sh", "token.sh"],
    "Python · OAuth 2.0": [sys.executable, "token.py"],
    "Python · HMAC + nonce": [sys.executable, "nonce.py"],
}


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


def lay(folders: Town, work: Path, name: str, text: str) -> None:
    work.mkdir()
    (work / name).write_text(text, encoding="utf-8")
    (work / "application.key").write_text(folders.keys.application.to_text() + "\n")
    (work / "application.secret").write_text(folders.keys.secret + "\n")


def reached_at(station: Station, url: str) -> None:
    """The station's sources know the department's interface, and what it wants to see."""
    addresses = {"registry": url, "registry.headers": "X-Key: of the department"}
    (station.home / "sources.json").write_text(json.dumps(addresses))


async def ran(folders: Town, work: Path, command: list[str], text: str) -> Any:
    """What a program prints, run in a folder with the application's key and secret beside it."""
    lay(folders, work, command[1], text)
    with processes.gateway(folders.city):
        process = await asyncio.create_subprocess_exec(
            *command, cwd=work, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def test_the_national_sample_runs_as_it_stands(folders: Town, tmp_path: Path) -> None:
    told = national_sample(terms(), gateway_url=folders.city.url, rid=cast.RID, sid=cast.S_RESIDENCE)
    filled = told.replace("\\u2026", PEOPLE[0][0])
    answer = await ran(folders, tmp_path / "programmer", ["java", "NationalCall.java"], filled)
    assert answer["code"] == "0", answer
    assert answer["data"], answer


async def test_the_interfaces_sample_runs_as_it_stands(folders: Town, tmp_path: Path) -> None:
    operation = {"method": "GET", "path": "/api/persons/{id}", "parameters": {"id": {"where": "path"}}}
    content = {"lookups": [["id_number"]], "operations": {"person": operation}}
    told = service_sample(terms(resource_content=content), gateway_url=folders.city.url)
    assert service_sample(terms(), gateway_url=folders.city.url) == ""
    async with open_for_business() as department:
        city = folders.city
        reached_at(city, department.url)
        resource = msgspec.structs.replace(city.bundle.resources[cast.RESIDENCE], operations=OPERATIONS)
        service = Service(resource=cast.RESIDENCE, source="registry")
        city.publish(
            services={cast.RESIDENCE: service}, bindings={},
            resources={**city.bundle.resources, cast.RESIDENCE: resource},
        )  # fmt: skip
        answer = await ran(
            folders, tmp_path / "programmer", ["sh", "interface.sh"], told.replace("…", PERSON["sfzh"])
        )
    assert answer["data"][0]["xm"] == PERSON["xm"], answer
    headers = await asyncio.to_thread((tmp_path / "programmer/headers.txt").read_text)
    assert "guantong-receipt:" in headers.lower()


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
    answer = await ran(folders, work, command, filled)
    assert "error" not in answer, answer
    assert answer["receipt"]["body"]["grant"] == cast.G_RESIDENCE
    assert {path.name for path in work.iterdir()} <= {
        command[1],
        "application.key",
        "application.secret",
        "body.json",
    }, "no key left"


def test_nothing_in_a_grant_ends_the_text_it_stands_in() -> None:
    nasty = "x'; touch owned; '\"\\ ${HOME} `id`"
    told = samples(terms(purpose=nasty), gateway_url="https://gateway.example", mode="query")
    assert "'\\''; touch owned; '\\''" in told["curl"]
    for text in told.values():
        assert "@BODY@" not in text
    compile(told["Python"], "call.py", "exec")

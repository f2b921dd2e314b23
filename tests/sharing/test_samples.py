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
from guantong.sharing.samples import LANGUAGES, NATIONAL, national_samples, samples, service_sample

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


BY_CONVENTION = {"Java": ["java", "NationalCall.java"], "curl": ["sh", "national.sh"]}


def national(url: str, language: str, **changes: Any) -> str:
    told = national_samples(terms(**changes), gateway_url=url, rid=cast.RID, sid=cast.S_RESIDENCE)[language]
    return told.replace("\\u2026", PEOPLE[0][0]).replace("…", PEOPLE[0][0])


@pytest.mark.parametrize("language", list(NATIONAL))
async def test_a_national_sample_runs_as_it_stands(folders: Town, tmp_path: Path, language: str) -> None:
    command, work = BY_CONVENTION[language], tmp_path / "programmer"
    for program in (command[0], "curl", "openssl"):
        assert shutil.which(program), f"{program} is missing: sh deploy/servers.sh fetches it"
    answer = await ran(folders, work, command, national(folders.city.url, language))
    assert answer["code"] == "0", answer
    assert answer["data"][0]["name"] == PEOPLE[0][1], answer
    left = {path.name for path in work.iterdir()}
    assert left == {command[1], "application.key", "application.secret"}, "no secret left"


@pytest.mark.parametrize("language", list(NATIONAL))
async def test_a_national_sample_asks_for_one_of_several_operations(
    folders: Town, tmp_path: Path, language: str
) -> None:
    operations = msgspec.to_builtins(OPERATIONS)
    content = {"lookups": [["id_number"]], "operations": operations}
    async with open_for_business() as department:
        serve_by(folders.city, department.url)
        told = national(folders.city.url, language, resource_content=content)
        answer = await ran(folders, tmp_path / "programmer", BY_CONVENTION[language], told)
    assert answer["data"][0]["xm"] == PERSON["xm"], answer


async def test_the_curl_sample_says_what_the_gateway_said(folders: Town, tmp_path: Path) -> None:
    work = tmp_path / "programmer"
    lay(folders, work, "national.sh", national(folders.city.url, "curl"))
    (work / "application.secret").write_text("another secret\n")
    with processes.gateway(folders.city):
        process = await asyncio.create_subprocess_exec(
            "sh", "national.sh", cwd=work, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
    assert process.returncode == 1
    assert json.loads(out)["error"]["code"] == "sign_not_right"


async def test_the_curl_sample_shows_no_secret_among_the_processes(folders: Town, tmp_path: Path) -> None:
    """Every command line that it starts, by what the shell says of itself."""
    work = tmp_path / "programmer"
    lay(folders, work, "national.sh", national(folders.city.url, "curl"))
    with processes.gateway(folders.city):
        process = await asyncio.create_subprocess_exec(
            "sh", "-x", "national.sh", cwd=work,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, commands = await process.communicate()
    assert json.loads(out)["code"] == "0"
    assert b"openssl dgst" in commands, "what is started is seen"
    assert b"-K " in commands
    assert folders.keys.secret.encode() not in commands


def serve_by(city: Station, url: str) -> None:
    """The city's residence is served by the interface at ``url``."""
    reached_at(city, url)
    resource = msgspec.structs.replace(city.bundle.resources[cast.RESIDENCE], operations=OPERATIONS)
    service = Service(resource=cast.RESIDENCE, source="registry")
    city.publish(
        services={cast.RESIDENCE: service}, bindings={},
        resources={**city.bundle.resources, cast.RESIDENCE: resource},
    )  # fmt: skip


async def test_the_interfaces_sample_runs_as_it_stands(folders: Town, tmp_path: Path) -> None:
    operation = {"method": "GET", "path": "/api/persons/{id}", "parameters": {"id": {"where": "path"}}}
    content = {"lookups": [["id_number"]], "operations": {"person": operation}}
    told = service_sample(terms(resource_content=content), gateway_url=folders.city.url)
    assert service_sample(terms(), gateway_url=folders.city.url) == ""
    async with open_for_business() as department:
        serve_by(folders.city, department.url)
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

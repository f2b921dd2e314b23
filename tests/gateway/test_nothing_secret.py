"""A whole gateway town of processes, with marked secrets: none of them appears in anything that it writes or shows."""

import base64
import json
import os
import re
import signal
import urllib.request
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.gateway import cast, processes
from tests.gateway.test_national import Client
from tests.gateway.test_processes import children
from tests.gateway.test_tokens import given
from tests.gateway.test_traces import Collector
from tests.gateway.test_traces import collector as collector  # noqa: PLC0414 - a fixture
from tests.gateway.town import PEOPLE, Town, built, far, listening, query, until

from guantong.bundle.overlaps import entry
from guantong.kit import clock
from guantong.kit.shared_secrets import digest_of

pytestmark = pytest.mark.town
PASSWORD = "Secret-Password-4711"
COOKIE = "session=Secret-Cookie-0815"
FORMER = "Former-Secret-of-an-application-2342"


@pytest.fixture
async def folders(tmp_path: Path) -> AsyncIterator[Town]:
    town = built(tmp_path)
    yield town
    await town.courier.close()


def secrets_of(town: Town, token: str, seconds: list[str]) -> dict[str, str]:
    """What may stand nowhere: a name for each, and the text."""
    found = {f"second secret {number}": second for number, second in enumerate(seconds)} | {
        "former secret": FORMER
    }
    found |= {"application secret": town.keys.secret, "token": token, "password": PASSWORD, "cookie": COOKIE}
    found |= {f"private key of {code}": key.to_text().split()[-1] for code, key in town.keys.nodes.items()}
    found["private key of the application"] = town.keys.application.to_text().split()[-1]
    for station in town.stations.values():
        found[f"subject key of {station.code}"] = (station.home / "keys/subject.key").read_text().strip()
    for number, person in enumerate(PEOPLE):
        found |= {f"{place} of {number}": part for place, part in zip(("id", "name", "birth", "", "phone"), person, strict=True)
                  if part and place}  # fmt: skip
    return found


def spoken(secret: str) -> set[bytes]:
    """The ways in which a text may come to stand in a file."""
    raw = secret.encode()
    ways = {raw, json.dumps(secret)[1:-1].encode(), quote(secret).encode()}
    return ways | {base64.b64encode(raw).rstrip(b"="), raw.hex().encode()}


def leaks(secrets: dict[str, str], said: dict[str, bytes]) -> set[tuple[str, str]]:
    """Which secret stands in which place."""
    return {
        (place, name) for name, secret in secrets.items() for way in spoken(secret)
        for place, text in said.items() if way in text
    }  # fmt: skip


def written(town: Town) -> Iterator[tuple[str, bytes]]:
    """All files of the nodes except those that are made to hold secrets: keys, source addresses, departments' data."""
    for station in town.stations.values():
        for path in station.home.rglob("*"):
            inside = path.relative_to(station.home)
            if (
                path.is_file()
                and inside.parts[0] != "keys"
                and inside.name not in {"sources.json", "police.db"}
            ):
                yield str(path), path.read_bytes()


def shown(pid: int) -> Iterator[tuple[str, bytes]]:
    """What anyone on the machine, or its owner, sees of a process and its children."""
    for one in (pid, *children(pid)):
        for name in ("cmdline", "environ"):
            yield f"{one}/{name}", Path(f"/proc/{one}/{name}").read_bytes()


def overlapping(town: Town) -> None:
    """The school's application has a former secret that is good for an hour more."""
    now = town.city.bundle.applications[cast.ENROLMENT]
    until = clock.rfc3339(clock.now() + timedelta(hours=1))
    name, former = entry(now, digest=digest_of(FORMER), until=until)
    held = {cast.ENROLMENT: town.keys.secret, name: FORMER}
    (town.city.home / "keys/applications.json").write_text(json.dumps(held))
    town.city.publish(applications={cast.ENROLMENT: now, name: former})


async def called_by_convention(town: Town, key: str) -> str:
    """A call by the national platform's convention; the second secret that it was signed with."""
    client = Client(town, key=key)
    assert (await client.refresh()).status == 200
    assert (await client.ask(path=f"?id_number={PEOPLE[0][0]}")).status == 200
    assert (await client.ask(path=f"?id_number={PEOPLE[0][0]}", sign="AAAA")).status == 401
    return client.secret


async def test_no_secret_stands_in_what_the_town_writes_and_shows(
    folders: Town, collector: Collector
) -> None:
    with listening() as place:
        port = place.getsockname()[1]
    city = folders.city
    overlapping(folders)
    sources = json.loads((city.home / "sources.json").read_text())
    broken = f"postgresql://guantong:{PASSWORD}@127.0.0.1:1/guantong"
    how = {"GUANTONG_OTLP_URL": collector.url, "PYTHONASYNCIODEBUG": "1", "GUANTONG_TEST_DEBUG": "1"}
    said: dict[str, bytes] = {}
    with (
        processes.gateway(folders.nation, **how),
        processes.gateway(folders.province, **how),
        processes.gateway(
            city, GUANTONG_GATEWAY_WORKERS="2", GUANTONG_METRICS_PORT=str(port), **how
        ) as supervisor,
    ):
        token = await given(folders)
        seconds = [await called_by_convention(folders, key) for key in (folders.keys.secret, FORMER)]
        cookie = {"cookie": COOKIE}
        assert (await folders.ask("/v1/query", query(), headers=cookie)).status == 200
        assert (await folders.ask("/v1/query", far(), headers=cookie)).status == 200
        claims = {"name": PEOPLE[0][1], "birthplace": PEOPLE[0][3]}
        assert (await folders.ask("/v1/verify", far(fields=None, claims=claims))).status == 200
        for refused in (query(purpose="curiosity"), query(fields=["secret"]), query(keys={"name": PEOPLE[1][1]}),
                        query(grant="G-unknown"), query(resource="x"), {"keys": {"id_number": PEOPLE[1][0]}}):  # fmt: skip
            assert (await folders.ask("/v1/query", refused, headers=cookie)).status >= 400
        assert (await folders.ask("/v1/query", query(), key=folders.nation.key)).status == 401
        assert (
            await folders.courier_get(f"{city.url}/v1/query?token={token}&id={PEOPLE[0][0]}")
        ).status >= 400
        # A department's database that is away, with a password in its address; and processes that die.
        (city.home / "sources.json").write_text(json.dumps(sources | {"police": broken}))
        bound = {cast.RESIDENCE: cast.binding(cast.RESIDENCE, "postgresql")}
        city.publish(bindings=bound)
        await until(lambda: 'guantong_bundle_sequence{process="gateway-0-' in scraped(port) and all(
            number == "3.0" for number in re.findall(r"guantong_bundle_sequence\{[^}]*\} (\S+)", scraped(port))))  # fmt: skip
        assert (await folders.ask("/v1/query", query())).code == "source_unavailable"
        os.kill(children(supervisor.pid)[-1], signal.SIGKILL)
        os.kill(children(supervisor.pid)[-2], signal.SIGABRT)
        await until(lambda: "ended with -6" in (city.home / "gateway.out").read_text())
        # The supervisor, its two processes and their two successors.
        await until(lambda: (city.home / "gateway.out").read_bytes().count(b"everything is said") == 5)
        processes.wait_for(f"{city.url}/ready", supervisor)
        said |= {"metrics": scraped(port).encode(), **dict(shown(supervisor.pid))}
    said |= {"traces": "".join(collector.texts).encode(), **dict(written(folders))}
    assert collector.texts
    assert any("/spool/" in place and b"guantong/receipt" in text for place, text in said.items())
    secrets = secrets_of(folders, token, seconds)
    assert leaks(secrets, said) == set()
    for name, secret in secrets.items():
        for way in spoken(secret):
            planted = {**said, "planted": b"... " + way + b" ..."}
            assert ("planted", name) in leaks({name: secret}, {"planted": planted["planted"]})


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as reply:
        return str(reply.read().decode())

"""Bodies that memory is not for: whole to the other side, proved, bounded, and nothing of them left behind."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest
from tests.gateway import cast, processes
from tests.gateway.department import Department, open_for_business
from tests.gateway.test_processes import children
from tests.gateway.test_refusals import is_told
from tests.gateway.test_services import asked, granted_whole, serving
from tests.gateway.test_tokens import given
from tests.gateway.town import Heard, Town, believed, built, far, signed, until

from guantong.bundle.services import Operation, Parameter, Service
from guantong.courier.client import Courier
from guantong.gateway import protocol
from guantong.gateway.holding import IN_MEMORY, Holding, NoRoomForBody
from guantong.kit import canonical, envelope
from guantong.kit.http_signatures import Request, content_digest

LARGE = random.Random(20261123).randbytes(9_000_001)
PHOTO = "/api/photos/511602199001011234"
OPERATIONS = {
    "photo": Operation(
        method="GET", path="/api/photos/{id}", answer="whole",
        parameters={"id": Parameter(where="path", item="id_number", required=True)},
    ),
    "hand_in": Operation(
        method="PUT", path="/api/photos/{id}", body="whole", answer="whole",
        parameters={"id": Parameter(where="path", item="id_number", required=True)},
    ),
}  # fmt: skip
PATH = f"/v1/services/{cast.G_RESIDENCE}{PHOTO}"
LIMITS = {"body_limit": 64 << 20, "answer_limit": 64 << 20, "timeout_ms": 60_000}

pytestmark = pytest.mark.town


@pytest.fixture
async def department(town: Town) -> AsyncIterator[Department]:
    async with open_for_business() as department:
        await opened(town, department)
        yield department


async def opened(town: Town, department: Department, **service: int) -> None:
    """The department takes in and gives out photographs."""
    await serving(town, department, **{**LIMITS, **service})
    await granted_whole(town, mask="none")
    for station in town.stations.values():
        resources = {
            code: msgspec.structs.replace(one, operations=OPERATIONS)
            for code, one in station.bundle.resources.items()
        }
        station.publish(resources=resources)
        await station.in_force()


async def handed_in(town: Town, body: bytes, path: str = PATH, **more: str) -> Heard:
    """``body``, sent by whoever holds the application's token."""
    headers = {"authorization": f"Bearer {await given(town)}", "content-type": "image/tiff", **more}
    return await town.send(Request("PUT", town.city.url + path, headers), body)


def nothing_held(town: Town) -> bool:
    return town.city.parts.holding.on_disk == 0


async def test_a_large_body_reaches_the_department_whole(town: Town, department: Department) -> None:
    department.body = b"taken"
    heard = await handed_in(town, LARGE)
    assert (heard.status, heard.reply.body) == (200, b"taken")
    (seen,) = department.seen
    assert hashlib.sha256(seen.body).digest() == hashlib.sha256(LARGE).digest()
    assert (seen.headers["content-type"], seen.headers["content-length"]) == ("image/tiff", str(len(LARGE)))
    assert nothing_held(town)


async def test_a_signed_one_is_proved_before_any_of_it_goes_on(town: Town, department: Department) -> None:
    department.body = b"taken"
    heard = await asked(town, PATH, "PUT", LARGE)
    assert heard.status == 200
    assert heard.is_signed_by(town.city)
    other = LARGE[:-1] + b"!"
    request = signed(
        "PUT", town.city.url + PATH, LARGE, town.keys.application, keyid=cast.ENROLMENT,
    )  # fmt: skip
    is_told(await town.send(request, other), 400, "content_digest_wrong")
    is_told(
        await handed_in(town, other, **{"content-digest": content_digest(LARGE)}), 400, "content_digest_wrong"
    )
    assert len(department.seen) == 1
    assert nothing_held(town)


async def test_a_large_answer_comes_whole_and_with_its_proof(town: Town, department: Department) -> None:
    department.body, department.media_type = LARGE, "image/tiff"
    town.courier = Courier([], timeout_s=20, max_body=64 << 20)
    heard = await asked_photo(town)
    assert heard.status == 200
    assert heard.reply.body == LARGE
    assert heard.is_signed_by(town.city), "over the digest of the whole body"
    headers = heard.reply.headers
    body = believed(
        msgspec.json.decode(canonical.from_base64(headers["guantong-receipt"].strip(":"))), town.city
    )
    answer = {
        "status": 200, "headers": {"content-type": "image/tiff"}, "size": len(LARGE),
        "digest": f"sha-256:{hashlib.sha256(LARGE).hexdigest()}",
    }  # fmt: skip
    covered = bytes.fromhex(headers["guantong-salt"]) + canonical.dumps(answer)
    assert body["answer"] == envelope.digest(covered)
    await until(lambda: nothing_held(town))


async def asked_photo(town: Town) -> Heard:
    return await asked(town, PATH)


async def test_who_is_not_known_gets_nothing_in(town: Town, department: Department) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", town.city.settings.gateway_port)
    head = f"PUT {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer none\r\ncontent-length: {len(LARGE)}\r\n\r\n"
    writer.write(head.encode())  # and of the body nothing
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 401 "), answer
    assert b"token_invalid" in answer
    assert department.seen == []


@pytest.mark.parametrize("announced", [True, False])
async def test_more_than_the_department_takes_is_refused(
    town: Town, department: Department, announced: bool
) -> None:
    await opened(town, department, body_limit=1 << 20)
    if announced:
        is_told(await handed_in(town, LARGE), 413, "body_too_large")
    else:
        status, body = await in_chunks(town, LARGE, await given(town))
        assert (status, b"body_too_large" in body) == (413, True)
    assert department.seen == []
    await until(lambda: nothing_held(town))


async def in_chunks(town: Town, body: bytes, token: str) -> tuple[int, bytes]:
    """Send ``body`` without saying how long it is; status and answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", town.city.settings.gateway_port)
    head = f"PUT {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ntransfer-encoding: chunked\r\n\r\n"
    writer.write(head.encode())
    try:
        for start in range(0, len(body), 65_536):
            part = body[start : start + 65_536]
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
    except ConnectionError:
        pass  # refused before the end, which the answer says
    head_, _, answer = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)), b"", b""
    length = int(head_.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    answer = await asyncio.wait_for(reader.readexactly(length), 20)
    writer.close()
    return int(head_.split(b" ")[1]), answer


@pytest.mark.parametrize("size", [1, 131_073, IN_MEMORY + 1, len(LARGE)])
async def test_a_body_of_unknown_length_is_taken_alike(town: Town, department: Department, size: int) -> None:
    department.body = b"taken"
    assert await in_chunks(town, LARGE[:size], await given(town)) == (200, b"taken")
    assert department.seen[0].body == LARGE[:size]


async def test_where_there_is_no_room_that_is_said(town: Town, department: Department) -> None:
    town.city.parts.holding._most = 4 << 20
    is_told(await handed_in(town, LARGE), 503, "no_room_for_body")
    assert department.seen == []
    department.body, department.media_type = LARGE, "image/tiff"
    is_told(await asked_photo(town), 503, "no_room_for_body")
    last = town.city.receipts()[-1]
    assert (last["decision"], last["reason"]) == ("allow", "no_room_for_body"), "and it is on record"
    assert nothing_held(town)
    department.body = b"small"
    assert (await asked_photo(town)).reply.body == b"small"


class _FullDisk(Holding):
    """One whose disk has no byte left."""

    def file(self) -> BinaryIO:
        return Path("/dev/full").open("wb", buffering=0)


def test_a_full_disk_is_no_room(tmp_path: Path) -> None:
    held = _FullDisk(tmp_path, 1 << 30).open()
    with pytest.raises(NoRoomForBody):
        held.keep(b"x" * (IN_MEMORY + 1))
    (tmp_path / "file").touch()
    with pytest.raises(NoRoomForBody):
        Holding(tmp_path / "file", 1 << 30).open().keep(b"x" * (IN_MEMORY + 1))


def test_no_file_has_a_name(tmp_path: Path) -> None:
    holding = Holding(tmp_path, 1 << 30)
    held = holding.open()
    held.keep(LARGE)
    assert list(tmp_path.iterdir()) == []
    assert (b"".join(held), b"".join(held)) == (LARGE, LARGE), "again and again"
    assert holding.on_disk == len(LARGE)
    held.close()
    assert holding.on_disk == 0


async def test_a_client_that_goes_away_leaves_nothing(town: Town, department: Department) -> None:
    token = await given(town)
    _, writer = await asyncio.open_connection("127.0.0.1", town.city.settings.gateway_port)
    head = f"PUT {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {len(LARGE)}\r\n\r\n"
    writer.write(head.encode() + LARGE[:2_000_000])
    await writer.drain()
    await until(lambda: town.city.parts.holding.on_disk > IN_MEMORY)
    ((_, told),) = town.city.parts.snapshot().gauges["bodies_on_disk_bytes"]
    assert told > IN_MEMORY
    writer.close()
    await until(lambda: nothing_held(town))
    assert department.seen == []
    department.body = b"taken"
    assert (await handed_in(town, LARGE)).status == 200


async def test_a_client_that_takes_nothing_is_left(
    town: Town, department: Department, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "TAKEN_WITHIN_S", 0.3)
    department.body, department.media_type = LARGE * 3, "image/tiff"
    token = await given(town)
    reader, writer = await asyncio.open_connection("127.0.0.1", town.city.settings.gateway_port, limit=1024)
    writer.write(f"GET {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    await until(lambda: nothing_held(town))
    writer.transport.abort()


async def test_between_nodes_a_body_is_part_of_the_call(town: Town, department: Department) -> None:
    is_told(
        await handed_in(town, LARGE, PATH.replace(cast.G_RESIDENCE, cast.G_PERSONS)), 413, "body_too_large"
    )
    beyond = await handed_in(town, LARGE[:200_000], PATH.replace(cast.G_RESIDENCE, cast.G_PERSONS))
    is_told(beyond, 422, "request_misshapen")
    small = await handed_in(town, LARGE[:1000], PATH.replace(cast.G_RESIDENCE, cast.G_PERSONS))
    assert small.status == 200, small.json
    assert [one.body for one in department.seen] == [LARGE[:1000]]
    assert (await town.ask("/v1/query", far())).status in {200, 502}, "and the way is free"


async def test_memory_stays_flat(tmp_path: Path) -> None:
    """Twenty-eight bodies of 9 MB on their way at once, in and out: 500 MB through a process that grows by less than 80."""
    town = built(tmp_path)
    async with open_for_business() as department:
        department.body, department.media_type = LARGE, "image/tiff"
        addresses = {"registry": department.url}
        (town.city.home / "sources.json").write_bytes(msgspec.json.encode(addresses))
        publish_alone(town)
        with processes.gateway(town.city) as process:
            worker = [process.pid, *children(process.pid)][-1]
            town.courier = Courier([], timeout_s=55, max_body=64 << 20)
            token = await given(town)
            before = peak_mb(worker)
            headers = {
                "authorization": f"Bearer {token}",
                "content-type": "image/tiff",
                "guantong-budget-ms": "60000",
            }

            async def both() -> None:
                heard = await town.send(Request("PUT", town.city.url + PATH, headers), LARGE)
                assert (heard.status, len(heard.reply.body)) == (200, len(LARGE)), heard.reply.body[:200]

            await asyncio.gather(*(both() for _ in range(28)))
            assert peak_mb(worker) - before < 80, "they never were in memory all at once"
            await town.courier.close()
    assert len(department.seen) == 28


def publish_alone(town: Town) -> None:
    """The city's bundle, under which the school may hand in photographs and get them."""
    station = town.city
    items = {
        name: msgspec.structs.replace(one, level=1, mask="none") for name, one in cast.PERSON_ITEMS.items()
    }
    resource = msgspec.structs.replace(
        station.bundle.resources[cast.RESIDENCE], items=items, operations=OPERATIONS
    )
    grant = msgspec.structs.replace(station.bundle.grants[cast.G_RESIDENCE], fields=[*items])
    station.publish(
        resources={**station.bundle.resources, cast.RESIDENCE: resource},
        grants={**station.bundle.grants, cast.G_RESIDENCE: grant},
        services={cast.RESIDENCE: Service(resource=cast.RESIDENCE, source="registry", **LIMITS)},
        bindings={},
    )


def peak_mb(process: int) -> float:
    line = next(
        one for one in Path(f"/proc/{process}/status").read_text().splitlines() if one.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1024

"""Bad input, strangers, quotas, missing sources: a code, a sentence in both languages, nothing lost."""

import asyncio
import contextlib
import sqlite3
from typing import Any

import msgspec
import pytest
from tests.gateway import cast
from tests.gateway.town import PEOPLE, Heard, Town, query, signed

from guantong.kit import clock


def is_told(heard: Heard, status: int, code: str) -> None:
    said = heard.json
    assert (heard.status, heard.code) == (status, code), said
    assert said["error"]["message"]["zh"]
    assert said["error"]["message"]["en"]
    assert len(said["call"]) == 32
    assert said["node"] == cast.CITY


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "body_not_json"),
        (b"", 400, "content_digest_wrong"),
        (b"\xff", 400, "body_not_json"),
        (b'{"keys":' + b"[" * 100_000, 422, "request_misshapen"),
        (b"[]", 422, "request_misshapen"),
        (query(fields=[]), 422, "request_misshapen"),
        (query(fields=["name", "name"]), 422, "request_misshapen"),
        (query(fields=["x" * 65]), 422, "request_misshapen"),
        (query(keys={}), 422, "request_misshapen"),
        (query(keys={"id_number": 5}), 422, "request_misshapen"),
        (query(keys={"id_number": "1\n2"}), 422, "request_misshapen"),
        (query(keys={"id_number": "1\u00002"}), 422, "request_misshapen"),
        (query(extra=1), 422, "request_misshapen"),
        (query(purpose=None), 422, "request_misshapen"),
        (query(keys={"phone": "1"}), 422, "keys_not_declared"),
        (query(resource="nothing"), 404, "resource_unknown"),
        (query(grant="nothing"), 403, "grant_unknown"),
        (b" " * 300_000, 413, "body_too_large"),
    ],
)
async def test_malformed_requests(town: Town, body: Any, status: int, code: str) -> None:
    heard = await town.ask("/v1/query", body)
    is_told(heard, status, code)
    assert (await town.ask("/v1/query", query())).status == 200, "and the gateway goes on"


async def test_a_body_that_trickles_is_cut_off(town: Town) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", town.city.settings.gateway_port)
    writer.write(
        b"POST /v1/query HTTP/1.1\r\nHost: x\r\nGuantong-Budget-Ms: 200\r\nContent-Length: 99\r\n\r\n{"
    )
    answer = await asyncio.wait_for(reader.readuntil(b"body_too_slow"), 2)
    assert answer.startswith(b"HTTP/1.1 408")
    writer.close()
    await writer.wait_closed()


async def test_unknown_places(town: Town) -> None:
    is_told(await town.ask("/v1/nothing", query()), 404, "path_unknown")
    is_told(await town.ask("/v1/query?x=1", query()), 404, "path_unknown")
    for path, status, code in [("/v1/query", 405, "method_not_allowed"), ("/nothing", 404, "path_unknown")]:
        request = signed("GET", town.city.url + path, b"", town.keys.application, keyid=cast.ENROLMENT)
        is_told(await town.send(request, b""), status, code)


async def test_strangers_stay_outside(town: Town) -> None:
    raw = msgspec.json.encode(query())
    url = town.city.url + "/v1/query"
    good = signed("POST", url, raw, town.keys.application, keyid=cast.ENROLMENT)
    unsigned = type(good)("POST", url, {})
    digest = {"content-digest": good.headers["content-digest"]}
    without_signature = type(good)("POST", url, digest)
    is_told(await town.send(unsigned, raw), 400, "content_digest_wrong")
    is_told(await town.send(without_signature, raw), 401, "signature_missing")
    is_told(await town.send(good, raw + b" "), 400, "content_digest_wrong")
    is_told(await town.ask("/v1/query", query(), keyid="stranger"), 401, "signature_key_unknown")
    is_told(await town.ask("/v1/query", query(), key=town.nation.key), 401, "signature_wrong")
    now = clock.millis() // 1000
    is_told(await town.ask("/v1/query", query(), created=now - 70), 401, "signature_expired")
    is_told(await town.ask("/v1/query", query(), created=now - 50), 401, "signature_replayed")
    is_told(await town.ask("/v1/query", query(), created=now + 70), 401, "signature_expired")
    is_told(await town.ask("/v1/query", query(), nonce=""), 401, "signature_replayed")
    is_told(await town.ask("/v1/query", query(), nonce="n" * 65), 401, "signature_replayed")
    for covered in [("@method", "@path"), ("@path", "content-digest"), ("@method", "content-digest")]:
        heard = await town.ask("/v1/query", query(), components=covered)
        is_told(heard, 401, "signature_incomplete")
    assert town.city.receipts() == [], "nobody was let in, so nothing is on record"


async def test_a_signature_opens_the_door_once(town: Town) -> None:
    raw = msgspec.json.encode(query())
    request = signed("POST", town.city.url + "/v1/query", raw, town.keys.application, keyid=cast.ENROLMENT)
    assert (await town.send(request, raw)).status == 200
    is_told(await town.send(request, raw), 401, "signature_replayed")


async def test_the_whole_address_may_be_signed_instead_of_the_path(town: Town) -> None:
    covered = ("@method", "@target-uri", "content-digest")
    assert (await town.ask("/v1/query", query(), components=covered)).status == 200


async def test_one_of_several_keys_may_sign(town: Town) -> None:
    application = town.city.bundle.applications[cast.ENROLMENT]
    keys = [town.province.key.public.to_text(), *application.keys]
    town.city.publish(applications={cast.ENROLMENT: msgspec.structs.replace(application, keys=keys)})
    await town.city.in_force()
    assert (await town.ask("/v1/query", query())).status == 200
    assert (await town.ask("/v1/query", query(), key=town.province.key)).status == 200
    is_told(await town.ask("/v1/query", query(), key=town.nation.key), 401, "signature_wrong")


async def test_an_application_that_is_off_is_refused_with_a_receipt(town: Town) -> None:
    application = town.city.bundle.applications[cast.ENROLMENT]
    town.city.publish(applications={cast.ENROLMENT: msgspec.structs.replace(application, active=False)})
    await town.city.in_force()
    heard = await town.ask("/v1/query", query())
    is_told(heard, 403, "application_inactive")
    assert heard.json["receipt"]["body"]["rule"] == "application"


async def test_rate_and_quota_say_when_to_come_back(town: Town) -> None:
    limited = {
        cast.G_RESIDENCE: msgspec.structs.replace(town.city.bundle.grants[cast.G_RESIDENCE], per_day=2)
    }
    town.city.publish(grants=limited)
    await town.city.in_force()
    heard = [await town.ask("/v1/query", query()) for _ in range(3)]
    assert [one.status for one in heard] == [200, 200, 429]
    is_told(heard[2], 429, "quota_exceeded")
    assert int(heard[2].reply.headers["retry-after"]) > 0
    await town.city.stop()
    await town.city.start()
    assert (await town.ask("/v1/query", query())).status == 429, "a restart does not refill the quota"

    grant = msgspec.structs.replace(town.city.bundle.grants[cast.G_RESIDENCE], per_day=100, per_second=0)
    town.city.publish(grants={cast.G_RESIDENCE: grant})
    await town.city.in_force()
    heard_now = await town.ask("/v1/query", query())
    is_told(heard_now, 429, "rate_exceeded")
    assert heard_now.reply.headers["retry-after"] == "1"


async def test_too_many_rows_are_refused(town: Town) -> None:
    grant = msgspec.structs.replace(town.city.bundle.grants[cast.G_RESIDENCE], max_rows=0)
    town.city.publish(grants={cast.G_RESIDENCE: grant})
    await town.city.in_force()
    heard = await town.ask("/v1/query", query())
    is_told(heard, 422, "too_many_rows")
    assert heard.json["receipt"]["body"]["reason"] == "too_many_rows"


async def test_a_source_that_is_gone_is_named_by_its_resource(town: Town) -> None:
    (town.city.home / "police.db").rename(town.city.home / "elsewhere.db")
    heard = await town.ask("/v1/query", query())
    is_told(heard, 502, "source_unavailable")
    assert heard.json["error"]["details"] == {"resource": cast.RESIDENCE}
    assert b"police" not in heard.reply.body
    assert town.city.receipts()[-1]["reason"] == "source_unavailable"
    (town.city.home / "elsewhere.db").rename(town.city.home / "police.db")
    assert (await town.ask("/v1/query", query())).status == 200, "and it is found again"


async def test_a_source_that_hangs_ends_within_the_budget(town: Town) -> None:
    with contextlib.closing(sqlite3.connect(town.city.home / "police.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        heard = await town.ask("/v1/query", query(), headers={"guantong-budget-ms": "200"})
        is_told(heard, 504, "time_is_up")
    assert (await town.ask("/v1/query", query())).status == 200, "and the next one finds it free"


async def test_the_unforeseen_is_told_without_its_text(
    town: Town, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert town.city.parts

    async def fail(*_: Any) -> list[Any]:
        raise KeyError(PEOPLE[0][0])

    monkeypatch.setattr(town.city.parts.sources, "rows", fail)
    heard = await town.ask("/v1/query", query())
    is_told(heard, 500, "internal_fault")
    assert PEOPLE[0][0] not in heard.reply.body.decode() + caplog.text
    assert heard.json["call"] in caplog.text


async def test_health_and_readiness(town: Town) -> None:
    for path, status in [("/health", "ok"), ("/ready", "ready")]:
        reply = await town.courier_get(town.city.url + path)
        assert msgspec.json.decode(reply.body)["status"] == status
    await town.city.stop()
    for left in town.city.settings.bundle_folder.iterdir():
        left.unlink()
    await town.city.start()
    assert (await town.courier_get(town.city.url + "/health")).status == 200
    assert (await town.courier_get(town.city.url + "/ready")).status == 503
    is_told(await town.ask("/v1/query", query()), 503, "not_ready")

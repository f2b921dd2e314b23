"""Real processes stopped and killed in a town where grants are in force."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from examples.guangan import families, places
from examples.guangan.story import CITY, PROVINCE, Story
from examples.guangan.town import Town

from guantong.counter.gateway_client import Answered, Failed, GatewayClient, Question
from guantong.kit import canonical, envelope
from guantong.kit.keyrings import NodeKeys
from guantong.kit.suites import SigningKey

pytestmark = pytest.mark.town


def key(town: Town, node: str, name: str) -> SigningKey:
    return SigningKey.from_text((town.home(node) / "keys" / f"{name}.key").read_text().strip())


def client(town: Town) -> GatewayClient:
    return GatewayClient(
        town.url(CITY, "gateway"),
        key(town, CITY, "counter"),
        lambda: NodeKeys(key(town, CITY, "node").public),
        node=CITY,
        timeout_s=10,
    )


def grant_of(story: Story, resource: str) -> str:
    rows = story._as("auditor").get("/share/grants/?format=json").json()["rows"]
    name = next(t.content["name"] for t in places.TABLES if t.content["code"] == resource)
    # The story's own grant is the first; later ones may be for batches.
    return min(str(row["code"]) for row in rows if row["resource"] == name and row["state"] == "active")


def question(story: Story, resource: str, person: str) -> Question:
    asked: dict[str, Any] = {
        "1010010000001/000001": {"mode": "verify", "claims": {"birthplace": "513723"}},
        "3070511600002/000001": {"mode": "query", "fields": ["insured_months"]},
        "3070511600003/000001": {"mode": "query", "fields": ["kind"]},
    }[resource]
    return Question(
        trace="",
        case="",
        resource=resource,
        grant=grant_of(story, resource),
        purpose=places.ITEM,
        keys={"id_number": person},
        **asked,
    )


def until(look: Callable[[], Any], what: str, within_s: float = 30) -> Any:
    ends = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < ends, f"waited in vain for {what}"
        time.sleep(0.05)
    return found


def hold(town: Town, node: str, part: str) -> None:
    """Take one process of a node down and keep it down."""
    (town.home(node) / "run" / f"{part}.hold").touch()
    os.kill(town.process_id(node, part), signal.SIGKILL)


def release(town: Town, node: str, part: str) -> None:
    (town.home(node) / "run" / f"{part}.hold").unlink()


def test_with_the_province_stopped_the_case_waits_and_then_finishes_by_itself(told: Story) -> None:
    town = told.town
    family = families.draw(town.folder / "tables", 101).admitted
    asked = question(told, "1010010000001/000001", family.guardian_id_number)
    town.stop_node(PROVINCE)
    started = time.monotonic()
    answer = client(town).ask(asked)
    assert time.monotonic() - started < 6
    assert isinstance(answer, Failed)
    assert answer.status in {502, 504}
    assert PROVINCE in answer.error.sentence("zh")

    path = told._take_in(family)
    shown = told._as("clerk").get(f"{path}?format=json").json()
    assert shown["state"] == "waiting"
    assert PROVINCE in told._as("clerk").get(path).text

    town.start_node(PROVINCE)
    town.wait_until_ready((PROVINCE,))
    taken = told._case_count()
    shown = until(
        lambda: (s := told._as("clerk").get(f"{path}?format=json").json())["state"] == "admitted" and s,
        "the case to finish by itself",
        60,
    )
    assert shown["certificate"]
    # The citizen gave one form once, and each source answered once.
    assert told._case_count() == taken
    assert len({lookup["receipt"] for lookup in shown["lookups"]}) == len(shown["lookups"]) == 6


def test_with_the_control_plane_stopped_calls_go_on(told: Story) -> None:
    town = told.town
    family = families.draw(town.folder / "tables", 102).admitted
    asked = question(told, "3070511600002/000001", family.guardian_id_number)
    for part in ("web", "work"):
        hold(town, CITY, part)
    try:
        assert isinstance(client(town).ask(asked), Answered)
    finally:
        for part in ("web", "work"):
            release(town, CITY, part)
        town.wait_until_ready((CITY,))


def test_a_tampered_or_older_bundle_is_refused_and_an_alert_is_written(told: Story) -> None:
    town = told.town
    family = families.draw(town.folder / "tables", 103).admitted
    asked = question(told, "3070511600002/000001", family.guardian_id_number)
    current = town.home(CITY) / "bundle" / "current.bundle"
    good = current.read_bytes()

    def put(raw: bytes) -> None:
        fresh = current.with_name("test.new")
        fresh.write_bytes(raw)
        fresh.replace(current)

    def alerts() -> set[str]:
        page = told._as("data-approver").get("/oversee/").text
        return {code for code in ("bundle_tampered", "bundle_older") if code in page}

    sealed = json.loads(good)
    sealed["body"]["grants"] = {}
    put(json.dumps(sealed, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode())
    until(lambda: "bundle_tampered" in alerts(), "the alert of the tampered bundle")
    older = dict(sealed["body"], sequence=1)
    put(envelope.seal(sealed["kind"], older, key(town, CITY, "node")))
    until(lambda: "bundle_older" in alerts(), "the alert of the older bundle")
    assert isinstance(client(town).ask(asked), Answered)
    put(good)


def test_a_gateway_killed_during_calls_loses_no_receipt(told: Story) -> None:
    """Every answered call has its receipt in the log after the restart, and none stands there twice."""
    town = told.town
    family = families.draw(town.folder / "tables", 104).admitted
    asked = question(told, "3070511600002/000001", family.guardian_id_number)
    answered: list[Answered] = []

    def call(number: int) -> None:
        if number in {200, 500, 800}:
            os.kill(town.process_id(CITY, "gateway"), signal.SIGKILL)
        answer = client(town).ask(asked)
        if isinstance(answer, Answered):
            answered.append(answer)

    # Eight at once, so that each kill meets calls at every stage.
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(call, range(1000)))
    until(lambda: isinstance(client(town).ask(asked), Answered), "the gateway to come back")
    assert len(answered) > 100
    calls = [a.call for a in answered]

    def logged() -> list[str]:
        rows = (
            told._as("auditor").get(f"/prove/?format=json&grant={asked.grant}&role=provider").json()["rows"]
        )
        return [row["call"] for row in rows]

    until(lambda: set(calls) <= set(logged()), "every receipt")
    assert len(logged()) == len(set(logged()))
    log = town.url(CITY, "log")
    for answer in answered[::100]:
        digest = envelope.digest(canonical.dumps(answer.receipt)).partition(":")[2]
        proof = until(lambda digest=digest: _fetch(f"{log}/proof/{digest}"), "the proof")
        assert proof.startswith("c2sp.org/tlog-proof@v1")


def _fetch(address: str) -> str | None:
    try:
        with urllib.request.urlopen(address, timeout=5) as reply:
            return str(reply.read().decode())
    except urllib.error.HTTPError:
        return None


def test_a_revoked_grant_is_refused_within_a_second(told: Story) -> None:
    town = told.town
    family = families.draw(town.folder / "tables", 105).admitted
    asked = question(told, "3070511600003/000001", family.guardian_id_number)
    assert isinstance(client(town).ask(asked), Answered)
    approver = told._as("housing-approver")
    approver.post(
        f"/share/grants/{asked.grant}/revoke",
        {"reason": "用途已完成"},
        source=f"/share/grants/{asked.grant}/",
    )
    revoked_at = time.monotonic()
    answer: Answered | Failed = client(town).ask(asked)
    while isinstance(answer, Answered) and time.monotonic() - revoked_at < 5:
        answer = client(town).ask(asked)
    took_s = time.monotonic() - revoked_at
    assert isinstance(answer, Failed)
    assert answer.status == 403
    assert took_s < 1

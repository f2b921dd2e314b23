"""What Prometheus reads of a gateway of two processes: scraped over HTTP, parsed by Prometheus's own parser."""

import asyncio
import json
import os
import signal
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.gateway import cast, processes
from tests.gateway.test_processes import children
from tests.gateway.town import PEOPLE, Town, built, listening, query, until

from guantong.gateway import board
from guantong.gateway.metrics import MOST_LABELS, OTHER, Meters, Tally

pytestmark = pytest.mark.town
ROOT = Path(__file__).parents[2]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
async def folders(tmp_path: Path) -> AsyncIterator[Town]:
    town = built(tmp_path)
    yield town
    await town.courier.close()


@pytest.fixture
def port() -> int:
    with listening() as place:
        return int(place.getsockname()[1])


def scraped(port: int) -> tuple[str, Samples]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as reply:
        text = reply.read().decode()
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    return text, {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum over all samples of that name which bear these labels."""
    wanted = set(labels.items())
    return sum(value for (found, given), value in samples.items() if found == name and wanted <= given)


async def test_two_processes_are_counted_as_one_gateway(folders: Town, port: int) -> None:
    city, how = folders.city, {"GUANTONG_GATEWAY_WORKERS": "2", "GUANTONG_METRICS_PORT": str(port)}
    city.with_log()

    async def seen(name: str, wanted: float, **labels: str) -> None:
        await until(lambda: value(scraped(port)[1], name, **labels) == wanted)

    with processes.gateway(city, **how) as supervisor, processes.log(city):
        await seen("guantong_gateway_processes", 2)
        for _ in range(10):
            heard = await asyncio.gather(*(folders.ask("/v1/query", query()) for _ in range(10)))
            assert {one.status for one in heard} == {200}
        assert (await folders.ask("/v1/query", query(purpose="curiosity"))).status == 403
        limited = {cast.G_RESIDENCE: cast.grant(id=cast.G_RESIDENCE, resource=cast.RESIDENCE, provider_node=cast.CITY,
                                                number="GA-2026-2", per_day=1)}  # fmt: skip
        city.publish(grants=limited)
        await seen("guantong_bundle_sequence", 4)  # two processes, both at the second
        assert (await folders.ask("/v1/query", query())).code == "quota_exceeded"
        await seen("guantong_calls_total", 1, mode="query", code="quota_exceeded")
        await seen("guantong_log_waiting_bytes", 0)
        text, samples = scraped(port)
        assert value(samples, "guantong_calls_total", mode="query", code="ok") == 100
        assert value(samples, "guantong_calls_total", mode="query", code="purpose_not_granted") == 1
        assert value(samples, "guantong_refusals_total", rule="purpose") == 1
        assert value(samples, "guantong_limits_reached_total", limit="quota") == 1
        assert value(samples, "guantong_limits_reached_total") == 1
        assert value(samples, "guantong_receipts_written_total") == 102
        assert value(samples, "guantong_log_size") == 102
        assert value(samples, "guantong_call_seconds_count", mode="query") == 102
        assert value(samples, "guantong_call_seconds_bucket", mode="query", le="+Inf") == 102
        assert 0 < value(samples, "guantong_receipt_disk_seconds_count") <= 102
        assert value(samples, "guantong_source_lookups_total", source="police") == 100
        assert 0 < value(samples, "guantong_source_statements_total", source="police") <= 100
        assert value(samples, "guantong_calls_in_flight") == 0
        assert value(samples, "guantong_bundle_age_seconds") > 0
        names_nobody(text)
        # A process that dies keeps what it counted and is not counted as alive.
        victim = children(supervisor.pid)[-1]
        os.kill(victim, signal.SIGKILL)
        await until(lambda: victim not in children(supervisor.pid))
        await seen("guantong_gateway_processes", 2)
        assert value(scraped(port)[1], "guantong_receipts_written_total") == 102
        assert (await folders.ask("/v1/query", query(purpose="curiosity"))).status == 403
        await seen("guantong_refusals_total", 2, rule="purpose")


def names_nobody(text: str) -> None:
    told = [part for person in PEOPLE for part in person if part]
    for secret in (*told, "case-1", cast.G_RESIDENCE, "GA-2026-2", cast.ENROLMENT, cast.EDUCATION):
        assert secret not in text


def test_a_planted_name_would_be_found() -> None:
    with pytest.raises(AssertionError):
        names_nobody('guantong_calls_total{mode="张三"} 1')


async def test_the_public_port_tells_no_metrics(folders: Town, port: int) -> None:
    with processes.gateway(folders.city, GUANTONG_METRICS_PORT=str(port)):
        await until(lambda: value(scraped(port)[1], "guantong_gateway_processes") == 1)
        reply = await folders.courier_get(f"{folders.city.url}/metrics")
        assert reply.status == 404


async def test_a_source_that_is_away_is_counted_and_nothing_stays_in_flight(town: Town) -> None:
    assert town.city.parts
    meters = town.city.parts.meters
    (town.city.home / "sources.json").write_text("{}")
    assert (await town.ask("/v1/query", query())).code == "source_unavailable"
    assert meters.calls.by["query", "source_unavailable"] == 1
    assert meters.in_flight == 0


def test_what_other_nodes_call_their_errors_makes_no_labels() -> None:
    from guantong.gateway.faults import PeerRefused

    meters = Meters()
    said = {"message": {"zh": "", "en": ""}, "details": {}}
    assert meters.code(PeerRefused(502, {"code": "zhang-san", **said})) == OTHER
    assert meters.code(PeerRefused(403, {"code": "grant_revoked", **said})) == "grant_revoked"
    tally = Tally()
    for number in range(2 * MOST_LABELS):
        tally.add((str(number), "x"))
    assert len(tally.by) == MOST_LABELS + 1
    assert tally.by[OTHER, OTHER] == MOST_LABELS


def told_names() -> Iterator[str]:
    yield from (f"guantong_{name}_total" for name in board.COUNTERS)
    yield from (f"guantong_{name}" for name in board.GAUGES)
    yield from (f"guantong_{name}_bucket" for name in board.HISTOGRAMS)
    yield from ("guantong_gateway_processes", "guantong_log_size", "guantong_log_waiting_bytes")


@pytest.mark.parametrize("name", ["grafana.json", "alerts.yml"])
def test_what_is_drawn_and_watched_is_told(name: str) -> None:
    assert unknown_names((ROOT / "deploy" / name).read_text("utf-8")) == set()


def test_an_unknown_metric_would_be_noticed() -> None:
    assert unknown_names("rate(guantong_cals_total[5m])") == {"guantong_cals_total"}


def unknown_names(text: str) -> set[str]:
    import re

    return set(re.findall(r"\bguantong_[a-z_]+", text)) - set(told_names())


def test_the_dashboard_is_one() -> None:
    drawn: Any = json.loads((ROOT / "deploy/grafana.json").read_text("utf-8"))
    assert all(panel["targets"] and panel["title"] for panel in drawn["panels"])

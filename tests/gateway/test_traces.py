"""One call over three nodes as a collector of traces sees it: received over HTTP, read by OpenTelemetry's own schema."""

import asyncio
import base64
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.gateway import cast, processes
from tests.gateway.town import PEOPLE, Town, built, far, listening, query, until

from guantong.gateway.nonces import drawn
from guantong.gateway.traces import MOST_WAITING, Sampling, Traces, Trail, traced
from guantong.kit.settings import Settings, SettingUnsafe

pytestmark = pytest.mark.town
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@dataclass
class Collector:
    """What arrived, as text and as spans."""

    url: str = ""
    status: int = 200
    texts: list[str] = field(default_factory=list)

    def spans(self) -> list[tuple[str, Any]]:
        """Each span with the node that tells it."""
        found = []
        for text in list(self.texts):
            request = json_format.Parse(json.dumps(_in_base64(json.loads(text))), ExportTraceServiceRequest())
            for of_node in request.resource_spans:
                about = {one.key: one.value.string_value for one in of_node.resource.attributes}
                node = about["service.instance.id"].partition("/")[0]
                found += [(node, span) for scope in of_node.scope_spans for span in scope.spans]
        return found


def _in_base64(value: Any) -> Any:
    """OTLP writes ids in hexadecimal where protobuf's own JSON has base64."""
    if isinstance(value, list):
        return [_in_base64(one) for one in value]
    if not isinstance(value, dict):
        return value
    ids = {"traceId", "spanId", "parentSpanId"}
    return {
        name: base64.b64encode(bytes.fromhex(one)).decode() if name in ids else _in_base64(one)
        for name, one in value.items()
    }


@pytest.fixture
def collector() -> Iterator[Collector]:
    here = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            here.texts.append(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(here.status)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield here
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def town(tmp_path: Path, collector: Collector) -> AsyncIterator[Town]:
    town = built(tmp_path)
    for station in town.stations.values():
        station.settings = replace(station.settings, otlp_url=collector.url)
    await asyncio.gather(*(station.start() for station in town.stations.values()))
    yield town
    await asyncio.gather(*(station.stop() for station in town.stations.values()))
    await town.courier.close()


async def test_the_spans_of_three_nodes_are_one_trace(town: Town, collector: Collector) -> None:
    heard = await town.ask("/v1/query", far(), headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    assert heard.status == 200
    await until(lambda: len(collector.spans()) == 12)
    spans = collector.spans()
    assert {span.trace_id.hex() for _, span in spans} == {TRACE}
    assert [receipt["trace"] for station in town.stations.values() for receipt in station.receipts()] == [
        TRACE
    ] * 3
    by_id = {span.span_id.hex(): (node, span) for node, span in spans}
    assert len(by_id) == 12
    names = sorted((node, span.name) for node, span in spans)
    assert names == sorted([
        *((node, name) for node in cast.NODES for name in ("door", "decide", "receipt")),
        (cast.NATION, "source"), (cast.PROVINCE, "relay"), (cast.CITY, "relay"),
    ])  # fmt: skip
    # From the nation's source up to the school that asked.
    way, at = [], next(span for _, span in spans if span.name == "source")
    while (parent := at.parent_span_id.hex()) in by_id:
        node, at = by_id[parent]
        way.append((node, at.name))
    assert way == [
        (cast.NATION, "door"), (cast.PROVINCE, "relay"), (cast.PROVINCE, "door"), (cast.CITY, "relay"), (cast.CITY, "door")
    ]  # fmt: skip
    assert parent == PARENT
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for _, span in spans)
    names_nobody(collector)


async def test_a_call_without_a_trace_gets_one(town: Town, collector: Collector) -> None:
    heard = await town.ask("/v1/query", far(grant="G-unknown"))
    await until(lambda: len(collector.spans()) == 3)
    assert {span.trace_id.hex() for _, span in collector.spans()} == {heard.json["call"]}
    failures = {span.name: span.status.message for _, span in collector.spans()}
    assert failures == {"door": "grant_unknown", "decide": "grant_unknown", "receipt": ""}
    names_nobody(collector)


def names_nobody(collector: Collector) -> None:
    told = [part for person in PEOPLE for part in person if part]
    text = "".join(collector.texts)
    for secret in (*told, "case-1", cast.G_PERSONS, cast.ENROLMENT, cast.EDUCATION, "127.0.0.1"):
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text


def test_a_planted_name_would_be_found() -> None:
    with pytest.raises(AssertionError):
        names_nobody(Collector(texts=['{"stringValue": "\\u5f20\\u4e09"}']))


async def test_unsampled_calls_are_passed_on_untold(town: Town, collector: Collector) -> None:
    heard = await town.ask("/v1/query", far(), headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    assert heard.status == 200
    assert town.nation.receipts()[0]["trace"] == TRACE
    for station in town.stations.values():
        assert station.parts
        assert not station.parts.traces._waiting
        assert station.parts.traces.sent == 0


SMALL, LARGE = f"{'a' * 16}{'0' * 16}", f"{'a' * 16}{'f' * 16}"
"""Trace ids that a share takes first, and last: the lower half decides."""


def begun(ratio: float, trace: str, flag: str = "") -> Trail:
    traces = Traces("http://127.0.0.1:1/v1/traces", cast.CITY, "gateway-0")
    traces.sampling = Sampling(ratio)
    trail = traces.begin({"traceparent": f"00-{trace}-{PARENT}-{flag}"} if flag else {}, trace)
    assert trail
    return trail


@pytest.mark.parametrize(
    ("ratio", "trace", "flag", "is_kept"),
    [
        (1.0, LARGE, "", True),
        (0.0, SMALL, "", False),
        (0.5, SMALL, "", True),
        (0.5, LARGE, "", False),
        (0.5, "f" * 16 + "7" + "f" * 15, "", True),
        (0.5, "0" * 15 + "1" + "8" + "0" * 15, "", False),
        (0.0, LARGE, "01", True),
        (1.0, SMALL, "00", False),
        (0.0, LARGE, "03", True),
    ],
)
def test_a_share_is_told_by_the_trace_id_unless_the_caller_decided(
    ratio: float, trace: str, flag: str, is_kept: bool
) -> None:
    trail = begun(ratio, trace, flag)
    assert trail.is_kept == is_kept
    assert trail.header().endswith("-01" if is_kept else "-00")
    trail.step("decide", trail.began)
    assert len(trail.spans) == is_kept


def test_the_trace_that_the_call_itself_names_decides() -> None:
    trail = begun(0.5, LARGE)
    trail.follows(SMALL)
    assert (trail.trace, trail.is_kept) == (SMALL, True)
    trail = begun(0.5, SMALL, "00")
    trail.follows(TRACE)
    assert not trail.is_kept, "the caller had decided"


def test_a_share_of_many_is_about_that_share() -> None:
    taken = sum(Sampling(0.25).takes(drawn(16).hex()) for _ in range(8000))
    assert 1700 < taken < 2300  # more than seven standard deviations to either side


def test_a_share_is_a_share() -> None:
    given = {"GUANTONG_NODE": cast.CITY, "GUANTONG_HOME": "/nowhere", "GUANTONG_DEVELOPMENT": "true"}

    def read(ratio: str) -> float:
        return Settings.read({**given, "GUANTONG_TRACE_RATIO": ratio}, lambda _: "").trace_ratio

    assert [read(ratio) for ratio in ("0", "0.05", "1")] == [0, 0.05, 1]
    for wrong in ("-0.1", "1.1", "nan", "half"):
        with pytest.raises(SettingUnsafe):
            read(wrong)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_processes_tell_their_share_and_what_callers_ask_for(
    tmp_path: Path, collector: Collector, workers: str
) -> None:
    town = built(tmp_path)
    told = {"GUANTONG_OTLP_URL": collector.url, "GUANTONG_GATEWAY_WORKERS": workers}
    with processes.gateway(town.city, GUANTONG_TRACE_RATIO="0", **told):
        for _ in range(8):
            assert (await town.ask("/v1/query", query())).status == 200
        asked = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        assert (await town.ask("/v1/query", query(), headers=asked)).status == 200
        await until(lambda: len(collector.spans()) == 4)
    # Processes that stop send what waits.
    assert {span.trace_id.hex() for _, span in collector.spans()} == {TRACE}
    await town.courier.close()


async def test_nodes_follow_what_the_first_one_decided(town: Town, collector: Collector) -> None:
    assert town.city.parts
    town.city.parts.traces.sampling = Sampling(0)
    assert (await town.ask("/v1/query", far())).status == 200
    assert not any(station.parts and station.parts.traces._waiting for station in town.stations.values())
    for station in (town.province, town.nation):
        assert station.parts
        station.parts.traces.sampling = Sampling(0)
    town.city.parts.traces.sampling = Sampling(1)
    assert (await town.ask("/v1/query", far())).status == 200
    await until(lambda: len(collector.spans()) == 12)


async def test_a_collector_that_is_away_or_refuses_costs_spans_and_no_call(
    town: Town, collector: Collector
) -> None:
    assert town.city.parts
    traces = town.city.parts.traces
    collector.status = 500
    assert (await town.ask("/v1/query", query())).status == 200
    await until(lambda: traces.dropped == 4)
    with listening() as place:
        traces._url = f"http://127.0.0.1:{place.getsockname()[1]}/v1/traces"
    traces._courier.allow([traces._url])
    assert (await town.ask("/v1/query", query())).status == 200
    await until(lambda: traces.dropped == 8)
    assert traces.sent == 0


async def test_the_queue_has_an_end() -> None:
    traces = Traces("http://127.0.0.1:1/v1/traces", cast.CITY, "gateway-0")
    for _ in range(MOST_WAITING + 100):
        trail = traces.begin({}, "c" * 32)
        assert trail
        traces.end(trail, "c" * 32, "query", "")
    assert (len(traces._waiting), traces.dropped) == (MOST_WAITING, 100)


@pytest.mark.parametrize(
    "given",
    ["", "00", f"00-{TRACE}-{PARENT}", f"ff-{TRACE}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01",
     f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01 "],
)  # fmt: skip
def test_what_is_no_traceparent_is_passed_over(given: str) -> None:
    assert traced({"traceparent": given}) == ""
    trail = Traces("", cast.CITY, "gateway-0").begin({"traceparent": given}, "c" * 32)
    assert isinstance(trail, Trail)
    assert (trail.trace, trail.parent) == ("c" * 32, "")


def test_without_a_collector_nothing_is_gathered_and_the_parent_goes_on() -> None:
    traces = Traces("", cast.CITY, "gateway-0")
    assert traces.begin({}, "c" * 32) is None
    trail = traces.begin({"traceparent": f"00-{TRACE}-{PARENT}-01"}, "c" * 32)
    assert trail
    assert trail.header() == f"00-{TRACE}-{PARENT}-00"

"""The latest word of every gateway process, as Prometheus reads it, on a listener of its own.

A process that has died keeps its counts (they are added to those of its successors) and loses its gauges.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from guantong.evidence.standing import Standing
from guantong.gateway.metrics import Histogrammed, Labels, Snapshot

PREFIX = "guantong_"

logger = logging.getLogger("guantong.gateway")


class Kind(NamedTuple):
    """One kind of metric: what it means and the names of its labels."""

    meaning: str
    labels: Labels = ()


COUNTERS = {
    "calls": Kind("Requests answered, by outcome code", ("mode", "code")),
    "refusals": Kind("Calls refused, by the rule that refused", ("rule",)),
    "limits_reached": Kind("Calls refused because a limit of their grant was reached", ("limit",)),
    "tokens_issued": Kind("Tokens given out"),
    "receipts_written": Kind("Receipts on disk"),
    "receipt_failures": Kind("Batches of receipts that could not be written"),
    "source_statements": Kind("Statements sent to a department's database", ("source",)),
    "source_lookups": Kind("Lookups in it; divided by statements: how many travelled together", ("source",)),
    "source_failures": Kind("Statements that a department's database did not answer", ("source",)),
    "service_failures": Kind("Requests that an address of a department's interface did not answer", ("resource",)),
    "spans_sent": Kind("Spans handed to the collector of traces"),
    "spans_dropped": Kind("Spans that the collector of traces did not get"),
}  # fmt: skip
GAUGES = {
    "calls_in_flight": Kind("Requests being answered", ("process",)),
    "receipts_waiting": Kind("Receipts on their way to disk", ("process",)),
    "bodies_on_disk_bytes": Kind("Bytes of large bodies that rest on disk on their way through", ("process",)),
    "bundle_sequence": Kind("Number of the bundle in force", ("process",)),
    "bundle_age_seconds": Kind("Age of the bundle in force", ("process",)),
    "draining": Kind("1 while the process only finishes what is on its way", ("process",)),
    "service_addresses": Kind("Addresses of a department's interface", ("process", "resource")),
    "service_addresses_resting": Kind("Those of them that are left alone (circuit breaker)", ("process", "resource")),
}  # fmt: skip
HISTOGRAMS = {
    "call_seconds": Kind("Time from a request's head to its answer", ("mode",)),
    "receipt_disk_seconds": Kind("Time for a batch of receipts to be on disk"),
}


class Board(Collector):
    """Keeps the snapshots; for the thread that puts them and the threads that read them."""

    def __init__(self, log: Callable[[], Standing | None]) -> None:
        self._log = log
        self._living: dict[str, Snapshot] = {}
        self._dead = Snapshot({}, {}, {})

    def put(self, process: str, raw: bytes) -> None:
        """The latest snapshot of ``process``."""
        try:
            self._living[process] = msgspec.json.decode(raw, type=Snapshot)
        except msgspec.DecodeError as fault:
            logger.error("the counts of %s cannot be read: %s", process, fault)  # noqa: TRY400 - nothing more to say

    def gone(self, process: str) -> None:
        """``process`` has ended."""
        last = self._living.pop(process, None)
        if last is not None:
            counters, histograms = _added([self._dead, last])
            self._dead = Snapshot(
                {name: list(by.items()) for name, by in counters.items()},
                {},
                {name: list(by.values()) for name, by in histograms.items()},
            )

    def collect(self) -> Iterable[Any]:
        """The metrics, as prometheus-client asks for them."""
        living = dict(self._living)
        counters, histograms = _added([self._dead, *living.values()])
        for name, kind in COUNTERS.items():
            counter = CounterMetricFamily(PREFIX + name, kind.meaning, labels=kind.labels)
            for labels, value in counters[name].items():
                counter.add_metric(labels, value)
            yield counter
        for name, kind in GAUGES.items():
            gauge = GaugeMetricFamily(PREFIX + name, kind.meaning, labels=kind.labels)
            for process, snapshot in living.items():
                for labels, value in snapshot.gauges.get(name, []):
                    gauge.add_metric((process, *labels), value)
            yield gauge
        for name, kind in HISTOGRAMS.items():
            family = HistogramMetricFamily(PREFIX + name, kind.meaning, labels=kind.labels)
            for labels, each in histograms[name].items():
                family.add_metric(labels, _cumulative(each), each.total)
            yield family
        yield from self._of_all(len(living))

    def _of_all(self, processes: int) -> Iterator[Any]:
        yield GaugeMetricFamily(
            PREFIX + "gateway_processes", "Gateway processes that answer", value=processes
        )
        if (log := self._log()) is not None:
            yield GaugeMetricFamily(
                PREFIX + "log_size", "Records under the log's last checkpoint", value=log.size
            )
            yield GaugeMetricFamily(
                PREFIX + "log_waiting_bytes", "Bytes of the spool that the log has not taken in", value=log.waiting_bytes
            )  # fmt: skip


def serve_metrics(board: Board, host: str, port: int) -> Callable[[], None]:
    """Answer Prometheus at ``http://host:port/metrics`` until the function that is returned is called."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(board)
    server, thread = start_http_server(port, host, registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


def _added(
    snapshots: Iterable[Snapshot],
) -> tuple[dict[str, dict[Labels, float]], dict[str, dict[Labels, Histogrammed]]]:
    """Counters and histograms of all together."""
    counters: dict[str, dict[Labels, float]] = defaultdict(dict)
    histograms: dict[str, dict[Labels, Histogrammed]] = defaultdict(dict)
    for snapshot in snapshots:
        for name, pairs in snapshot.counters.items():
            for labels, value in pairs:
                counters[name][labels] = counters[name].get(labels, 0) + value
        for name, given in snapshot.histograms.items():
            for one in given:
                before = histograms[name].get(one.labels)
                histograms[name][one.labels] = _joined(before, one) if before else one
    return counters, histograms


def _joined(one: Histogrammed, other: Histogrammed) -> Histogrammed:
    counts = [a + b for a, b in zip(one.counts, other.counts, strict=True)]
    return Histogrammed(one.labels, one.bounds, counts, one.total + other.total)


def _cumulative(one: Histogrammed) -> list[tuple[str, float]]:
    count, buckets = 0, []
    for bound, here in zip([*map(str, one.bounds), "+Inf"], one.counts, strict=True):
        count += here
        buckets.append((bound, float(count)))
    return buckets

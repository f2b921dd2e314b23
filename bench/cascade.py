"""The catalogue's way from a child to its parent: everything at first, then one night's changes.

Two real nodes, each with its web process and its worker. On the way each side is killed (SIGKILL) twice. Time runs
from the start of the processes until the parent has everything, kills and restarts included; memory is what all
processes of one side hold at one moment, sampled, the larger side's peak. In the end every entry is compared.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.federation.nodes import RealNode, Row, until

PARENT, CHILD = "510000", "511600"
NIGHTLY = 100
FILL = """
import os
os.environ["ENTRIES"] = argument
from bench import catalog
catalog.fill()
"""
CHANGE = """
from django.db import transaction
from guantong.catalog.models import Resource, ResourceVersion
at = clock.now()
with transaction.atomic():
    keys = list(Resource.objects.order_by("pk").values_list("pk", flat=True)[::int(argument)])
    for start in range(0, len(keys), 500):
        rows = list(Resource.objects.filter(pk__in=keys[start:start + 500]))
        said = {v.resource_id: v for v in ResourceVersion.objects.filter(resource__in=rows)}
        for i, row in enumerate(rows):
            row.live_version, row.is_live = 2, bool(i % 10)
            row.state = "published" if row.is_live else "withdrawn"
            row.name = row.name + "（改）"
        Resource.objects.bulk_update(rows, ["live_version", "is_live", "state", "name"])
        ResourceVersion.objects.bulk_create(
            ResourceVersion(resource=row, version=2, content={**said[row.pk].content, "name": row.name},
                            is_withdrawal=not row.is_live, published_at=at, published_by="x")
            for row in rows
        )
print(len(keys))
"""


class Memory:
    """Samples what all processes of each side hold, and keeps the peaks."""

    def __init__(self, nodes: list[RealNode]) -> None:
        self.nodes, self.peaks = nodes, {node.code: 0.0 for node in nodes}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(0.2):
            groups = {p.pid: n.code for n in self.nodes for p in list(n.running.values())}
            held: dict[str, float] = dict.fromkeys(self.peaks, 0.0)
            for status in Path("/proc").glob("[0-9]*/stat"):
                try:
                    group = int(status.read_text().rpartition(")")[2].split()[2])
                    if group in groups:
                        held[groups[group]] += _held_mb(status.parent)
                except OSError:
                    continue
            self.peaks = {code: max(peak, held[code]) for code, peak in self.peaks.items()}


def _held_mb(process: Path) -> float:
    """Resident memory; pages that processes share are counted once a share."""
    for line in (process / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def measure(entries: int) -> dict[str, Any]:
    """``push_s``, ``push_peak_mb``, ``delta_s`` and what goes with them."""
    with tempfile.TemporaryDirectory(prefix="guantong-bench-") as folder:
        row = Row(Path(folder), PARENT, CHILD)
        parent, child = row.nodes
        began = time.perf_counter()
        child.script(FILL, str(entries))
        child.command("index")
        print(f"{entries:,} entries at the child after {time.perf_counter() - began:.0f} s", flush=True)
        with row, Memory(row.nodes) as memory:
            began = time.perf_counter()
            for done, node in ((0.2, parent), (0.4, child), (0.6, parent), (0.8, child)):
                _wait(parent, lambda done=done: _count(parent) >= entries * done, "the flow")
                node.kill()
                print(
                    f"{node.code} killed at {_count(parent):,}, {time.perf_counter() - began:.0f} s",
                    flush=True,
                )
                node.start()
            _wait(parent, lambda: _count(parent) >= entries, "the last entry")
            push_s = time.perf_counter() - began
            peaks = dict(memory.peaks)
            _compare(parent, child, entries)
            _wait(parent, lambda: _is_found(parent, entries), "the search index")
            found_s = time.perf_counter() - began
            peaks_all = dict(memory.peaks)
            before = _newest(parent)
            changed = int(child.script(CHANGE, str(NIGHTLY)))
            began = time.perf_counter()
            _wait(parent, lambda: _newest(parent) >= before + changed, "the night's changes")
            delta_s = time.perf_counter() - began
            _compare(parent, child, entries)
    print(f"peaks: {peaks}, with the index: {peaks_all}", flush=True)
    return {
        "push_s": round(push_s, 1),
        "push_entries": entries,
        "push_kills": 4,
        "push_peak_mb": round(max(peaks.values())),
        "push_peak_with_index_mb": round(max(peaks_all.values())),
        "push_found_s": round(found_s, 1),
        "delta_s": round(delta_s, 1),
        "delta_entries": changed,
    }


def _wait(node: RealNode, is_so: Callable[[], object], about: str) -> None:
    del node
    until(is_so, about=about, for_s=3600)


def _count(node: RealNode) -> int:
    return int(node.ask("SELECT count(*) FROM catalog_resource")[0][0])


def _newest(node: RealNode) -> int:
    return int(node.ask("SELECT coalesce(max(number), 0) FROM catalog_resourceversion")[0][0])


def _is_found(node: RealNode, entries: int) -> bool:
    folder = node.home / "search"
    try:
        manifest = folder / (folder / "current").read_text().strip() / "manifest.json"
        return f'"change":{entries}' in manifest.read_text().replace(" ", "")
    except OSError:
        return False


def _compare(parent: RealNode, child: RealNode, entries: int) -> None:
    count = 0
    for above, below in zip(parent.entries(), child.entries(), strict=True):
        assert above == below, (above, below)
        count += 1
    assert count == entries, count


if __name__ == "__main__":
    print(measure(int(os.environ.get("ENTRIES", "470000"))))

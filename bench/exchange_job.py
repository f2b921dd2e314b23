"""One batch job in a process of its own: told on standard input, answered on standard output."""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from tests.exchange import cast
from tests.exchange.cast import Exchange

from guantong.bundle.jobs import Job
from guantong.exchange.run import run

COLUMNS = {item: item for item in cast.FIELDS}


def main() -> None:
    told: dict[str, Any] = json.loads(sys.stdin.read())
    urls = told["urls"]
    dialect = told.get("source", "postgresql")
    with tempfile.TemporaryDirectory(dir=urls["folder"]) as home:
        exchange = Exchange(Path(home), {"police": urls[dialect], "education": urls["postgresql"]})
        job = msgspec.convert(msgspec.to_builtins(cast.job()) | told["job"], Job)
        bundle = cast.bundle(
            exchange.key,
            job=job,
            grant=cast.grant(**told.get("grant", {})),
            source={"dialect": dialect, "table": "person", "columns": COLUMNS},
            target={"dialect": "postgresql", "table": "pupil", "columns": COLUMNS},
        )
        began = time.perf_counter()
        outcome = run(exchange.here, lambda: bundle, cast.JOB, since=told.get("since"))
        took = time.perf_counter() - began
        exchange.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rate": outcome.read / took, "seconds": took, "rows": outcome.rows, "peak_mb": peak}))


if __name__ == "__main__":
    main()

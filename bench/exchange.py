"""Batches: rows a second from table to table, beside ``psql COPY binary | psql COPY binary`` in the same run.

Private servers with the durability of production (fsync on, synchronous commits) for every candidate, on the same
cores. ``ROWS`` sets the size. Each of our runs is a process of its own, so that its peak memory is its own.
"""

import contextlib
import csv
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import psycopg
import pymysql
from tests import databases
from tests.exchange import cast

from bench import exchange_nodes as nodes
from bench import exchange_rivals as rivals
from bench.spine import machine
from guantong.bundle.jobs import Check, Limits

ROWS = int(os.environ.get("ROWS", "5000000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
RESULT = Path(__file__).parent / "results" / "exchange.json"
COLUMNS = {item: item for item in cast.FIELDS}
CREATE = """
CREATE TABLE {name} (
    id_number varchar(18), person_no bigint NOT NULL, name varchar(40), sex integer, born_on date,
    division varchar(12), phone varchar(20), address varchar(200), income numeric(12,2), updated_at timestamptz)
"""
FILL = """
INSERT INTO person
SELECT body || substr('10X98765432', 1 + (d[1]*7 + d[2]*9 + d[3]*10 + d[4]*5 + d[5]*8 + d[6]*4 + d[7]*2 + d[8]
       + d[9]*6 + d[10]*3 + d[11]*7 + d[12]*9 + d[13]*10 + d[14]*5 + d[15]*8 + d[16]*4 + d[17]*2) % 11, 1),
       g, (ARRAY['张','王','李','赵','陈','刘','杨','黄'])[1 + g % 8] || (ARRAY['伟','芳','秀英','敏'])[1 + g / 8 % 4],
       g % 2, born, '511602' || lpad((g % 900000)::text, 6, '0'),
       CASE WHEN g % 1000 = 999 THEN '无' ELSE '13' || lpad((g % 1000000000)::text, 9, '0') END,
       '四川省广安市广安区' || g % 997 || '号', (g % 100000) / 100.0,
       timestamptz '2026-01-01 00:00:00+08' + (g % 20000000) * interval '1 second'
FROM (SELECT g, born, body, regexp_split_to_array(body, '')::int[] AS d
      FROM (SELECT g, born, 511602 + g % 6 || to_char(born, 'YYYYMMDD') || lpad((g % 1000)::text, 3, '0') AS body
            FROM (SELECT g, date '1950-01-01' + g % 25000 AS born FROM generate_series(1, {rows}) g) a) b) c
"""
CHECKS = [
    Check(rule="not_null", items=["id_number", "name"]),
    Check(rule="resident_id", items=["id_number"]),
    Check(rule="pattern", items=["phone"], pattern=r"^1\d{10}$"),
    Check(rule="range", items=["born_on"], low="1900-01-01", high="2026-11-22"),
    Check(rule="codes", items=["sex"], codes=["0", "1"]),
    Check(rule="born_on", items=["id_number", "born_on"]),
]
GENTLE = Limits(bad_rows=10**9)
MASKS = {"name": "keep_head:1", "phone": "keep_tail:4"}


def main() -> None:
    with servers() as urls:
        result = measured(urls)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    show(result)


@contextlib.contextmanager
def servers() -> Iterator[dict[str, str]]:
    with (
        tempfile.TemporaryDirectory(prefix="guantong-bench-") as folder,
        databases.postgresql(durable=True) as postgresql,
        databases.mariadb(durable=True) as mariadb,
    ):
        urls = {
            "postgresql": postgresql,
            "mysql": mariadb,
            "sqlite": f"sqlite://{folder}/person.db",
            "folder": folder,
        }
        fill(urls)
        yield urls


def fill(urls: dict[str, str]) -> None:
    with psycopg.connect(urls["postgresql"], autocommit=True) as db:
        db.execute(CREATE.format(name="person"))
        db.execute(FILL.format(rows=ROWS))
        db.execute("ALTER TABLE person ADD PRIMARY KEY (person_no)")
        db.execute("VACUUM ANALYZE person")
    fill_others(urls)


def fill_others(urls: dict[str, str]) -> None:
    """The same rows in SQLite and MariaDB, by way of a file that all can read."""
    path = Path(urls["folder"]) / "person.csv"
    moment = "to_char(updated_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI:SS')"
    columns = ", ".join([*cast.FIELDS[:-1], moment])
    copy = f"COPY (SELECT {columns} FROM person) TO STDOUT (FORMAT csv)"
    with path.open("wb") as file:
        subprocess.run(["psql", "-qX", urls["postgresql"], "-c", copy], stdout=file, check=True)
    lite = sqlite3.connect(urls["sqlite"].removeprefix("sqlite://"))
    lite.execute(CREATE.format(name="person").replace("timestamptz", "timestamp"))
    with path.open(encoding="utf-8", newline="") as file:
        lite.executemany(f"INSERT INTO person VALUES ({', '.join('?' * 10)})", csv.reader(file))
    lite.commit()
    lite.close()
    with contextlib.closing(mariadb(urls["mysql"])) as db, db.cursor() as cursor:
        cursor.execute(CREATE.format(name="person").replace("timestamptz", "datetime"))
        cursor.execute(
            f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE person CHARACTER SET utf8mb4 "
            "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY ''"
        )
    path.unlink()


def mariadb(url: str) -> Any:
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname, port=parts.port or 0, user="root", database="guantong", autocommit=True,
        local_infile=True, charset="utf8mb4",
    )  # fmt: skip


def measured(urls: dict[str, str]) -> dict[str, Any]:
    limit = best(lambda: psql(urls, is_keyed=False))
    keyed = best(lambda: psql(urls, is_keyed=True))
    checks: dict[str, Any] = {"checks": CHECKS, "limits": GENTLE}
    plain = ours(urls, "plain", is_keyed=False)
    checked = ours(urls, "checked", is_keyed=True, job=checks, grant={"masks": MASKS})
    staged = between(urls, checks)
    upserted, reloaded, replayed, floor = upsert(urls)
    mariadb = ours(urls, "mariadb", is_keyed=False, source="mysql")
    sqlite = ours(urls, "sqlite", is_keyed=False, source="sqlite")
    loops = {f"{name}_rows_per_s": round(rate) for name, rate in rivals.measured(urls).items()}
    rounds = [plain, checked, staged, mariadb, sqlite]
    return {
        "rows": ROWS,
        "limit_rows_per_s": round(limit),
        "keyed_limit_rows_per_s": round(keyed),
        "plain_rows_per_s": round(plain["rate"]),
        "plain_ratio": round(plain["rate"] / limit, 3),
        "checked_rows_per_s": round(checked["rate"]),
        "checked_ratio": round(checked["rate"] / keyed, 3),
        "staged_rows_per_s": round(staged["rate"]),
        "staged_ratio": round(staged["rate"] / keyed, 3),
        "upsert_s": round(upserted, 2),
        "reload_s": round(reloaded, 2),
        "upsert_speedup": round(reloaded / upserted, 2),
        "upsert_replay_s": round(replayed, 2),
        "upsert_replay_speedup": round(replayed / upserted, 2),
        "upsert_floor_s": round(floor, 2),
        "peak_mb": round(max(one["peak_mb"] for one in rounds)),
        "mariadb_rows_per_s": round(mariadb["rate"]),
        "sqlite_rows_per_s": round(sqlite["rate"]),
        **loops,
        "machine": machine(Path(urls["folder"])),
    }


def between(urls: dict[str, str], checks: dict[str, Any]) -> dict[str, float]:
    """Between two nodes: the median round, and the highest memory of either process in any round."""
    rounds = []
    for _ in range(ROUNDS):
        target(urls, is_keyed=True)
        rounds.append(nodes.measured(urls, ROWS, grant={"masks": MASKS}, **checks))
    rounds.sort(key=lambda one: one["rate"])
    return rounds[len(rounds) // 2] | {"peak_mb": max(one["peak_mb"] for one in rounds)}


def upsert(urls: dict[str, str]) -> tuple[float, float, float, float]:
    """One row in ten changed since the last run, into the same keyed table, in seconds.

    Beside it: all rows anew in place of the table; the same job from its beginning; and the database's own MERGE of
    the same changes that it has beside the target already (no tool can be quicker than that).
    """
    how = {"writing": "upsert", "key": ["person_no"], "reading": "watermark", "watermark": "updated_at"}
    target(urls, is_keyed=True)
    reload = child(urls, "reload", job={})
    with tempfile.TemporaryDirectory(dir=urls["folder"]) as home, psycopg.connect(urls["postgresql"]) as db:
        db.autocommit = True
        change(db)
        # The ledger says that everything up to now is in the target.
        changed = child(urls, "upsert", job=how, home=home, since="2026-11-22T00:00:00+00:00")
        assert changed["rows"] == ROWS // 10, changed
        replayed = child(urls, "replay", job=how, home=home, since="")
        change(db)
        return changed["seconds"], reload["seconds"], replayed["seconds"], merged(db)


def change(db: "psycopg.Connection[Any]") -> None:
    db.execute("UPDATE person SET updated_at = '2026-11-22', income = income + 1 WHERE person_no % 10 = 0")
    db.execute("VACUUM ANALYZE person")
    db.execute("VACUUM ANALYZE pupil")


def merged(db: "psycopg.Connection[Any]") -> float:
    """Seconds for a bare MERGE of the changed rows."""
    rest = [item for item in cast.FIELDS if item != "person_no"]
    old, new = (", ".join(f"{side}.{item}" for item in rest) for side in "ts")
    db.execute("CREATE TEMPORARY TABLE changed AS SELECT * FROM person WHERE updated_at >= '2026-11-22'")
    db.execute("SET enable_hashjoin = off")
    db.execute("SET enable_mergejoin = off")
    began = time.perf_counter()
    db.execute(
        f"MERGE INTO pupil t USING changed s ON t.person_no = s.person_no WHEN MATCHED AND ({old}) IS DISTINCT FROM"
        f" ({new}) THEN UPDATE SET ({', '.join(rest)}) = ROW ({new})"
    )
    return time.perf_counter() - began


def best(measure: Callable[[], float]) -> float:
    """The median of several rounds: neither the luckiest nor the one that somebody else slowed down."""
    rates = sorted(measure() for _ in range(ROUNDS))
    return rates[len(rates) // 2]


def target(urls: dict[str, str], *, is_keyed: bool) -> None:
    with psycopg.connect(urls["postgresql"], autocommit=True) as db:
        db.execute("DROP TABLE IF EXISTS pupil")
        db.execute("DROP TABLE IF EXISTS guantong_ledger")
        db.execute(CREATE.format(name="pupil"))
        if is_keyed:
            db.execute("ALTER TABLE pupil ADD PRIMARY KEY (person_no)")
        db.execute("CHECKPOINT")


def psql(urls: dict[str, str], *, is_keyed: bool) -> float:
    target(urls, is_keyed=is_keyed)
    url = urls["postgresql"]
    reading = ["psql", "-qX", url, "-c", "COPY person TO STDOUT (FORMAT binary)"]
    writing = ["psql", "-qX", url, "-c", "COPY pupil FROM STDIN (FORMAT binary)"]
    began = time.perf_counter()
    with subprocess.Popen(reading, stdout=subprocess.PIPE) as source:
        subprocess.run(writing, stdin=source.stdout, check=True)
    assert source.returncode == 0
    return ROWS / (time.perf_counter() - began)


def ours(
    urls: dict[str, str],
    name: str,
    *,
    is_keyed: bool,
    job: dict[str, Any] | None = None,
    grant: dict[str, Any] | None = None,
    source: str = "postgresql",
) -> dict[str, float]:
    """The median round of a job: its rate and the highest memory of its process in any round."""
    rounds = []
    for _ in range(ROUNDS):
        target(urls, is_keyed=is_keyed)
        rounds.append(child(urls, name, job=job or {}, grant=grant or {}, source=source))
    rounds.sort(key=lambda one: one["rate"])
    return rounds[len(rounds) // 2] | {"peak_mb": max(one["peak_mb"] for one in rounds)}


def child(urls: dict[str, str], name: str, **told: Any) -> dict[str, float]:
    """Run one job in a process of its own; it says how long it took and how much memory it had at most."""
    words = msgspec.json.encode({"urls": urls, "name": name, **told}).decode()
    done = subprocess.run(
        [sys.executable, "-m", "bench.exchange_job"], input=words, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    said: dict[str, float] = json.loads(done.stdout)
    print(f"{name:<12} {said['rate']:>10,.0f} rows/s  {said['peak_mb']:>5.0f} MB", file=sys.stderr)
    return said


def show(result: dict[str, Any]) -> None:
    print(f"{'batches':<28} {ROWS:,} rows, load {os.getloadavg()[0]:.1f}")
    for name, value in result.items():
        print(f"{name:<28} {value}")


if __name__ == "__main__":
    main()

"""What else moves tables, in the same run on the same servers: the usual Python loop, pandas, dlt and sling.

Each takes at most ``SHARE`` of the rows, since most are slow; a rate needs no more. Those that are not installed
(``pip install --group bench``) are left out.
"""

import contextlib
import importlib.util
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pymysql

SHARE = int(os.environ.get("RIVAL_ROWS", "200000"))


def measured(urls: dict[str, str]) -> dict[str, float]:
    """Rows a second by name."""
    wanted: dict[str, tuple[str, Callable[[dict[str, str]], None]]] = {
        "loop_mariadb": ("pymysql", loop),
        "loop_sqlite": ("sqlite3", loop_sqlite),
        "pandas": ("pandas", pandas),
        "dlt": ("dlt", dlt),
        "sling": ("sling_linux_amd64", sling),
    }
    found = {}
    for name, (module, work) in wanted.items():
        if importlib.util.find_spec(module) is None:
            continue
        _fresh(urls)
        began = time.perf_counter()
        try:
            work(urls)
        except Exception as fault:  # noqa: BLE001 - one that fails must not cost the others' figures
            print(f"{name}: {str(fault)[-300:]}", file=sys.stderr)
            continue
        found[name] = _arrived(urls) / (time.perf_counter() - began)
        print(f"{name:<12} {found[name]:>10,.0f} rows/s", file=sys.stderr)
    return found


def loop(urls: dict[str, str]) -> None:
    """The usual loop: fetch a thousand, insert a thousand."""
    parts = urlsplit(urls["mysql"])
    source = pymysql.connect(
        host=parts.hostname, port=parts.port or 0, user="root", database="guantong",
        cursorclass=pymysql.cursors.SSCursor,
    )  # fmt: skip
    insert = f"INSERT INTO rival VALUES ({', '.join(['%s'] * 10)})"
    with (
        contextlib.closing(source),
        psycopg.connect(urls["postgresql"]) as target,
        source.cursor() as reading,
        target.cursor() as writing,
    ):
        reading.execute(f"SELECT * FROM person LIMIT {SHARE}")
        while rows := reading.fetchmany(1000):
            writing.executemany(insert, rows)


def loop_sqlite(urls: dict[str, str]) -> None:
    """The same from SQLite."""
    source = sqlite3.connect(urls["sqlite"].removeprefix("sqlite://"))
    insert = f"INSERT INTO rival VALUES ({', '.join(['%s'] * 10)})"
    with (
        contextlib.closing(source),
        psycopg.connect(urls["postgresql"]) as target,
        target.cursor() as writing,
    ):
        reading = source.execute(f"SELECT * FROM person LIMIT {SHARE}")
        while rows := reading.fetchmany(1000):
            writing.executemany(insert, rows)


def pandas(urls: dict[str, str]) -> None:
    """read_sql and to_sql, in chunks."""
    import pandas as pd
    import sqlalchemy

    engine = sqlalchemy.create_engine(urls["postgresql"].replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as reading, engine.begin() as writing:
        query = sqlalchemy.text(f"SELECT * FROM person LIMIT {SHARE}")
        for frame in pd.read_sql(query, reading.execution_options(stream_results=True), chunksize=10_000):
            frame.to_sql("rival", writing, if_exists="append", index=False)
    engine.dispose()


def dlt(urls: dict[str, str]) -> None:
    """Its SQL source into its PostgreSQL destination."""
    import dlt as tool
    from dlt.sources.sql_database import sql_table

    address = urls["postgresql"].replace("postgresql://", "postgresql+psycopg://")
    pipeline = tool.pipeline(
        "bench",
        pipelines_dir=f"{urls['folder']}/dlt",
        # It insists on a password, which the server does not ask for.
        destination=tool.destinations.postgres(urls["postgresql"].replace("@", ":none@", 1)),
        dataset_name="public",
    )
    table: Any = sql_table(address, table="person", backend="pyarrow", chunk_size=50_000).add_limit(
        SHARE // 50_000
    )
    pipeline.run(table, table_name="rival", write_disposition="append", loader_file_format="csv")


def sling(urls: dict[str, str]) -> None:
    """Its binary, table to table."""
    address = f"{urls['postgresql']}?sslmode=disable"
    spec = importlib.util.find_spec("sling_linux_amd64")
    assert spec
    assert spec.submodule_search_locations
    binary = Path(spec.submodule_search_locations[0]) / "bin" / "sling-linux-amd64"
    subprocess.run(
        [
            str(binary), "run", "--src-conn", address, "--tgt-conn", address,
            "--src-stream", f"SELECT * FROM person LIMIT {SHARE}", "--tgt-object", "public.rival",
            "--mode", "full-refresh",
        ],
        check=True, capture_output=True,
    )  # fmt: skip


def _fresh(urls: dict[str, str]) -> None:
    with psycopg.connect(urls["postgresql"], autocommit=True) as db:
        db.execute("DROP TABLE IF EXISTS rival")
        db.execute("CREATE TABLE rival (LIKE person)")


def _arrived(urls: dict[str, str]) -> int:
    with psycopg.connect(urls["postgresql"]) as db:
        row = db.execute("SELECT count(*) FROM rival").fetchone()
    return int(row[0]) if row else 0

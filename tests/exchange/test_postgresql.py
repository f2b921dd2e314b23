"""Table to table in PostgreSQL: whole, appended, updated; once, whatever happens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from tests.exchange import cast
from tests.exchange.cast import Exchange

from guantong.bundle.jobs import Check, Limits
from guantong.bundle.refusals import GrantRevoked
from guantong.bundle.types import Bundle, Condition
from guantong.exchange import errors
from guantong.exchange.quarantine import kept
from guantong.exchange.run import Outcome, run
from guantong.exchange.starting import Span

CREATE = """
CREATE TABLE {name} (
    id_number varchar(18) NOT NULL, person_no bigint PRIMARY KEY, name text, sex integer, born_on date,
    division varchar(12), phone varchar(20), address text, income numeric(12,2), updated_at timestamptz)
"""
FILL = """
INSERT INTO person SELECT '51160219900101' || lpad(g::text, 4, '0'), g, '张三', g % 2, date '1990-01-01' + g::int,
    '51160' || g % 10, '13' || lpad(g::text, 9, '0'), '四川省广安市' || g || '号', g / 100.0,
    timestamptz '2026-01-01 00:00:00+08' + g * interval '1 second' FROM generate_series({first}, {last}) g
"""


class Town:
    def __init__(self, home: Path, url: str) -> None:
        self.url = url
        self.db = psycopg.connect(url, autocommit=True)
        for name in ("person", "pupil"):
            self.db.execute(f"DROP TABLE IF EXISTS {name} CASCADE")
            self.db.execute(CREATE.format(name=name))
        self.db.execute("DROP TABLE IF EXISTS guantong_ledger")
        self.exchange = Exchange(home, {"police": url, "education": url})
        self.bundle = self.declared()

    def declared(self, *, job: Any = None, grant: Any = None) -> Bundle:
        columns = {item: item for item in cast.FIELDS}
        self.bundle = cast.bundle(
            self.exchange.key,
            job=cast.job(limits=Limits(chunk_rows=100), **(job or {})),
            grant=cast.grant(**(grant or {})),
            source={"dialect": "postgresql", "table": "person", "columns": columns},
            target={"dialect": "postgresql", "table": "pupil", "columns": columns},
        )
        return self.bundle

    def fill(self, last: int, first: int = 1) -> None:
        self.db.execute(FILL.format(first=first, last=last))

    def run(self) -> Outcome:
        return run(self.exchange.here, lambda: self.bundle, cast.JOB)

    def rows(self, table: str = "pupil") -> list[tuple[Any, ...]]:
        return self.db.execute(f"SELECT * FROM {table} ORDER BY person_no").fetchall()


@pytest.fixture
def town(tmp_path: Path, postgresql_url: str) -> Iterator[Town]:
    town = Town(tmp_path, postgresql_url)
    yield town
    town.exchange.close()
    town.db.close()


def test_a_table_arrives_as_it_was(town: Town) -> None:
    town.fill(1050)
    outcome = town.run()
    assert (outcome.rows, outcome.chunks, outcome.refused) == (1050, 11, 0)
    assert town.rows() == town.rows("person")


def test_the_second_run_replaces_the_first(town: Town) -> None:
    town.fill(300)
    town.run()
    town.db.execute("DELETE FROM person WHERE person_no <= 100")
    town.run()
    assert town.rows() == town.rows("person")
    keys = town.db.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'pupil'").fetchall()
    assert keys == [("pupil_pkey",)]


def test_how_a_table_is_stored_stays(town: Town) -> None:
    town.fill(300)
    town.db.execute("ALTER TABLE pupil SET (fillfactor = 80, autovacuum_enabled = false)")
    town.run()
    told = town.db.execute("SELECT reloptions FROM pg_class WHERE relname = 'pupil'").fetchone()
    assert told == (["fillfactor=80", "autovacuum_enabled=false"],)


def test_what_hangs_on_a_table_stays(town: Town) -> None:
    town.fill(300)
    town.db.execute("CREATE VIEW pupils AS SELECT name FROM pupil")
    town.run()
    assert town.db.execute("SELECT count(*) FROM pupils").fetchone() == (300,)


def test_every_chunk_is_signed_for_before_and_the_run_after(town: Town) -> None:
    town.fill(250)
    outcome = town.run()
    receipts = town.exchange.receipts()
    assert [(one["role"], one["rows"]) for one in receipts] == [
        ("provider", 100),
        ("provider", 100),
        ("provider", 50),
        ("consumer", 250),
    ]
    assert {one["mode"] for one in receipts} == {"batch"}
    ledger = town.db.execute("SELECT chunk, rows, digest FROM guantong_ledger ORDER BY chunk").fetchall()
    assert [line[:2] for line in ledger] == [(0, 250), (1, 100), (2, 100), (3, 50)]
    assert [one["answer"] for one in receipts] == [line[2] for line in (*ledger[1:], ledger[0])]
    assert receipts[0]["call"] == outcome.run


def test_upsert_changes_what_changed(town: Town) -> None:
    town.fill(300)
    town.declared(job={"writing": "upsert", "key": ["person_no"]})
    town.run()
    town.db.execute("UPDATE person SET name = '李四' WHERE person_no % 10 = 0")
    town.run()
    assert town.rows() == town.rows("person")


def test_increments_start_where_the_last_one_ended(town: Town) -> None:
    town.fill(300)
    job = {"writing": "upsert", "key": ["person_no"], "reading": "watermark", "watermark": "updated_at"}
    town.declared(job={**job, "overlap_s": 10})
    assert town.run().read == 300
    town.fill(400, first=301)
    town.db.execute("UPDATE person SET name = 'late' WHERE person_no = 295")
    assert town.run().read == 111
    assert town.rows() == town.rows("person")


def test_appending_by_watermark_repeats_nothing(town: Town) -> None:
    town.fill(250)
    town.declared(job={"writing": "append", "reading": "watermark", "watermark": "updated_at"})
    town.run()
    town.fill(300, first=251)
    assert town.run().read == 50
    assert town.rows() == town.rows("person")


def test_bad_rows_are_put_aside_with_their_reasons(town: Town) -> None:
    import polars as pl

    town.fill(300)
    town.db.execute("UPDATE person SET phone = 'none', born_on = 'infinity' WHERE person_no = 7")
    town.declared(job={"checks": [Check(rule="pattern", items=["phone"], pattern=r"^1\d{10}$")]})
    outcome = town.run()
    assert (outcome.rows, outcome.refused) == (299, 1)
    (path,) = kept(town.exchange.here.quarantine, cast.JOB)
    assert path.stat().st_mode & 0o777 == 0o600
    row = pl.read_parquet(path).row(0, named=True)
    assert (row["person_no"], row["reasons"]) == ("7", "born_on:type; phone:pattern")


def test_too_many_bad_rows_stop_the_run_and_leave_the_table_alone(town: Town) -> None:
    town.fill(300)
    town.run()
    town.db.execute("UPDATE person SET phone = 'none'")
    check = Check(rule="pattern", items=["phone"], pattern=r"^1\d{10}$")
    town.declared(job={"checks": [check]})
    town.bundle = msgspec.structs.replace(
        town.bundle,
        jobs={cast.JOB: msgspec.structs.replace(town.bundle.jobs[cast.JOB], limits=Limits(bad_rows=10))},
    )
    with pytest.raises(errors.TooManyBadRows):
        town.run()
    assert len(town.rows()) == 300


def test_masks_and_conditions_of_the_grant_hold(town: Town) -> None:
    town.fill(300)
    town.db.execute("ALTER TABLE pupil ALTER id_number DROP NOT NULL")
    town.declared(
        job={"fields": ["person_no", "name", "phone"]},
        grant={
            "masks": {"phone": "keep_tail:4", "name": "keep_head:1"},
            "condition": [Condition(item="division", op="eq", value="511603")],
        },
    )
    assert town.run().rows == 30
    rows = town.db.execute("SELECT person_no, name, phone, income FROM pupil ORDER BY person_no").fetchall()
    assert rows[0] == (3, "张*", "*******0003", None)
    assert all(row[0] % 10 == 3 for row in rows)


def test_a_revoked_grant_stops_the_next_chunk(town: Town) -> None:
    town.fill(1000)
    revoked = cast.grant(state="revoked")
    asked = 0

    def bundle() -> Bundle:
        nonlocal asked
        asked += 1
        return (
            town.bundle if asked < 7 else msgspec.structs.replace(town.bundle, grants={cast.GRANT: revoked})
        )

    town.declared(job={"writing": "upsert", "key": ["person_no"]})
    with pytest.raises(GrantRevoked):
        run(town.exchange.here, bundle, cast.JOB)
    assert 0 < len(town.rows()) < 1000
    assert len(town.rows()) % 100 == 0
    last = town.exchange.receipts()[-1]
    assert (last["decision"], last["reason"], last["rule"]) == ("refuse", "grant_revoked", "grant.state")


def test_a_backfill_reads_its_range_and_leaves_the_watermark_alone(town: Town) -> None:
    town.fill(300)
    job = {"writing": "upsert", "key": ["person_no"], "reading": "watermark", "watermark": "updated_at"}
    town.declared(job=job)
    town.run()
    low, end = town.db.execute(
        "SELECT (SELECT updated_at::text FROM person WHERE person_no = n) FROM unnest(ARRAY[50, 149]) n"
    ).fetchall()
    town.db.execute("UPDATE person SET name = 'late'")
    outcome = run(town.exchange.here, lambda: town.bundle, cast.JOB, since=Span(low[0], end[0]))
    assert outcome is not None
    assert outcome.read == 100
    assert town.db.execute("SELECT count(*) FROM pupil WHERE name = 'late'").fetchone() == (100,)
    town.fill(320, first=301)
    # The next increment begins where the last one ended, not where the backfill did.
    assert town.run().read == 21

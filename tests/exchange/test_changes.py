"""Reading by the database's own change log: first the whole table, then what was touched."""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests import databases
from tests.exchange.test_compare import COMPARE, N, Pair
from tests.exchange.test_kill import check_evidence, ended, started
from tests.exchange.test_pairs import Place

from guantong.exchange import errors

CHANGES: dict[str, Any] = {**COMPARE, "reading": "changes"}


@pytest.fixture(scope="module")
def logging_url() -> Iterator[str]:
    with databases.postgresql(wal_level="logical", synchronous_commit="on") as url:
        yield url


@pytest.fixture(scope="module")
def binary_url() -> Iterator[str]:
    with databases.mariadb(words=["--log-bin=binlog", "--binlog-format=ROW", "--server-id=1"]) as url:
        yield url


@pytest.fixture
def lake(tmp_path: Path, binary_url: str) -> Iterator[Pair]:
    """The same between tables of MariaDB."""
    source, target = (Place("mysql", binary_url, name) for name in ("person", "pupil"))
    pair = Pair(tmp_path, source, target)
    pair.more = {"reading": "changes"}
    yield pair
    pair.exchange.close()


@pytest.fixture
def pair(tmp_path: Path, logging_url: str) -> Iterator[Pair]:
    with psycopg.connect(logging_url, autocommit=True) as db:
        db.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
    source, target = (Place("postgresql", logging_url, name) for name in ("person", "pupil"))
    pair = Pair(tmp_path, source, target)
    pair.more = {"reading": "changes"}
    yield pair
    pair.exchange.close()


def check_changes(pair: Pair) -> None:
    pair.source.fill(range(1, 201))
    assert pair.run().rows == 200
    assert pair.is_equal()
    assert pair.run().rows == 0
    pair.source.do(f"UPDATE person SET name = '李四', address = NULL WHERE person_no IN ({3 * N}, {77 * N})")
    pair.source.do(
        f"UPDATE person SET name = 'new-tuple: person_no[bigint]:5 ''\"' WHERE person_no = {4 * N}"
    )
    pair.source.do(f"DELETE FROM person WHERE person_no > {150 * N}")
    pair.source.do(f"UPDATE person SET person_no = {1000 * N} WHERE person_no = {5 * N}")
    pair.source.fill(range(301, 306))
    outcome = pair.run()
    assert (outcome.rows, outcome.read) == (60, 60)
    assert pair.is_equal()
    assert pair.run().rows == 0


def check_emptied(pair: Pair) -> None:
    pair.source.fill(range(1, 101))
    pair.run()
    pair.source.do("TRUNCATE TABLE person")
    pair.source.fill(range(50, 61))
    pair.run()
    assert pair.is_equal()
    pair.source.do(f"DELETE FROM person WHERE person_no = {50 * N}")
    assert pair.run().rows == 1
    assert pair.is_equal()


@pytest.mark.parametrize("staged", [False, True])
def test_what_was_touched_arrives_and_nothing_else(pair: Pair, staged: bool) -> None:
    pair.more["staged"] = staged
    check_changes(pair)


def test_an_emptied_table_is_looked_at_whole(pair: Pair) -> None:
    check_emptied(pair)


def test_long_values_that_the_log_leaves_out_arrive(pair: Pair) -> None:
    pair.source.fill(range(1, 11))
    pair.source.do("ALTER TABLE person ALTER COLUMN address SET STORAGE EXTERNAL")
    pair.source.do("UPDATE person SET address = repeat('界', 100000)")
    pair.run()
    pair.source.do("UPDATE person SET name = 'short'")
    assert pair.run().rows == 10
    assert pair.is_equal()


def test_a_transaction_that_was_open_between_two_runs(pair: Pair) -> None:
    """Its changes stand in the log before the end of the last run, its commit after."""
    pair.source.fill(range(1, 11))
    pair.run()
    with psycopg.connect(pair.source.url) as slow:
        slow.execute("UPDATE person SET name = 'slow'")
        slow.execute("SELECT pg_current_wal_flush_lsn()")
        pair.source.do("CREATE TABLE IF NOT EXISTS other (a int)")
        pair.source.do("INSERT INTO other SELECT generate_series(1, 1000)")
        pair.source.fill(range(20, 21))
        assert pair.run().rows == 1
        slow.commit()
    assert pair.run().rows == 10
    assert pair.is_equal()


def test_a_replay_looks_at_everything(pair: Pair) -> None:
    pair.source.fill(range(1, 101))
    pair.run()
    pair.source.do(f"DELETE FROM person WHERE person_no < {20 * N}")
    pair.target.do(f"DELETE FROM pupil WHERE person_no > {90 * N}")
    assert pair.run(since="").rows == 100
    assert pair.is_equal()
    assert pair.run().rows == 0


def test_a_lost_slot_asks_for_a_replay(pair: Pair) -> None:
    pair.source.fill(range(1, 11))
    pair.run()
    pair.source.do("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
    pair.source.do("DELETE FROM person")
    with pytest.raises(errors.ChangesLost):
        pair.run()
    pair.run(since="")
    assert pair.target.rows() == []


@pytest.mark.parametrize(
    ("preparation", "told"),
    [
        ("ALTER TABLE person DROP CONSTRAINT person_pkey", "REPLICA IDENTITY"),
        ("ALTER TABLE person REPLICA IDENTITY NOTHING", "REPLICA IDENTITY"),
        ("ALTER TABLE person RENAME TO people; CREATE VIEW person AS SELECT * FROM people", "compare a view"),
    ],
)
def test_a_table_whose_log_says_too_little(pair: Pair, preparation: str, told: str) -> None:
    try:
        pair.source.do(preparation)
        with pytest.raises(errors.ChangeLogUnusable) as fault:
            pair.run()
        assert told in fault.value.details["why_en"]
    finally:
        pair.source.do("DROP VIEW IF EXISTS person" if "VIEW" in preparation else "SELECT 1")
        pair.source.do("DROP TABLE IF EXISTS people")


def test_an_identity_of_all_columns_will_do(pair: Pair) -> None:
    pair.source.do("ALTER TABLE person DROP CONSTRAINT person_pkey")
    pair.source.do("ALTER TABLE person REPLICA IDENTITY FULL")
    check_changes(pair)


def test_a_server_that_keeps_no_such_log(tmp_path: Path, postgresql_url: str) -> None:
    source, target = (Place("postgresql", postgresql_url, name) for name in ("person", "pupil"))
    pair = Pair(tmp_path, source, target)
    with pytest.raises(errors.ChangeLogUnusable) as fault:
        pair.run(reading="changes")
    assert "wal_level" in fault.value.details["why_en"]
    pair.exchange.close()


def test_an_account_that_may_not_replicate(pair: Pair) -> None:
    pair.source.do("DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
    pair.source.do("GRANT SELECT ON person TO reader")
    reading = Place.__new__(Place)
    reading.dialect, reading.table = "postgresql", "person"
    reading.url = pair.source.url.replace("guantong@", "reader@")
    other = Pair(pair.exchange.home / "other", reading, pair.target)
    with pytest.raises(errors.ChangeLogUnusable) as fault:
        other.run(reading="changes")
    assert "REPLICATION" in fault.value.details["why_en"]
    other.exchange.close()


@pytest.mark.parametrize("name", ["straight", "staged"])
def test_killed_at_any_step(name: str, tmp_path: Path, pair: Pair) -> None:
    source, target = pair.source, pair.target
    source.fill(range(1, 101))
    job = {**CHANGES, "staged": name == "staged"}
    dice = random.Random(name)
    died = tries = 0
    while died < 8 and tries < 40:
        tries += 1
        died += ended(started(tmp_path / "killed", source, target, job, dice.randrange(2, 40))) != 0
        source.do(f"DELETE FROM person WHERE person_no % 7 = {dice.randrange(7)}")
        source.do(f"UPDATE person SET name = 'name {tries}' WHERE person_no % 5 = {dice.randrange(5)}")
        source.fill(range(1000 * tries, 1000 * tries + 20))
    assert died == 8
    assert ended(started(tmp_path / "killed", source, target, job, 0)) == 0
    assert target.rows() == source.rows()
    check_evidence(tmp_path / "killed", target)


def test_files_have_no_log(tmp_path: Path, postgresql_url: str) -> None:
    (tmp_path / "s.db").touch()
    source = Place("sqlite", f"sqlite://{tmp_path}/s.db", "person")
    pair = Pair(tmp_path, source, Place("postgresql", postgresql_url, "pupil"))
    with pytest.raises(errors.JobMisdeclared) as fault:
        pair.run(reading="changes")
    assert "compare" in fault.value.details["why_en"]
    pair.exchange.close()


@pytest.mark.parametrize("staged", [False, True])
def test_mariadb_tells_what_was_touched(lake: Pair, staged: bool) -> None:
    lake.more["staged"] = staged
    check_changes(lake)


def test_mariadb_tells_of_an_emptied_table(lake: Pair) -> None:
    check_emptied(lake)


def test_mariadb_with_the_least_in_its_log(lake: Pair) -> None:
    lake.source.do("SET GLOBAL binlog_row_image = 'MINIMAL'")
    try:
        check_changes(lake)
    finally:
        lake.source.do("SET GLOBAL binlog_row_image = 'FULL'")


def test_mariadb_goes_on_in_the_next_file(lake: Pair) -> None:
    lake.source.fill(range(1, 11))
    lake.run()
    lake.source.do("FLUSH BINARY LOGS")
    lake.source.fill(range(11, 21))
    lake.source.do("FLUSH BINARY LOGS")
    assert lake.run().rows == 10
    assert lake.is_equal()


def test_mariadb_that_has_dropped_its_log_asks_for_a_replay(lake: Pair) -> None:
    lake.source.fill(range(1, 11))
    lake.run()
    lake.source.do("DELETE FROM person")
    lake.source.do("FLUSH BINARY LOGS")
    # The server drops no log that it believes somebody to be reading.
    for (number,) in lake.source.do(
        "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog%'"
    ):
        lake.source.do(f"KILL {number}")
    (status,) = lake.source.do("SHOW MASTER STATUS")
    deadline = time.monotonic() + 20
    while len(lake.source.do("SHOW BINARY LOGS")) > 1:
        assert time.monotonic() < deadline
        lake.source.do(f"PURGE BINARY LOGS TO '{status[0]}'")
    with pytest.raises(errors.ChangesLost):
        lake.run()
    lake.run(since="")
    assert lake.target.rows() == []


def test_mariadb_that_logs_statements_is_told_so(lake: Pair) -> None:
    lake.source.do("SET GLOBAL binlog_format = 'MIXED'")
    try:
        with pytest.raises(errors.ChangeLogUnusable) as fault:
            lake.run()
    finally:
        lake.source.do("SET GLOBAL binlog_format = 'ROW'")
    assert "binlog_format is MIXED" in fault.value.details["why_en"]


def test_mariadb_without_a_log_is_told_so(tmp_path: Path, mariadb_url: str) -> None:
    source, target = (Place("mysql", mariadb_url, name) for name in ("person", "pupil"))
    pair = Pair(tmp_path, source, target)
    with pytest.raises(errors.ChangeLogUnusable) as fault:
        pair.run(reading="changes")
    assert "log_bin" in fault.value.details["why_en"]
    pair.exchange.close()


def test_mariadb_account_that_may_not_replicate(lake: Pair) -> None:
    lake.source.do("CREATE OR REPLACE USER reader@'127.0.0.1'")
    lake.source.do("GRANT SELECT ON guantong.* TO reader@'127.0.0.1'")
    reading = Place.__new__(Place)
    reading.dialect, reading.table = "mysql", "person"
    reading.url = lake.source.url.replace("root@", "reader@")
    other = Pair(lake.exchange.home / "other", reading, lake.target)
    with pytest.raises(errors.ChangeLogUnusable) as fault:
        other.run(reading="changes")
    assert "REPLICATION" in fault.value.details["why_en"]
    other.exchange.close()

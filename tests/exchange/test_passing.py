"""Rows between two PostgreSQL tables of the same types pass as the server encodes them; the answers stay the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.exchange import cast
from tests.exchange.test_postgresql import Town

from guantong.bundle.types import Condition
from guantong.exchange import errors
from guantong.exchange.decide import permit
from guantong.exchange.producing import Parcel, Producer, Start
from guantong.exchange.sources.opening import open_source
from guantong.kit import clock


@pytest.fixture
def town(tmp_path: Path, postgresql_url: str) -> Iterator[Town]:
    town = Town(tmp_path, postgresql_url)
    yield town
    town.exchange.close()
    town.db.close()


def forms(town: Town) -> set[str]:
    """How the chunks of all runs were encoded."""
    lines = town.db.execute("SELECT manifest FROM guantong_ledger WHERE chunk > 0 ORDER BY chunk")
    return {str(_body(str(line[0])).get("form", "arrow")) for line in lines}


def _body(raw: str) -> Any:
    from guantong.kit import envelope

    return envelope.read(raw.encode()).body


def test_untouched_rows_pass_as_they_are(town: Town) -> None:
    town.fill(1050)
    town.db.execute("UPDATE person SET name = NULL, income = NULL, address = '' WHERE person_no % 7 = 0")
    assert town.run().rows == 1050
    assert town.rows() == town.rows("person")
    assert forms(town) == {"postgresql-copy"}


@pytest.mark.parametrize(
    "grant",
    [
        {"masks": {"name": "keep_head:1"}},
        {"condition": [Condition(item="sex", op="eq", value=1)]},
    ],
)
def test_what_is_to_be_looked_at_is_looked_at(town: Town, grant: dict[str, Any]) -> None:
    town.fill(100)
    town.declared(grant=grant)
    town.run()
    assert forms(town) == {"arrow"}


@pytest.mark.parametrize(
    ("change", "is_alike"),
    [
        ("ALTER COLUMN division TYPE varchar(20)", False),
        ("ALTER COLUMN division TYPE varchar", True),
        ("ALTER COLUMN income TYPE numeric", True),
        ("ALTER COLUMN sex TYPE bigint", False),
        ("ALTER COLUMN name SET NOT NULL", False),
    ],
)
def test_columns_must_be_alike(town: Town, change: str, is_alike: bool) -> None:
    town.fill(100)
    town.db.execute(f"ALTER TABLE pupil {change}")
    town.run()
    assert town.rows() == town.rows("person")
    assert forms(town) == {"postgresql-copy" if is_alike else "arrow"}


@pytest.mark.parametrize(
    "value",
    ["born_on = '-infinity'", "updated_at = 'infinity'", "income = 'NaN'", "born_on = '0044-03-15 BC'"],
)
def test_a_day_without_a_calendar_is_still_refused(town: Town, value: str) -> None:
    town.fill(100)
    town.db.execute(f"UPDATE person SET {value} WHERE person_no = 7")
    outcome = town.run()
    assert (outcome.rows, outcome.refused) == (99, 1)
    assert forms(town) == {"arrow"}


def test_rows_of_a_megabyte_are_cut_by_size(town: Town) -> None:
    town.fill(9)
    town.db.execute("UPDATE person SET address = repeat('界😀x', 300000)")
    outcome = town.run()
    assert outcome.chunks > 2
    assert town.rows() == town.rows("person")


def test_an_empty_table_passes(town: Town) -> None:
    assert town.run().rows == 0


def test_a_broken_run_goes_on_after_the_last_row(town: Town) -> None:
    """The place that a chunk tells is that of its last row, read from the server's own encoding."""
    town.fill(250)
    job = {"key": ["division", "person_no"]}
    town.declared(job=job)
    places = [parcel.place for parcel in parcels(town, Start("r-1"))]
    assert len(places) == 3
    rows = [(str(row[5]), row[1]) for row in town.rows("person")]
    assert places == [sorted(rows)[at] for at in (99, 199, 249)]
    rest = parcels(town, Start("r-1", chunk=1, place=places[0]))
    assert [parcel.read for parcel in rest] == [100, 50]


def parcels(town: Town, start: Start) -> list[Parcel]:
    allowed = permit(town.bundle, cast.JOB, at=clock.now())
    source = open_source(town.bundle.bindings[cast.PERSONS], town.exchange.here.addresses())
    columns = {item: item for item in cast.FIELDS}
    producer = Producer(town.exchange.here, allowed, source, source.find("person"), columns)
    assert producer.offered() is not None
    producer.pass_on()
    made = list(producer.parcels(start, "person", lambda: allowed))
    source.close()
    return made


def test_what_the_target_refuses_is_told_and_leaves_nothing(town: Town) -> None:
    town.fill(300)
    town.declared(job={"writing": "append", "key": ["person_no"]})
    town.db.execute("ALTER TABLE pupil ADD CONSTRAINT adults CHECK (person_no < 150)")
    with pytest.raises(errors.TargetRefused) as fault:
        town.run()
    assert "adults" in str(fault.value.args)
    assert len(town.rows()) == 100
    town.db.execute("ALTER TABLE pupil DROP CONSTRAINT adults")
    town.run()
    assert town.rows() == town.rows("person")


def test_a_cut_connection_is_told(town: Town) -> None:
    town.fill(3000)
    seen = []

    def judge() -> Any:
        seen.append(1)
        if len(seen) == 12:
            with psycopg.connect(town.url, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE application_name = 'guantong' AND pid <> pg_backend_pid()"
                )
        return town.bundle

    from guantong.exchange.run import run

    with pytest.raises(errors.DatabaseLost):
        run(town.exchange.here, judge, cast.JOB)
    town.run()
    assert town.rows() == town.rows("person")

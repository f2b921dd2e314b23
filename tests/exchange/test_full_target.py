"""The disk under a target is full: the run pauses, says so, leaves the target as it was, and goes on when there is room."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.exchange import cast
from tests.exchange.cast import Exchange
from tests.exchange.test_objects import small_disk
from tests.exchange.test_pairs import COLUMNS, Place

from guantong.bundle.jobs import Limits
from guantong.exchange import errors
from guantong.exchange.run import run

FIELDS = {item: item for item in cast.FIELDS}
ROWS = 20_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    with small_disk(place, "1500k"):
        place.chmod(0o777)
        yield place


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, disk: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        (disk / "pupil.db").touch()
        yield Place("sqlite", f"sqlite://{disk}/pupil.db", "pupil")
        return
    # The server has a user of its own, who must reach the folder and own it.
    shutil.chown(disk, "postgres")
    for folder in list(disk.parents)[:-1]:
        folder.chmod(folder.stat().st_mode | 0o011)
    url = request.getfixturevalue("postgresql_url")
    place = Place("postgresql", url, "pupil")
    place.do(f"CREATE TABLESPACE small LOCATION '{disk}'")
    place.do("DROP TABLE pupil")
    place.do(f"CREATE TABLE pupil ({COLUMNS['postgresql']}) TABLESPACE small")
    yield place
    place.do("DROP TABLE pupil")
    place.do("DROP TABLESPACE small")


def test_a_full_disk_pauses_the_run(target: Place, tmp_path: Path) -> None:
    (tmp_path / "person.db").touch()
    source = Place("sqlite", f"sqlite://{tmp_path}/person.db", "person")
    source.fill(range(1, ROWS + 1))
    exchange = Exchange(tmp_path / "home", {"police": source.url, "education": target.url})
    bundle = cast.bundle(
        exchange.key,
        job=cast.job(writing="append", key=["person_no"], limits=Limits(chunk_rows=2000)),
        grant=cast.grant(),
        source={"dialect": "sqlite", "table": "person", "columns": FIELDS},
        target={"dialect": target.dialect, "table": "pupil", "columns": FIELDS},
    )
    try:
        with pytest.raises(errors.TargetFull) as caught:
            run(exchange.here, lambda: bundle, cast.JOB)
        assert "education" in caught.value.sentence("zh")
        assert caught.value.status == 507
        applied = target.do("SELECT coalesce(sum(rows), 0) FROM guantong_ledger")[0][0]
        assert target.do("SELECT count(*) FROM pupil") == [(int(str(applied)),)]
    finally:
        exchange.close()

"""Other databases, by an address that SQLAlchemy knows: tried on three that are here, as if they were strangers."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.exchange import cast
from tests.exchange.cast import Exchange
from tests.exchange.test_compare import COMPARE
from tests.exchange.test_pairs import Place

from guantong.bundle.jobs import Limits
from guantong.exchange import errors
from guantong.exchange.conformance import conform
from guantong.exchange.run import Outcome, run
from guantong.exchange.sources.others import connected
from guantong.exchange.targets.others import OtherTarget

COLUMNS = {item: item for item in cast.FIELDS}


def strange(dialect: str, url: str) -> str:
    return {
        "postgresql": url.replace("postgresql://", "postgresql+psycopg://"),
        "mysql": url.replace("mysql://", "mysql+pymysql://") + "?charset=utf8mb4",
        "sqlite": url.replace("sqlite://", "sqlite:///"),
    }[dialect]


@pytest.fixture(params=["postgresql", "mysql", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    if request.param == "sqlite":
        (tmp_path / "s.db").touch()
        return "sqlite", f"sqlite://{tmp_path}/s.db"
    return request.param, request.getfixturevalue(
        "mariadb_url" if request.param == "mysql" else "postgresql_url"
    )


class Way:
    """Both ends are strangers."""

    def __init__(self, home: Path, dialect: str, url: str) -> None:
        self.source, self.target = (Place(dialect, url, name) for name in ("person", "pupil"))
        address = strange(dialect, url)
        self.exchange = Exchange(home, {"police": address, "education": address})

    def run(self, **job: Any) -> Outcome:
        bundle = cast.bundle(
            self.exchange.key,
            job=cast.job(limits=Limits(chunk_rows=40), **job),
            grant=cast.grant(),
            source={"dialect": "other", "table": "person", "columns": COLUMNS},
            target={"dialect": "other", "table": "pupil", "columns": COLUMNS},
        )
        outcome = run(self.exchange.here, lambda: bundle, cast.JOB)
        assert outcome is not None
        return outcome

    def is_equal(self) -> bool:
        return self.source.rows() == self.target.rows()


@pytest.fixture
def way(tmp_path: Path, place: tuple[str, str]) -> Iterator[Way]:
    way = Way(tmp_path / "home", *place)
    yield way
    way.exchange.close()


def test_a_database_that_does_everything_conforms(place: tuple[str, str]) -> None:
    address = strange(*place)
    lines = list(conform("stranger", address))
    assert [(line.en, line.why) for line in lines if not line.is_good] == []
    assert len(lines) == 10
    engine = sa.create_engine(address)
    left = sa.inspect(engine).get_table_names()
    engine.dispose()
    assert not {name for name in left if name.startswith("guantong_conform") or "aside" in name}


def test_one_that_does_not_is_told_where(place: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that loses what comes after an error, and one that repeats."""
    monkeypatch.setattr(OtherTarget, "_enter", lambda *_: True)
    lines = {line.en: line for line in conform("stranger", strange(*place))}
    assert not lines["a chunk applied twice counts once"].is_good
    assert lines["what is read is what was written"].is_good


def test_a_driver_that_is_not_installed_is_named() -> None:
    with pytest.raises(errors.ExtraMissing) as fault:
        connected("stranger", "nosuch+driver://nobody@127.0.0.1:1/none")
    assert fault.value.details["module"] == "nosuch+driver"


def test_one_that_is_not_there() -> None:
    (line,) = conform("stranger", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert not line.is_good
    (line,) = conform("stranger", "nosuch+driver://nobody@127.0.0.1:1/none")
    assert not line.is_good


@pytest.mark.parametrize(
    "job",
    [
        {},
        {"key": ["person_no"]},
        {"writing": "append", "key": ["person_no"]},
        {"writing": "append"},
        {"writing": "upsert", "key": ["person_no"]},
        COMPARE,
    ],
)
def test_a_table_arrives_as_it_was(way: Way, job: dict[str, Any]) -> None:
    way.source.fill(range(1, 151))
    assert way.run(**job).rows == 150
    assert way.is_equal()


def test_updates_and_deletions_arrive(way: Way) -> None:
    way.source.fill(range(1, 101))
    way.run(**COMPARE)
    way.source.do("UPDATE person SET name = '李四' WHERE sex = 1")
    way.source.do(f"DELETE FROM person WHERE person_no < {10 * 2**40}")
    assert way.run(**COMPARE).rows == 54
    assert way.is_equal()


def test_increments_go_on(way: Way) -> None:
    job = {"writing": "upsert", "key": ["person_no"], "reading": "watermark", "watermark": "updated_at"}
    way.source.fill(range(1, 101))
    way.run(**job)
    way.source.fill(range(101, 131))
    assert way.run(**job).read == 31
    assert way.is_equal()


def test_a_broken_chunk_leaves_nothing_and_the_run_goes_on(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    way.source.fill(range(1, 131))
    applied = OtherTarget._insert
    count = iter(range(100))

    def breaking(*words: Any) -> None:
        applied(*words)
        if next(count) == 1:
            raise errors.DatabaseLost(name="education")

    job = {"writing": "append", "key": ["person_no"]}
    with monkeypatch.context() as patch:
        patch.setattr(OtherTarget, "_insert", breaking)
        with pytest.raises(errors.DatabaseLost):
            way.run(**job)
    assert len(way.target.rows()) == 40
    assert way.run(**job).rows == 130
    assert way.is_equal()


def test_the_operators_command(tmp_path: Path) -> None:
    (tmp_path / "s.db").touch()
    (tmp_path / "sources.json").write_text(json.dumps({"stranger": f"sqlite:///{tmp_path}/s.db"}))
    (tmp_path / "sources.json").chmod(0o600)
    for source, code, told in (("stranger", 0, "Everything works."), ("nobody", 1, "There is no nobody")):
        done = subprocess.run(
            [sys.executable, "-m", "guantong", "conform", source],
            capture_output=True, text=True, check=False,
            env={
                "PATH": "/usr/bin", "PYTHONPATH": "src", "GUANTONG_HOME": str(tmp_path),
                "GUANTONG_NODE": cast.CITY, "GUANTONG_SECRET_KEY": secrets.token_urlsafe(60),
                "GUANTONG_DEVELOPMENT": "1",
            },
        )  # fmt: skip
        assert (done.returncode, told in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr

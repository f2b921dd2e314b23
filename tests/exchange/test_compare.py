"""Reading by comparison: inserts, updates and deletions arrive, and nothing else travels."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.exchange import cast
from tests.exchange.cast import Exchange
from tests.exchange.test_kill import check_evidence, ended, started
from tests.exchange.test_pairs import Place

from guantong.bundle.jobs import Check, Limits
from guantong.bundle.types import Condition
from guantong.exchange import comparing, errors, snapshots
from guantong.exchange.run import Outcome, run
from guantong.exchange.snapshots import About, Drafting, Snapshot, digests, hashing, named

COMPARE: dict[str, Any] = {"writing": "upsert", "key": ["person_no"], "reading": "compare"}
N = 2**40
"""What numbers of persons are multiples of."""
COLUMNS = {item: item for item in cast.FIELDS}


class Pair:
    def __init__(self, home: Path, source: Place, target: Place) -> None:
        self.exchange = Exchange(home, {"police": source.url, "education": target.url})
        self.source, self.target = source, target
        self.more: dict[str, Any] = {}

    def run(self, *, since: str | None = None, grant: dict[str, Any] | None = None, **job: Any) -> Outcome:
        declared = {**COMPARE, "limits": Limits(chunk_rows=40, bad_rows=100), **self.more, **job}
        bundle = cast.bundle(
            self.exchange.key,
            job=cast.job(**declared),
            grant=cast.grant(**(grant or {})),
            source={"dialect": self.source.dialect, "table": "person", "columns": COLUMNS},
            target={"dialect": self.target.dialect, "table": "pupil", "columns": COLUMNS},
        )
        outcome = run(self.exchange.here, lambda: bundle, cast.JOB, since=since)
        assert outcome is not None
        return outcome

    def is_equal(self) -> bool:
        return self.target.rows() == self.source.rows()


@pytest.fixture(params=["postgresql", "mysql", "sqlite"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    dialect = request.param
    if dialect == "sqlite":
        urls = [f"sqlite://{tmp_path}/{name}.db" for name in "st"]
        for name in "st":
            (tmp_path / f"{name}.db").touch()
    else:
        urls = [request.getfixturevalue("mariadb_url" if dialect == "mysql" else "postgresql_url")] * 2
    pair = Pair(tmp_path, Place(dialect, urls[0], "person"), Place(dialect, urls[1], "pupil"))
    yield pair
    pair.exchange.close()


@pytest.fixture
def plain(tmp_path: Path, postgresql_url: str) -> Iterator[Pair]:
    source, target = (Place("postgresql", postgresql_url, name) for name in ("person", "pupil"))
    pair = Pair(tmp_path, source, target)
    yield pair
    pair.exchange.close()


@pytest.mark.parametrize("staged", [False, True])
def test_what_changed_arrives_and_nothing_else(pair: Pair, staged: bool) -> None:
    pair.more = {"staged": staged}
    pair.source.fill(range(1, 201))
    assert pair.run().rows == 200
    assert pair.is_equal()
    assert pair.run().rows == 0
    pair.source.do(f"UPDATE person SET name = '李四' WHERE person_no IN ({3 * N}, {77 * N})")
    pair.source.do(f"DELETE FROM person WHERE person_no > {150 * N}")
    pair.source.fill(range(301, 306))
    outcome = pair.run()
    assert (outcome.rows, outcome.read) == (57, 155)
    assert pair.is_equal()
    pair.source.do("DELETE FROM person")
    assert pair.run().rows == 155
    assert pair.target.rows() == []


def test_a_replay_sends_everything_again(plain: Pair) -> None:
    plain.source.fill(range(1, 101))
    plain.run()
    plain.target.do(f"DELETE FROM pupil WHERE person_no < {20 * N}")
    plain.source.do(f"DELETE FROM person WHERE person_no > {90 * N}")
    assert plain.run(since="").rows == 100
    assert plain.is_equal()
    assert plain.run().rows == 0


def test_a_target_that_has_lost_its_ledger_gets_everything(plain: Pair) -> None:
    plain.source.fill(range(1, 101))
    plain.run()
    plain.target.do("DELETE FROM pupil")
    plain.target.do("DELETE FROM guantong_ledger")
    assert plain.run().rows == 100
    assert plain.is_equal()


def test_a_mask_that_changes_is_a_change_of_the_rows(plain: Pair) -> None:
    plain.source.fill(range(1, 51))
    plain.run()
    assert plain.run(grant={"masks": {"name": "keep_head:1"}}).rows > 30
    assert plain.run(grant={"masks": {"name": "keep_head:1"}}).rows == 0


def test_rows_that_leave_the_grant_are_deleted(plain: Pair) -> None:
    plain.source.fill(range(1, 51))
    plain.run()
    condition = [Condition(item="person_no", op="le", value=30 * N)]
    assert plain.run(grant={"condition": condition}).rows == 20
    assert len(plain.target.rows()) == 30


def test_a_refused_row_leaves_the_targets_as_it_is(plain: Pair) -> None:
    plain.more = {"checks": [Check(rule="not_null", items=["name"])]}
    plain.source.fill(range(1, 51))
    plain.source.do("UPDATE person SET name = '张三'")
    plain.run()
    plain.source.do(f"UPDATE person SET name = NULL WHERE person_no = {7 * N}")
    outcome = plain.run()
    assert (outcome.rows, outcome.refused) == (0, 1)
    assert len(plain.target.rows()) == 50
    plain.source.do(f"DELETE FROM person WHERE person_no = {7 * N}")
    assert plain.run().rows == 1
    assert plain.is_equal()


def test_what_an_abandoned_run_has_sent_is_not_relied_on(
    plain: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was changed, sent, and changed back, or added, sent, and removed, before the next run."""
    plain.source.fill(range(1, 51))
    plain.run()
    before = plain.source.do(f"SELECT name FROM person WHERE person_no = {7 * N}")[0][0]
    plain.source.do(f"UPDATE person SET name = '李四' WHERE person_no = {7 * N}")
    plain.source.fill(range(60, 61))

    def cut_off(*_: object) -> None:
        raise errors.DatabaseLost(name="police")

    with monkeypatch.context() as patch:
        patch.setattr(comparing.Comparison, "finish", lambda _: None)
        patch.setattr("guantong.exchange.receiving.Receiver.close_run", cut_off)
        with pytest.raises(errors.DatabaseLost):
            plain.run()
    assert len(plain.target.rows()) == 51
    plain.source.do(f"UPDATE person SET name = ? WHERE person_no = {7 * N}", [(before,)])
    plain.source.do(f"DELETE FROM person WHERE person_no = {60 * N}")
    plain.run()
    assert plain.is_equal()


def test_other_releases_hash_otherwise(plain: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    plain.source.fill(range(1, 51))
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "_SEEDS", (1, 2))
        patch.setattr(comparing, "hashing", lambda: "polars 0")
        plain.run()
    plain.source.do(f"DELETE FROM person WHERE person_no = {7 * N}")
    assert plain.run().rows == 50
    assert plain.is_equal()
    assert plain.run().rows == 0


@pytest.mark.parametrize(
    "job", [{"writing": "append"}, {"key": []}, {"conversions": {"person_no": {"1": "2"}}}]
)
def test_what_cannot_be_compared_is_refused(plain: Pair, job: dict[str, Any]) -> None:
    with pytest.raises(errors.JobMisdeclared):
        plain.run(**job)
    with pytest.raises(errors.JobMisdeclared):
        plain.run(grant={"masks": {"person_no": "hash"}})


def test_files_refuse_the_mode(plain: Pair, tmp_path: Path) -> None:
    plain.source.fill(range(1, 3))
    exchange = Exchange(tmp_path / "other", {"police": plain.source.url, "education": f"file://{tmp_path}"})
    bundle = cast.bundle(
        exchange.key,
        job=cast.job(**COMPARE),
        grant=cast.grant(),
        source={"dialect": "postgresql", "table": "person", "columns": COLUMNS},
        target={"dialect": "csv", "table": "pupil.csv", "columns": COLUMNS},
    )
    with pytest.raises(errors.JobMisdeclared) as fault:
        run(exchange.here, lambda: bundle, cast.JOB)
    assert "by key" in str(fault.value.details)
    exchange.close()


@pytest.mark.parametrize("name", ["straight", "staged"])
def test_killed_at_any_step(name: str, tmp_path: Path, postgresql_url: str) -> None:
    source, target = (Place("postgresql", postgresql_url, name) for name in ("person", "pupil"))
    source.fill(range(1, 101))
    job = {**COMPARE, "staged": name == "staged"}
    dice = random.Random(name)
    died = tries = 0
    while died < 8 and tries < 40:
        tries += 1
        died += ended(started(tmp_path, source, target, job, dice.randrange(2, 45))) != 0
        source.do(f"DELETE FROM person WHERE person_no % 7 = {dice.randrange(7)}")
        source.do(f"UPDATE person SET name = 'name {tries}' WHERE person_no % 5 = {dice.randrange(5)}")
        source.fill(range(1000 * tries, 1000 * tries + 20))
    assert died == 8
    assert ended(started(tmp_path, source, target, job, 0)) == 0
    assert target.rows() == source.rows()
    check_evidence(tmp_path, target)


def test_a_snapshot_of_many_rows_is_sorted_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_HELD_ROWS", 1000)
    about = About("r", "t", ("a", "b"), ("Int64", "String"), hashing())
    keys = pl.DataFrame({"a": range(20_000)}).with_columns(b=pl.col("a").cast(pl.String))
    draft = Drafting(tmp_path / "s")
    for part in keys.iter_slices(700):
        draft.add(named(part, digests(part)))
    draft.add(named(keys.head(3), 8))
    draft.finish(about)
    snapshot = Snapshot(tmp_path / "s")
    assert snapshot.about == about
    places, had = snapshot.find(named(keys, 0))
    assert sorted(places.tolist()) == list(range(20_000))
    assert had[:3].tolist() == [8, 8, 8]
    assert np.array_equal(had[3:], digests(keys)[3:])
    assert (snapshot.find(named(keys.with_columns(a=pl.col("a") + 20_000), 0))[0] == -1).all()
    entries = pl.concat(snapshot.entries())
    assert entries.height == 20_000
    assert entries.sort("a").select("a", "b").equals(keys)
    assert {path.name for path in (tmp_path / "s").iterdir()} == {
        "about.json",
        "keys.arrow",
        "~k1",
        "~k2",
        "~digest",
    }

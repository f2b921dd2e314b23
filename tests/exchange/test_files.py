"""Files at either end: CSV, Parquet, spreadsheets."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from tests.exchange import cast
from tests.exchange.cast import Exchange
from tests.exchange.test_pairs import NAMES, Place

from guantong.bundle.jobs import Limits
from guantong.exchange import errors
from guantong.exchange.quarantine import kept
from guantong.exchange.run import Outcome, run
from guantong.exchange.sources.files import CSVSource
from guantong.exchange.sources.reading import Question
from guantong.exchange.sources.spreadsheets import XLSXSource

FIELDS = {item: item for item in cast.FIELDS}
FORMATS = ["csv", "parquet", "xlsx"]


class Desk:
    """A database, and a folder of files."""

    def __init__(self, home: Path) -> None:
        (home / "one.db").touch()
        self.folder = home / "文件 folder"
        self.folder.mkdir()
        url = f"sqlite://{home}/one.db"
        self.exchange = Exchange(home / "home", {"db": url, "files": f"file://{self.folder}"})
        self.source, self.back = Place("sqlite", url, "person"), Place("sqlite", url, "pupil")
        self.url = url
        self.home = home

    def move(self, source: tuple[str, str], target: tuple[str, str], **job: Any) -> Outcome:
        """From (dialect, table) to (dialect, table)."""
        addresses = {
            "police": self.url if source[0] == "sqlite" else f"file://{self.folder}",
            "education": self.url if target[0] == "sqlite" else f"file://{self.folder}",
        }
        from dataclasses import replace

        bundle = cast.bundle(
            self.exchange.key,
            job=cast.job(**({"limits": Limits(chunk_rows=70), "id": f"{source}{target}"} | job)),
            grant=cast.grant(),
            source={"dialect": source[0], "table": source[1], "columns": FIELDS},
            target={"dialect": target[0], "table": target[1], "columns": FIELDS},
        )
        here = replace(self.exchange.here, addresses=lambda: addresses)
        return run(here, lambda: bundle, f"{source}{target}")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.exchange.close()


@pytest.mark.parametrize("kind", FORMATS)
def test_there_and_back(desk: Desk, kind: str) -> None:
    desk.source.fill(range(1, 201))
    assert desk.move(("sqlite", "person"), (kind, f"people.{kind}")).rows == 200
    assert desk.move((kind, f"people.{kind}"), ("sqlite", "pupil")).rows == 200
    expected = desk.source.rows()
    if kind == "xlsx":  # a spreadsheet has no empty text
        expected = [tuple(None if value == "" else value for value in row) for row in expected]
    assert desk.back.rows() == expected
    assert sorted(path.name for path in desk.folder.iterdir()) == [f"people.{kind}", f"people.{kind}.ledger"]


@pytest.mark.parametrize("kind", FORMATS)
def test_replacing_and_appending(desk: Desk, kind: str) -> None:
    way = (("sqlite", "person"), (kind, f"people.{kind}"))
    desk.source.fill(range(1, 101))
    desk.move(*way)
    desk.move(*way)
    assert len(read(desk.folder / f"people.{kind}")) == 100
    desk.move(*way, writing="append")
    assert len(read(desk.folder / f"people.{kind}")) == 200


def read(path: Path) -> pl.DataFrame:
    if path.suffix == ".csv":
        return pl.read_csv(path, infer_schema=False)
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    return pl.concat(XLSXSource("", f"file://{path.parent}").read(Question(path.name, FIELDS)))


def test_a_formula_is_a_text(desk: Desk) -> None:
    desk.source.fill(range(1, 4))
    desk.source.do("UPDATE person SET name = '=1+1', address = '\x01_x0001_'")
    desk.move(("sqlite", "person"), ("xlsx", "people.xlsx"))
    sheet = openpyxl.load_workbook(desk.folder / "people.xlsx").active
    assert sheet is not None
    assert (sheet["C2"].value, sheet["C2"].data_type) == ("=1+1", "s")
    desk.move(("xlsx", "people.xlsx"), ("sqlite", "pupil"))
    assert desk.back.rows() == desk.source.rows()


def test_a_spreadsheet_as_offices_write_it(desk: Desk) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(cast.FIELDS))
    sheet.append(
        [
            "511602199001011234",
            7.0,
            "张三",
            1,
            date(1990, 1, 1),
            511602,
            None,
            "x",
            1.5,
            "2026-01-01 08:00:00",
        ]
    )
    sheet.append([None] * 10)
    sheet.append(["x", "no number", "李四", 1, "19900230", "511602", None, None, "abc", "yesterday"])
    book.save(desk.folder / "in.xlsx")
    outcome = desk.move(("xlsx", "in.xlsx"), ("sqlite", "pupil"))
    assert (outcome.rows, outcome.refused) == (1, 1)
    assert desk.back.rows()[0][1:6] == ("7", "张三", "1", "1990-01-01", "511602")
    (path,) = kept(desk.exchange.here.quarantine, "('xlsx', 'in.xlsx')('sqlite', 'pupil')")
    assert pl.read_parquet(path)["reasons"][0].split("; ") == [
        "person_no:type", "born_on:type", "income:type", "updated_at:type"
    ]  # fmt: skip


def test_gb18030_is_read_as_it_was_meant(tmp_path: Path) -> None:
    text = "name,n\n张三,1\n𠮷田,2\n" * 10
    (tmp_path / "a.csv").write_bytes(text.encode("gb18030"))
    source = CSVSource("files", f"file://{tmp_path}")
    frame = pl.concat(source.read(Question("a.csv", {"x": "name"})))
    assert frame["x"][:2].to_list() == ["张三", "𠮷田"]


def test_texts_survive_a_csv(desk: Desk) -> None:
    desk.source.fill(range(len(NAMES)))
    desk.move(("sqlite", "person"), ("csv", "people.csv"))
    desk.move(("csv", "people.csv"), ("sqlite", "pupil"))
    assert [row[2] for row in desk.back.rows()] == NAMES


@pytest.mark.parametrize(
    ("table", "content", "error"),
    [
        ("no.csv", None, errors.TableVanished),
        ("../one.db", None, errors.TableVanished),
        ("/etc/passwd", None, errors.TableVanished),
        ("a.csv", b"x,y\n1,2\n", errors.ColumnsMissing),
        ("a.csv", b"", errors.FileUnreadable),
    ],
)
def test_files_that_are_not_what_they_should_be(
    desk: Desk, table: str, content: bytes | None, error: type[Exception]
) -> None:
    if content is not None:
        (desk.folder / table).write_bytes(content)
    with pytest.raises(error):
        desk.move(("csv", table), ("sqlite", "pupil"))


@pytest.mark.parametrize("kind", ["parquet", "xlsx"])
def test_bytes_that_only_claim_to_be_a_file(desk: Desk, kind: str) -> None:
    (desk.folder / f"a.{kind}").write_bytes(b"not at all")
    with pytest.raises(errors.FileUnreadable):
        desk.move((kind, f"a.{kind}"), ("sqlite", "pupil"))


def test_a_file_cannot_be_updated_by_key(desk: Desk) -> None:
    with pytest.raises(errors.JobMisdeclared):
        desk.move(("sqlite", "person"), ("csv", "a.csv"), writing="upsert", key=["person_no"])


def test_a_broken_run_leaves_the_file_alone(desk: Desk) -> None:
    desk.source.fill(range(1, 201))
    way = (("sqlite", "person"), ("csv", "people.csv"))
    desk.move(*way)
    before = (desk.folder / "people.csv").read_bytes()
    with pytest.raises(errors.RunTooLong):
        desk.move(*way, limits=Limits(chunk_rows=50, rows=120))
    assert (desk.folder / "people.csv").read_bytes() == before
    desk.move(*way)
    assert len(read(desk.folder / "people.csv")) == 200

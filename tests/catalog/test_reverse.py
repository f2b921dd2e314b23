"""Entries from databases: what is read, what is guessed of it, and that no value stays."""

import json
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pymysql
import pytest
from django.conf import settings as django_settings
from django.test import Client
from tests.cast import Cast, assemble, publish_permits

from guantong.catalog import actions
from guantong.catalog.harvesting import guessing, reading
from guantong.catalog.harvesting.errors import SourceFailed, SourceUnknown
from guantong.catalog.harvesting.looking import looks
from guantong.catalog.harvesting.types import FoundTable
from guantong.catalog.models import Resource
from guantong.kit.codes import make_resident_id

IDS = [make_resident_id("511602", date(1990, 1, 1 + n), n) for n in range(20)]
PEOPLE = [
    (number, "王小明", "13800138000", "广安市广安区北辰街道1号", "1", "2020-01-02", n)
    for n, number in enumerate(IDS)
]
COLUMNS = "a1, xm, c3, c4, xb, rq, amount"


def by_name(table: FoundTable) -> dict[str, dict[str, Any]]:
    return {item["column"]: item for item in guessing.guess_entry(table, code="c", provider="p")["items"]}


def person_table(found: FoundTable) -> None:
    items = by_name(found)
    assert items["a1"]["kind"] == "resident_id"
    assert (items["a1"]["level"], items["a1"]["mask"], items["a1"]["is_key"]) == (3, "keep_tail:4", True)
    assert items["xm"]["kind"] == "name"
    assert items["c3"]["kind"] == "phone"
    assert items["c4"]["kind"] == "address"
    assert items["xb"]["kind"] == "sex"
    assert items["rq"]["type"] == "D"
    assert items["amount"]["type"] == "I"
    assert IDS[0] not in repr(found)
    assert "王小明" not in repr(found)


def sqlite_source(folder: Path) -> dict[str, str]:
    path = folder / "people.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE people (a1 text PRIMARY KEY, xm text, c3 text, c4 text, xb char(1), rq date, amount integer)"
        )
        connection.executemany(f"INSERT INTO people ({COLUMNS}) VALUES (?,?,?,?,?,?,?)", PEOPLE)
        connection.execute('CREATE VIEW "奇 怪""视图" AS SELECT a1 AS "证件 号" FROM people')
    connection.close()
    return {"people": f"sqlite:///{path}", "files": "file:///tmp", "gone": f"sqlite:///{folder}/none"}


def test_sqlite_is_read(tmp_path: Path) -> None:
    known = sqlite_source(tmp_path)
    assert {table.name for table in reading.tables("people", known)} == {"people", '奇 怪"视图'}
    (found,) = reading.tables("people", known, only="people")
    assert found.rows == 20
    person_table(found)
    assert [column.is_key for column in found.columns][:2] == [True, False]
    (view,) = reading.tables("people", known, only='奇 怪"视图')
    assert by_name(view)["证件 号"]["kind"] == "resident_id"
    assert by_name(view)["证件 号"]["name"].startswith("item_")
    for name in ("files", "nobody"):
        with pytest.raises(SourceUnknown):
            reading.tables(name, known)
    with pytest.raises(SourceFailed):
        reading.tables("gone", known)
    assert not (tmp_path / "none").exists()


def test_postgresql_is_read_with_comments(postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS 户籍 CASCADE")
        connection.execute("CREATE SCHEMA 户籍")
        connection.execute(
            "CREATE TABLE 户籍.people (a1 varchar(18) PRIMARY KEY, xm text, c3 text, c4 text, xb char(1), rq date, amount bigint)"
        )
        connection.execute("COMMENT ON TABLE 户籍.people IS '常住人口登记表，公安'")
        connection.execute("COMMENT ON COLUMN 户籍.people.a1 IS '身份证号'")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO 户籍.people VALUES (%s,%s,%s,%s,%s,%s,%s)", PEOPLE)
    (found,) = reading.tables("s", {"s": postgresql_url}, only="户籍.people")
    assert found.comment.startswith("常住人口")
    person_table(found)
    assert by_name(found)["a1"]["label"] == "身份证号"
    assert by_name(found)["a1"]["length"] == 18
    assert guessing.guess_entry(found, code="c", provider="p")["name"] == "常住人口登记表"
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("DROP SCHEMA 户籍 CASCADE")
    with pytest.raises(SourceFailed):
        reading.tables("s", {"s": "postgresql://guantong@127.0.0.1:1/none"})


def test_mariadb_is_read_with_comments(mariadb_url: str) -> None:
    parts = urlsplit(mariadb_url)
    connection = pymysql.connect(
        host=parts.hostname,
        port=parts.port,
        user=parts.username,
        database=parts.path[1:],
        charset="utf8mb4",
        autocommit=True,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS people")
        cursor.execute(
            "CREATE TABLE people (a1 varchar(18) PRIMARY KEY COMMENT '身份证号', xm varchar(20), c3 varchar(20), c4 varchar(80), "
            "xb char(1), rq date, amount bigint) COMMENT '常住人口'"
        )
        cursor.executemany("INSERT INTO people VALUES (%s,%s,%s,%s,%s,%s,%s)", PEOPLE)
    (found,) = reading.tables("s", {"s": mariadb_url}, only="people")
    person_table(found)
    assert (found.comment, by_name(found)["a1"]["label"]) == ("常住人口", "身份证号")


def test_values_are_recognised_by_check_digits_not_by_length() -> None:
    assert looks(IDS) == {"resident_id": 1.0}
    wrong = [number[:-1] + ("0" if number[-1] != "0" else "1") for number in IDS]
    assert "resident_id" not in looks(wrong)
    assert looks([]) == {}
    assert looks([None, "", "  "]) == {}
    assert looks(["13800138000"] * 3 + ["x"]) == {"phone": 0.75}


@pytest.mark.django_db
def test_a_table_becomes_a_linked_draft_on_the_page(tmp_path: Path) -> None:
    cast = assemble()
    path = django_settings.NODE.home / "sources.json"
    path.write_text(json.dumps(sqlite_source(tmp_path)), encoding="utf-8")
    try:
        luo = visitor(cast, "luo")
        page = luo.get("/find/reverse/?source=people&table=people").content.decode()
        assert "公民身份号码" in page
        assert IDS[0] not in page
        assert visitor(cast, "gao").get("/find/reverse/").status_code == 403
        form = {
            "source": "people", "table": "people", "name": "人口", "code": "3070511600001/", "summary": "",
            "tick-0": "on", "name-0": "id_number", "label-0": "公民身份号码", "level-0": "4", "mask-0": "hash", "key-0": "on",
            "tick-1": "on",
        }  # fmt: skip
        assert luo.post("/find/reverse/", form).status_code == 302
        resource = Resource.objects.get()
        assert [item["name"] for item in resource.draft["items"]] == ["id_number", "xm"]
        assert resource.draft["items"][0]["level"] == 4
        assert resource.link.columns == {"id_number": "a1", "xm": "xm"}
        bad = luo.post("/find/reverse/", {**form, "code": "x"})
        assert bad.status_code == 422
        publish_permits(cast)
        # What serves another department's entries is not for us to read.
        assert "<option>people</option>" not in visitor(cast, "xu").get("/find/reverse/").content.decode()
        assert visitor(cast, "xu").get("/find/reverse/?source=people").status_code == 422
    finally:
        path.unlink()
    assert actions.together(
        actions.submit, [resource.code], by=cast.as_actor(cast.luo), at=resource.moves.last().at
    )


def visitor(cast: Cast, name: str) -> Client:
    client = Client()
    client.force_login(getattr(cast, name))
    return client

"""The same questions to SQLite, PostgreSQL and MariaDB, and the same answers."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiomysql
import asyncpg
import msgspec
import pytest
from tests.gateway import cast

from guantong.bundle.addresses import SecretsExposed, read_secrets
from guantong.bundle.types import Binding
from guantong.gateway.sources.coalescing import Coalescer
from guantong.gateway.sources.lookup import Key, Lookup, Row, SourceUnavailable
from guantong.gateway.sources.opening import Sources

TABLE = 'r"k%`j'
PEOPLE = [
    (1, "110101199001011234", "张三", "1990-01-01", "511602", 10),
    (2, "110101199001011235", "李四", "1991-02-02", "511603", 20),
    (3, "110101199001011236", "王五", "1990-01-01", "511602", 30),
    (4, "11010119900101123x", "赵六", "1990-01-01", None, 40),
    (5, "110101199001011237", "张三", "1990-01-01", "511602", 50),
]
CREATE = (
    "CREATE TABLE {t} (n integer, sfzh varchar(20), xm char(30), csrq date, csd varchar(12), amount integer)"
)


def soon() -> float:
    """A deadline that no test reaches."""
    return asyncio.get_running_loop().time() + 30


async def rows_of(sources: Sources, binding: Binding, keys: dict[str, str], items: list[str]) -> list[Row]:
    return await sources.rows(binding, keys, items, soon())


def sqlite_quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def mysql_quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


@pytest.fixture
def sqlite_address(tmp_path: Path) -> str:
    connection = sqlite3.connect(tmp_path / "人口 1.db")
    connection.execute(CREATE.format(t=sqlite_quoted(TABLE)))
    insert = f"INSERT INTO {sqlite_quoted(TABLE)} VALUES (?,?,?,?,?,?)"
    connection.executemany(insert, PEOPLE)
    connection.commit()
    connection.close()
    return f"sqlite://{tmp_path}/人口 1.db"


async def fill_postgresql(url: str) -> None:
    connection = await asyncpg.connect(url)  # type: ignore[no-untyped-call]
    try:
        table = sqlite_quoted(TABLE)
        await connection.execute(f"DROP TABLE IF EXISTS {table}")
        await connection.execute(CREATE.format(t=table))
        insert = f"INSERT INTO {table} VALUES ($1,$2,$3,$4::text::date,$5,$6)"
        await connection.executemany(insert, PEOPLE)
    finally:
        await connection.close()


async def fill_mariadb(url: str) -> None:
    parts = urlsplit(url)
    connection = await aiomysql.connect(  # type: ignore[no-untyped-call]
        host=parts.hostname,
        port=parts.port,
        user=parts.username,
        db=parts.path[1:],
        autocommit=True,
        charset="utf8mb4",
    )
    try:
        async with connection.cursor() as cursor:
            table = mysql_quoted(TABLE)
            await cursor.execute(CREATE.format(t=table).replace("CREATE", "CREATE OR REPLACE"))
            insert = "INSERT INTO " + table.replace("%", "%%") + " VALUES (%s,%s,%s,%s,%s,%s)"
            await cursor.executemany(insert, PEOPLE)
    finally:
        connection.close()


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
async def asked(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Sources, Binding]]:
    dialect = request.param
    if dialect == "sqlite":
        address = request.getfixturevalue("sqlite_address")
    elif dialect == "postgresql":
        address = request.getfixturevalue("postgresql_url")
        await fill_postgresql(address)
    else:
        address = request.getfixturevalue("mariadb_url")
        await fill_mariadb(address)
    binding = msgspec.structs.replace(
        cast.binding(dialect=dialect),
        table=TABLE,
        columns={"id_number": "sfzh", "name": "xm", "born_on": "csrq", "amount": "amount", "number": "n"},
        max_rows=2,
    )
    sources = Sources(lambda: {"police": address})
    yield sources, binding
    await sources.close()


async def test_a_key_finds_its_row(asked: tuple[Sources, Binding]) -> None:
    sources, binding = asked
    rows = await rows_of(sources, binding, {"id_number": "110101199001011235"}, ["number", "name"])
    assert [(number, name.strip()) for number, name in rows] == [(2, "李四")]


async def test_nothing_found_is_an_empty_answer(asked: tuple[Sources, Binding]) -> None:
    sources, binding = asked
    assert await rows_of(sources, binding, {"id_number": "x"}, ["name"]) == []


async def test_two_keys_find_together(asked: tuple[Sources, Binding]) -> None:
    sources, binding = asked
    rows = await rows_of(sources, binding, {"id_number": PEOPLE[2][1], "born_on": "1990-01-01"}, ["number"])
    assert rows == [(3,)]
    assert not await rows_of(
        sources, binding, {"id_number": PEOPLE[2][1], "born_on": "1991-02-02"}, ["number"]
    )


async def test_many_that_wait_travel_together(asked: tuple[Sources, Binding]) -> None:
    sources, binding = asked
    keys = [person[1] for person in PEOPLE] * 200
    found = await asyncio.gather(*(rows_of(sources, binding, {"id_number": key}, ["number"]) for key in keys))
    assert [rows[0][0] for rows in found] == [person[0] for person in PEOPLE] * 200


async def test_spelling_counts_alone_and_in_company(asked: tuple[Sources, Binding]) -> None:
    sources, binding = asked
    lower, upper = "11010119900101123x", "11010119900101123X"
    assert await rows_of(sources, binding, {"id_number": upper}, ["number"]) == []
    found = await asyncio.gather(
        *(rows_of(sources, binding, {"id_number": key}, ["number"]) for key in (upper, lower, lower + " "))
    )
    assert found == [[], [(4,)], []]


async def test_a_number_column_is_found_by_its_digits_only(asked: tuple[Sources, Binding]) -> None:
    sources, binding = asked
    found = await asyncio.gather(
        *(
            rows_of(sources, binding, {"amount": key}, ["number"])
            for key in ("30", "030", "30x", "abc", "", "20")
        )
    )
    assert found == [[(3,)], [], [], [], [], [(2,)]]


async def test_hostile_keys_are_values_only(asked: tuple[Sources, Binding]) -> None:
    sources, binding = asked
    for key in ["' OR 1=1 --", '") OR 1=1 --', "%s", "\\", "\\' OR 1=1 -- ", "$1"]:
        assert await rows_of(sources, binding, {"id_number": key}, ["number"]) == []


async def test_a_crowded_key_neither_starves_nor_overflows(asked: tuple[Sources, Binding]) -> None:
    sources, binding = asked
    found = await asyncio.gather(
        *(rows_of(sources, binding, {"born_on": key}, ["number"]) for key in ("1990-01-01", "1991-02-02"))
    )
    assert len(found[0]) == binding.max_rows + 1, "one more than allowed, so that it shows"
    assert found[1] == [(2,)]


async def test_a_missing_column_or_table_is_a_fault_not_an_answer(asked: tuple[Sources, Binding]) -> None:
    sources, binding = asked
    for broken in (
        msgspec.structs.replace(binding, columns={**binding.columns, "name": "nonsense"}),
        msgspec.structs.replace(binding, table="nonsense"),
    ):
        with pytest.raises(SourceUnavailable) as caught:
            await rows_of(sources, broken, {"id_number": "1"}, ["name"])
        assert set(caught.value.details) == {"resource"}


@pytest.mark.parametrize(
    "address",
    [
        "sqlite:///no/such/file.db",
        "postgresql://u:secret@127.0.0.1:1/d",
        "mysql://u:secret@127.0.0.1:1/d",
    ],
)
async def test_a_database_that_is_gone_is_named_by_its_resource_only(address: str) -> None:
    binding = cast.binding(dialect=urlsplit(address).scheme)
    sources = Sources(lambda: {"police": address})
    with pytest.raises(SourceUnavailable) as caught:
        await rows_of(sources, binding, {"id_number": "1"}, ["name"])
    assert "secret" not in str(caught.value)
    assert caught.value.details == {"resource": cast.PERSONS}
    await sources.close()


async def test_a_source_without_secret_is_unavailable() -> None:
    with pytest.raises(SourceUnavailable):
        await rows_of(Sources(dict), cast.binding(), {"id_number": "1"}, ["name"])


def test_a_secrets_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sources.json"
    assert read_secrets(path) == {}
    path.write_text('{"police": "sqlite:///x"}')
    path.chmod(0o644)
    with pytest.raises(SecretsExposed):
        read_secrets(path)
    path.chmod(0o600)
    assert read_secrets(path) == {"police": "sqlite:///x"}


class Counting:
    """A source that counts its statements and answers slowly."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.fails = False

    async def fetch(self, _lookup: Lookup, keys: list[Key], _limit: int) -> list[Row]:
        self.sizes.append(len(keys))
        await asyncio.sleep(0.01)
        if self.fails:
            raise ValueError("password=hunter2")
        return [(*key, key[0]) for key in keys]

    async def close(self) -> None:
        pass


LOOKUP = Lookup("r", "s", "t", ("k",), ("v",), 10)


async def test_the_next_batch_forms_while_one_runs() -> None:
    source: Any = Counting()
    together = Coalescer(source)
    first = asyncio.create_task(together.rows(LOOKUP, ("a",), soon()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(together.rows(LOOKUP, (str(n),), soon())) for n in range(50)]
    assert await first == [("a",)]
    assert await asyncio.gather(*rest) == [[(str(n),)] for n in range(50)]
    assert source.sizes == [1, 50]
    await together.close()


async def test_one_that_gives_up_does_not_hurt_the_others() -> None:
    source: Any = Counting()
    together = Coalescer(source)
    tasks = [asyncio.create_task(together.rows(LOOKUP, (str(n),), soon())) for n in range(3)]
    await asyncio.sleep(0.002)
    tasks[1].cancel()
    assert await tasks[0] == [("0",)]
    assert await tasks[2] == [("2",)]


async def test_an_unforeseen_fault_reaches_everyone_without_its_text() -> None:
    source: Any = Counting()
    source.fails = True
    together = Coalescer(source)
    answers = await asyncio.gather(
        *(together.rows(LOOKUP, (str(n),), soon()) for n in range(3)), return_exceptions=True
    )
    assert all(isinstance(answer, SourceUnavailable) for answer in answers)
    assert "hunter2" not in str(answers)
    source.fails = False
    assert await together.rows(LOOKUP, ("again",), soon()) == [("again",)]


async def test_each_waits_no_longer_than_its_own_deadline() -> None:
    source: Any = Counting()
    together = Coalescer(source)
    patient = asyncio.create_task(together.rows(LOOKUP, ("a",), soon()))
    with pytest.raises(TimeoutError):
        await together.rows(LOOKUP, ("b",), asyncio.get_running_loop().time())
    assert await patient == [("a",)], "and the statement served whoever had the time"
    await together.close()


async def test_a_binding_that_changes_is_asked_anew(asked: tuple[Sources, Binding]) -> None:
    sources, binding = asked
    key = {"id_number": PEOPLE[0][1]}
    assert await rows_of(sources, binding, key, ["number"]) == [(1,)]
    other = msgspec.structs.replace(binding, columns={**binding.columns, "number": binding.columns["amount"]})
    assert await rows_of(sources, other, key, ["number"]) == [(10,)]

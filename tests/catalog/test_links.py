"""Links: what fits, what was seen, breaking and healing, interfaces only through the guarded client, data missing."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
from tests.cast import NOON, Cast, assemble, publish_permits

from guantong.bundle.files import NAMES
from guantong.catalog import actions
from guantong.catalog.harvesting import reading
from guantong.catalog.links import fitting, probing
from guantong.catalog.links.errors import NothingLinked
from guantong.catalog.links.types import SeenColumn, Verdict, kind_of
from guantong.catalog.models import Link, LinkCheck, LinkHealth
from guantong.catalog.search import entries, fallback
from guantong.catalog.search.types import Asked
from guantong.catalog.types import ItemContent
from guantong.courier.errors import DestinationNotAllowed
from guantong.identity.queries import actor
from guantong.journal.models import Alert, Entry
from guantong.journal.types import SYSTEM

MAPPED = {"id_number": "sfzh", "residence_division": "xzqh", "valid_to": "yxqz"}


@pytest.fixture
def cast(db: None) -> Cast:
    return assemble()


def permits_in(folder: Path, *columns: str, newest: str = "2026-11-19 08:00:00") -> dict[str, str]:
    path = folder / "police.sqlite3"
    path.unlink(missing_ok=True)
    told = ", ".join(columns or ("sfzh text", "xzqh text", "yxqz date", "gxsj datetime"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE permits ({told})")
        blanks = ", ".join("?" * len(told.split(",")))
        connection.execute(f"INSERT INTO permits VALUES ({blanks})", [newest] * len(told.split(",")))
        connection.commit()
    return {"police": f"sqlite:///{path}"}


def linked(cast: Cast, **changes: Any) -> Link:
    values: dict[str, Any] = {
        "source": "police",
        "dialect": "sqlite",
        "table": "permits",
        "columns": MAPPED,
        "fresh": "gxsj",
    }
    return actions.link(publish_permits(cast), **{**values, **changes}, by=actor(cast.luo), at=NOON)


def look(link: Link, known: dict[str, str], *, minutes: int = 0) -> LinkHealth:
    seen = actions.check_link(link, known, by=SYSTEM, at=NOON + timedelta(minutes=minutes))
    assert seen is not None
    return seen


def test_a_link_that_serves_is_well(cast: Cast, tmp_path: Path) -> None:
    link = linked(cast)
    assert actions.watch_links(permits_in(tmp_path), by=SYSTEM, at=NOON) == 1
    health = LinkHealth.objects.get(link=link)
    assert (health.state, health.rows, health.faults, health.good_at) == ("well", 1, [], NOON)
    assert health.newest_at is not None
    assert actions.watch_links(permits_in(tmp_path), by=SYSTEM, at=NOON) == 0, "not due again yet"
    assert actions.watch_links(permits_in(tmp_path), by=SYSTEM, at=NOON + timedelta(hours=1)) == 1
    assert not Alert.objects.exists()


def test_it_breaks_and_heals_and_somebody_is_told(cast: Cast, tmp_path: Path) -> None:
    link = linked(cast)
    look(link, permits_in(tmp_path))
    gone = look(link, permits_in(tmp_path, "sfzh text", "yxqz date"), minutes=15)
    assert gone.state == "broken"
    assert gone.faults == [{"code": "column_gone", "item": "residence_division", "column": "xzqh"}]
    alert = Alert.objects.get(seen_at__isnull=True)
    assert (alert.code, alert.details["name"]) == ("link_broken", "居住证信息")
    assert look(link, permits_in(tmp_path, "sfzh text", "xzqh text", "yxqz boolean"), minutes=20).faults == [
        {"code": "type_unfit", "item": "valid_to", "column": "yxqz", "detail": "boolean"}
    ]
    healed = look(link, permits_in(tmp_path), minutes=25)
    assert (healed.state, healed.since) == ("well", NOON + timedelta(minutes=25))
    assert list(Alert.objects.filter(seen_at__isnull=True).values_list("code", flat=True)) == ["link_healed"]
    states = list(LinkCheck.objects.filter(link=link).order_by("pk").values_list("state", flat=True))
    assert states == ["well", "broken", "broken", "well"]
    told = Entry.objects.filter(act="resource.link_seen").order_by("pk")
    assert [entry.details["state"] for entry in told] == ["well", "broken", "well"]


def test_a_restart_raises_no_alarm_and_an_outage_does(cast: Cast, tmp_path: Path) -> None:
    link, known = linked(cast), permits_in(tmp_path)
    look(link, known)
    nowhere = {"police": f"sqlite:///{tmp_path}/none"}
    assert look(link, nowhere, minutes=15).state == "well"
    assert not Alert.objects.exists()
    due = LinkHealth.objects.get(link=link).due_at
    assert due == NOON + timedelta(minutes=16), "looked at again after a minute"
    assert look(link, nowhere, minutes=16).state == "broken"
    assert Alert.objects.get().details["why"] == "source_failed"


def test_old_data_is_stale_by_the_declared_cycle(cast: Cast, tmp_path: Path) -> None:
    link = linked(cast)
    assert look(link, permits_in(tmp_path, newest="2026-11-01 00:00:00")).state == "stale"
    assert Alert.objects.get().code == "link_stale"
    for cycle, days, is_late in (("daily", 3, True), ("yearly", 300, False), ("irregular", 9000, False)):
        assert fitting.is_overdue(NOON - timedelta(days=days), cycle, at=NOON) is is_late
    assert not fitting.is_overdue(None, "daily", at=NOON)


def test_the_facet_tells_what_was_seen(cast: Cast, tmp_path: Path) -> None:
    link = linked(cast)

    def told() -> str:
        (change,) = entries.changed([link.resource_id])
        return change.faces[0].linked

    def found() -> list[str]:
        values = ("yes", "no", "broken", "stale")
        return [v for v in values if fallback.search(Asked(chosen={"linked": [v]})).keys]

    assert (told(), found()) == ("yes", ["yes"])
    look(link, permits_in(tmp_path, "sfzh text"))
    assert (told(), found()) == ("broken", ["broken"])
    actions.unlink(link.resource, by=actor(cast.luo), at=NOON)
    assert (told(), found()) == ("no", ["no"])
    with pytest.raises(NothingLinked):
        actions.unlink(link.resource, by=actor(cast.luo), at=NOON)


def test_what_an_edge_serves_cannot_be_watched_here(cast: Cast) -> None:
    health = look(linked(cast), {})
    assert (health.state, health.faults) == (
        "unwatched",
        [{"code": "source_elsewhere", "detail": "police"}],
    )
    assert not Alert.objects.exists()


def test_another_link_begins_another_history(cast: Cast, tmp_path: Path) -> None:
    link = linked(cast)
    look(link, permits_in(tmp_path))
    again = actions.link(
        link.resource,
        source="police",
        dialect="sqlite",
        table="other",
        columns=MAPPED,
        by=actor(cast.luo),
        at=NOON + timedelta(hours=1),
    )
    assert not LinkHealth.objects.filter(link=again).exists()
    assert actions.check_link(link, permits_in(tmp_path), by=SYSTEM, at=NOON) is None, "it changed meanwhile"
    assert look(again, permits_in(tmp_path)).faults == [{"code": "table_gone", "detail": "other"}]


def test_a_folder_is_watched(cast: Cast, tmp_path: Path) -> None:
    (tmp_path / "2026").mkdir()
    (tmp_path / "2026" / "a.pdf").write_bytes(b"x")
    (tmp_path / "b.txt").write_bytes(b"y")
    (tmp_path / "outside").symlink_to("/etc")
    known = {"files": f"file://{tmp_path}"}
    link = linked(cast)
    link.source, link.dialect, link.columns, link.fresh = "files", "folder", {n: n for n in NAMES}, ""
    for pattern, count in ((".", 2), ("2026/**", 1), ("*.txt", 1), ("*.none", 0)):
        link.table = pattern
        seen = probing.look(link, known)
        assert not isinstance(seen, Verdict), pattern
        assert seen.rows == count, pattern
    for pattern in ("../x", "/etc", "outside", "none"):
        link.table = pattern
        seen = probing.look(link, known)
        assert isinstance(seen, Verdict), pattern
        assert seen.faults[0].code == "folder_gone"


class Interface(BaseHTTPRequestHandler):
    """Answers what it was told to, and remembers who asked."""

    status: ClassVar[int] = 200
    body: ClassVar[Any] = {"code": "0", "data": [{"sfzh": "1", "xzqh": "511602", "yxqz": "2026-01-01"}]}
    location: ClassVar[str] = ""
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        body = json.dumps(self.body).encode()
        self.send_response(self.status)
        if self.location:
            self.send_header("Location", self.location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served(**changes: Any) -> Iterator[tuple[type[Interface], dict[str, str]]]:
    handler: Any = type("Own", (Interface,), {"asked": [], **changes})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield handler, {"api": f"http://127.0.0.1:{server.server_address[1]}/gateway"}
        finally:
            server.shutdown()
            thread.join()


def interface(cast: Cast, **changes: Any) -> Link:
    return linked(cast, source="api", dialect="http", **{"table": "/permits?page=1", "fresh": "", **changes})


def test_an_interface_is_watched(cast: Cast) -> None:
    link = interface(cast)
    assert kind_of(link.dialect) == "interface"
    with served() as (handler, known):
        health = look(link, known)
        assert (health.state, health.rows) == ("well", 1)
        assert handler.asked == ["/gateway/permits?page=1"]
        handler.body = [{"sfzh": "1"}]
        assert {fault["code"] for fault in look(link, known, minutes=15).faults} == {"column_gone"}
        handler.body, handler.status = {}, 405
        assert look(link, known, minutes=20).state == "well", "it is there, though it wants another method"
        handler.status = 401
        assert look(link, known, minutes=25).faults == [{"code": "interface_refuses", "detail": "401"}]


def test_an_interface_leads_nowhere_else(cast: Cast) -> None:
    link = interface(cast)
    with served() as (inner, inside), served(status=302, location=f"{inside['api']}/secret") as (_, known):
        assert look(link, known).faults == [{"code": "interface_failed", "detail": "302"}]
        assert inner.asked == [], "a redirect is not followed"
    base = "http://127.0.0.1:9/x"
    elsewhere = ("//evil.example/", "http://evil.example/", "/\\evil.example", "evil", "", "@evil.example/")
    for path in (*elsewhere, "/a/../b", "/..", "/%2e%2E/admin", "/.%2e/x", "/%252e%252e/x", "/./x"):
        with pytest.raises(DestinationNotAllowed):
            probing.address_of(base, path)
    assert probing.address_of(base, "/a/b?c=../d") == "http://127.0.0.1:9/x/a/b?c=../d"


def test_columns_are_suggested_by_word_comment_and_kind() -> None:
    items = [
        ItemContent(name="id_number", label="公民身份号码"),
        ItemContent(name="xm", label="姓名"),
        ItemContent(name="note", label="备注"),
        ItemContent(name="valid_to", label="有效期止", type="D"),
    ]
    columns = [
        SeenColumn("sfzh", "C", "varchar(18)"),
        SeenColumn("XM", "C", "text"),
        SeenColumn("c7", "D", "date", "有效期止(含当日)"),
        SeenColumn("gxsj", "T", "timestamp", "更新时间"),
    ]
    assert fitting.suggest(items, columns) == {"id_number": "sfzh", "xm": "XM", "valid_to": "c7"}
    assert fitting.fresh_column(columns) == "gxsj"
    assert fitting.unserved(items, {"id_number": "sfzh", "xm": "XM", "valid_to": "c7"}) == ["note"]


@pytest.mark.parametrize(
    ("item", "column", "is_fit"),
    [
        ("C", "I", True),
        ("I", "B", False),
        ("N", "I", True),
        ("D", "I", False),
        ("D", "C", True),
        ("L", "D", False),
        ("T", "", True),
    ],
)
def test_what_fits(item: str, column: str, is_fit: bool) -> None:
    assert fitting.is_fit(item, column) is is_fit


@pytest.mark.parametrize("server", ["postgresql", "mysql"])
def test_other_databases_are_watched_the_same(
    cast: Cast, request: pytest.FixtureRequest, server: str
) -> None:
    address = request.getfixturevalue("postgresql_url" if server == "postgresql" else "mariadb_url")
    telling = f"permits_{server}"
    if server == "postgresql":
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE TABLE {telling} (sfzh text, xzqh text, yxqz date, gxsj timestamptz)")
            connection.execute(
                f"INSERT INTO {telling} VALUES ('1', '2', '2027-01-01', '2026-11-19T00:00:00Z')"
            )
    else:
        with closing(reading.mysql_connection(address)) as connection, connection.cursor() as cursor:
            connection.rollback()
            cursor.execute("SET SESSION TRANSACTION READ WRITE")
            cursor.execute(f"CREATE TABLE {telling} (sfzh text, xzqh text, yxqz date, gxsj datetime)")
            cursor.execute(f"INSERT INTO {telling} VALUES ('1', '2', '2027-01-01', '2026-11-19 08:00:00')")
            connection.commit()
    link = linked(cast, dialect=server, table=telling)
    health = look(link, {"police": address})
    assert (health.state, health.rows) == ("well", 1)
    assert health.newest_at == datetime(2026, 11, 19, tzinfo=UTC)
    link.fresh = "gone"
    assert look(link, {"police": address}, minutes=15).newest_at is None
    link.columns = {"valid_to": "sfzh", "id_number": "gxsj2"}
    assert [fault["column"] for fault in look(link, {"police": address}, minutes=30).faults] == ["gxsj2"]

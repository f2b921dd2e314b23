"""The whole way, for real: declared on a page, ordered, carried by the data plane, told, signed for, reconciled."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from guantong.bundle import orders
from guantong.bundle.depot import Depot
from guantong.bundle.orders import Order
from guantong.bundle.types import Bundle
from guantong.dispatch.models import Job, Run
from guantong.exchange.errors import ExchangeStopped
from guantong.exchange.node import Node
from guantong.exchange.receipts import Accounts
from guantong.exchange.run import run
from guantong.federation.keys import node_key
from guantong.journal.actions import take_in_records
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.kit.settings import Settings
from guantong.kit.suites import INTERNATIONAL
from guantong.site.node import node_settings
from guantong.site.worker import Worker
from tests.cast import NODE
from tests.dispatch.cast import Desk
from tests.dispatch.test_pages import form, signed_in

pytestmark = pytest.mark.django_db

ROWS = [
    ("110101199003070011", "511602", "2027-01-01"),
    ("110101199003070038", "511603", "2027-06-30"),
    ("110101199003070054", "511621", "2028-12-31"),
    ("110101199003070070", None, "2028-12-31"),  # no residence: the gate refuses it
]


class Town:
    """One node: control plane, worker and data plane, over two SQLite databases of two departments."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(clock.now())
        self.key = node_key(node_settings())
        self.settings = Settings(node=NODE, home=folder, development=True).completed()
        self.worker = Worker(self.settings)
        self.sources = {name: f"sqlite://{folder}/{name}.sqlite3" for name in ("police", "education")}
        self._execute(
            "police",
            "CREATE TABLE permits (id_number TEXT PRIMARY KEY, residence_division TEXT, valid_to TEXT)",
        )
        with sqlite3.connect(folder / "police.sqlite3") as police:
            police.executemany("INSERT INTO permits VALUES (?, ?, ?)", ROWS)
        self._execute("education", "CREATE TABLE permits (lives_in TEXT, ends_on TEXT)")
        self.accounts = Accounts(self.settings.spool_folder, node=NODE, key=self.key, suite=INTERNATIONAL)
        self.here = Node(
            code=NODE,
            key=self.key,
            suite=INTERNATIONAL,
            folder=folder / "exchange",
            subject_key=b"s" * 32,
            addresses=lambda: self.sources,
            accounts=self.accounts,
        )

    def _execute(self, name: str, statement: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.settings.home / f"{name}.sqlite3") as connection:
            return connection.execute(statement).fetchall()

    def landed(self) -> list[tuple[Any, ...]]:
        return sorted(self._execute("education", "SELECT lives_in, ends_on FROM permits"))

    def bundle(self) -> Bundle:
        """The bundle in force: what the worker signed and the depot accepted."""
        self.worker.publish()
        depot = Depot(self.settings.bundle_folder, {self.key.public.ref: self.key.public}, node=NODE)
        depot.poll()
        assert depot.bundle is not None
        return depot.bundle

    def obey(self) -> list[Order]:
        """Take the orders that wait and run what they say, as the data plane's process does."""
        folder = self.here.folder / "orders"
        waiting = orders.waiting(folder, {self.key.public.ref: self.key.public}, node=NODE)
        for order in waiting:
            orders.take(folder, order)
            if order.verb == "run":
                run(self.here, self.bundle, order.job)
        return waiting

    def catch_up(self) -> None:
        """What the worker does again and again."""
        take_in_records(self.settings.spool_folder, by=SYSTEM, at=clock.now())
        self.worker.tend_jobs()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    # The worker signs with the node's own keys, which stand in the folder of the tests' node.
    (tmp_path / "keys").symlink_to(node_settings().key_folder)
    made = Town(tmp_path)
    yield made
    made.accounts.close()


def declared(town: Town, **changes: Any) -> tuple[Client, Job]:
    visitor = signed_in("xu")
    values = form(
        town.desk,
        **{
            "writing": "replace",
            "key": [],
            "column-residence_division": "lives_in",
            "bad_rows": "10",
            "checks": "not_null residence_division",
            **changes,
        },
    )
    answer = visitor.post(f"/share/jobs/declare?grant={town.desk.grant.code}", values)
    assert answer.status_code == 302, answer.content.decode()
    return visitor, Job.objects.get()


def test_a_table_goes_from_one_department_to_the_other_and_both_sign(town: Town) -> None:
    visitor, job = declared(town)
    assert visitor.post(f"/share/jobs/{job.code}/orders/run").status_code == 302
    town.catch_up()
    assert [order.verb for order in town.obey()] == ["run"]
    assert town.landed() == [("511602", "2027-01-01"), ("511603", "2027-06-30"), ("511621", "2028-12-31")]
    town.catch_up()
    made = Run.objects.get()
    assert (made.state, made.read, made.applied, made.refused) == ("done", 4, 3, 1)
    assert made.reasons == {"residence_division:not_null": 1}
    assert made.digest.startswith("sha-256:")
    auditor = signed_in("gao")
    (row,) = auditor.get("/oversee/reconciliation/?format=json").json()["rows"]
    assert (
        row | {"sent": 3, "received": 3, "difference": 0, "state": "equal", "grant": town.desk.grant.code}
        == row
    )
    page = visitor.get(f"/share/jobs/{job.code}/").content.decode()
    assert "已完成" in page
    assert page.count("/prove/receipts/") == 2
    assert town.obey() == []


def test_a_paused_job_is_stopped_by_the_bundle(town: Town) -> None:
    visitor, job = declared(town)
    visitor.post(f"/share/jobs/{job.code}/orders/pause")
    town.catch_up()
    town.bundle()
    with pytest.raises(ExchangeStopped):
        run(town.here, town.bundle, job.code)
    assert town.landed() == []
    visitor.post(f"/share/jobs/{job.code}/orders/resume")
    run(town.here, town.bundle, job.code)
    assert len(town.landed()) == 3


def test_a_vanished_table_is_told_with_a_sentence_in_the_visitor_s_language(town: Town) -> None:
    visitor, job = declared(town)
    town._execute("education", "DROP TABLE permits")
    with pytest.raises(ExchangeStopped):
        run(town.here, town.bundle, job.code)
    town.catch_up()
    page = visitor.get(f"/share/jobs/{job.code}/").content.decode()
    assert "没有表或文件 permits" in page
    assert "table_vanished" in page
    assert "There is no table" in signed_in("xu", "en").get(f"/share/jobs/{job.code}/").content.decode()

"""A city department's table goes up to the nation's base, and the nation's register comes down to the city's bureau.

Three nodes, each with its own processes; everything is asked, agreed, declared and watched on pages, as people do it.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from examples.guangan import places
from examples.guangan.story import Story
from examples.guangan.town import Town
from examples.guangan.visitor import Visitor

pytestmark = pytest.mark.town

NATION, PROVINCE, CITY = places.PLACES


@dataclass(frozen=True)
class Ends:
    """Who asks for what, who agrees, and where the rows go."""

    officer: str
    node: str
    resource: str
    application: str
    approvers: tuple[str, ...]
    columns: dict[str, str]
    source: str
    table: str
    lands_in: str
    read_from: str
    read_table: str
    writing: str
    key: str


UP = Ends(
    officer="mps-officer",
    node=NATION,
    resource=places.THEME_RESOURCE,
    application=places.BASE_APPLICATION,
    # The ministry reviews its own request first.
    approvers=("mps-approver", "market-approver", "data-approver"),
    columns=places.THEME_COLUMNS,
    source=places.BASE_SOURCE,
    table=places.BASE_TABLE,
    lands_in="base.sqlite3",
    read_from="business_licence",
    read_table="business_licence",
    writing="replace",
    key="",
)
DOWN = Ends(
    officer="education-officer",
    node=CITY,
    resource=places.DOWN_RESOURCE,
    application=places.COUNTER_APPLICATION,
    approvers=("mps-approver", "nda-approver"),
    columns=places.DOWN_COLUMNS,
    source=places.THEME_SOURCE,
    table=places.DOWN_TABLE,
    lands_in="theme.sqlite3",
    read_from="population",
    read_table="population",
    writing="replace",
    key="",
)


def until(look: Callable[[], Any], what: str, *, for_s: float = 60) -> Any:
    deadline = time.monotonic() + for_s
    while not (found := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


def granted(town: Town, ends: Ends) -> str:
    """The grant's code, once the consumer's node has it."""
    officer = town.visitor(ends.officer)
    before = {row["code"] for row in officer.get("/share/grants/?format=json").json()["rows"]}
    until(
        lambda: officer.get(f"/share/request?resource={ends.resource}").status == 200, "the entry at the node"
    )
    filed = officer.post(
        f"/share/request?resource={ends.resource}",
        {
            "wanted": list(ends.columns),
            "modes": ["batch"],
            "purpose": places.ITEM,
            "purpose_text": "基础库归集",
            "legal_basis": "《政务数据共享条例》",
            "applications": [ends.application],
            "per_day": "10000",
            "per_second": "50",
            "days": "365",
            "pledge_signed": "on",
        },
    )
    assert filed.path.startswith("/share/requests/"), filed.text[:3000]
    for username in ends.approvers:
        approver = town.visitor(username)
        until(lambda who=approver: who.get(filed.path).status == 200, f"the request before {username}")  # type: ignore[misc]
        done = approver.post(
            f"{filed.path}decide", {"decision": "approved", "reason": "同意"}, source=filed.path
        )
        assert done.status == 200, done.text[:2000]

    def given() -> Any:
        return {row["code"] for row in officer.get("/share/grants/?format=json").json()["rows"]} - before

    (made,) = until(given, "the grant")
    return str(made)


def declared(officer: Visitor, ends: Ends, grant: str) -> str:
    page = officer.post(
        f"/share/jobs/declare?grant={grant}",
        {
            "name": "基础库归集",
            "application": ends.application,
            "wanted": list(ends.columns),
            "target": "",
            "target_source": ends.source,
            "target_dialect": "sqlite",
            "target_table": ends.table,
            **{f"column-{item}": column for item, column in ends.columns.items()},
            "reading": "full",
            "writing": ends.writing,
            "overlap_s": "0",
            "checks": "",
            "bad_rows": "1000000",
            "bad_percent": "100",
            "schedule": "manual",
            "every_minutes": "60",
            "at": "02:00",
            "retry_limit": "3",
        },
    )
    assert page.path.startswith("/share/jobs/ZY"), page.text[:3000]
    return page.path


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])


@pytest.mark.parametrize("ends", [UP, DOWN], ids=["up", "down"])
def test_from_node_to_node(told: Story, ends: Ends) -> None:
    town, officer = told.town, told.town.visitor(ends.officer)
    grant = granted(town, ends)
    job = declared(officer, ends, grant)
    assert officer.post(f"{job}orders/run", source=job).status == 200

    def ended() -> Any:
        rows = officer.get(f"{job}?format=json").json()["rows"]
        return rows and rows[0]["state"] in {"done", "stopped"} and rows[0]["digest"] and rows[0]

    run = until(ended, f"the run: {officer.get(job).text[:200]}")
    assert run["state"] == "done", run
    sent = count(town.folder / "tables" / places.FILES[ends.read_from], ends.read_table)
    assert run["applied"] == count(town.home(ends.node) / ends.lands_in, ends.table) > 0
    assert run["applied"] + run["refused"] == sent
    # Both nodes show each other their receipts, and count the same.
    other = town.visitor(ends.approvers[-1])
    for visitor in (officer, other):

        def agrees(who: Visitor = visitor) -> Any:
            found = who.get(f"/oversee/reconciliation/?format=json&grant={grant}").json()["rows"]
            return found and found[0]["state"] == "equal" and found[0]

        balance = until(agrees, f"the reconciliation of {visitor}")
        assert balance["sent"] == balance["received"] == run["applied"]

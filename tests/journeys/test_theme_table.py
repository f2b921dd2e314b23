"""A city department's table, collected into the education bureau's theme table by the data plane's own process."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from examples.guangan import places
from examples.guangan.story import Story
from examples.guangan.town import Town

pytestmark = pytest.mark.town

CITY = "511600"


def until(look: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 40
    while not (found := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


def granted(town: Town) -> str:
    """The education bureau asks for batches; the market bureau and the data bureau agree. The grant's code."""
    officer = town.visitor("education-officer")
    before = {row["code"] for row in officer.get("/share/grants/?format=json").json()["rows"]}
    filed = officer.post(
        f"/share/request?resource={places.THEME_RESOURCE}",
        {
            "wanted": list(places.THEME_COLUMNS),
            "modes": ["batch"],
            "purpose": places.ITEM,
            "purpose_text": "随迁子女入学资格预核",
            "legal_basis": "《义务教育法》第十二条",
            "applications": [places.COUNTER_APPLICATION],
            "per_day": "10000",
            "per_second": "50",
            "days": "365",
            "pledge_signed": "on",
        },
    )
    assert filed.path.startswith("/share/requests/"), filed.text[:2000]
    for username in ("market-approver", "data-approver"):
        done = town.visitor(username).post(
            f"{filed.path}decide", {"decision": "approved", "reason": "同意"}, source=filed.path
        )
        assert done.status == 200
    after = {row["code"] for row in officer.get("/share/grants/?format=json").json()["rows"]}
    (made,) = after - before
    return str(made)


def rows_of(path: Path, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return sorted(connection.execute(f'SELECT {", ".join(columns)} FROM "{table}"').fetchall())


def test_business_licences_are_collected_every_night(told: Story) -> None:
    town, grant = told.town, granted(told.town)
    officer = town.visitor("education-officer")
    declared = officer.post(
        f"/share/jobs/declare?grant={grant}",
        {
            "name": "营业执照每夜归集",
            "application": places.COUNTER_APPLICATION,
            "wanted": list(places.THEME_COLUMNS),
            "target": "",
            "target_source": places.THEME_SOURCE,
            "target_dialect": "sqlite",
            "target_table": places.THEME_TABLE,
            **{f"column-{item}": column for item, column in places.THEME_COLUMNS.items()},
            "reading": "full",
            "writing": "replace",
            "overlap_s": "0",
            "checks": "uscc uscc\nnot_null name",
            "bad_rows": "1000000",
            "bad_percent": "100",
            "schedule": "daily",
            "every_minutes": "60",
            "at": "02:00",
            "retry_limit": "3",
        },
    )
    assert declared.path.startswith("/share/jobs/ZY"), declared.text[:3000]
    assert officer.post(f"{declared.path}orders/run", source=declared.path).status == 200

    def ended() -> Any:
        rows = officer.get(f"{declared.path}?format=json").json()["rows"]
        return rows and rows[0]["state"] in {"done", "stopped"} and rows[0]["digest"] and rows[0]

    run = until(ended, "the run")
    assert run["state"] == "done", run
    source = rows_of(
        town.folder / "tables" / places.FILES["business_licence"],
        "business_licence",
        list(places.THEME_COLUMNS),
    )
    landed = rows_of(
        town.home(CITY) / "theme.sqlite3", places.THEME_TABLE, list(places.THEME_COLUMNS.values())
    )
    assert len(landed) == run["applied"] > 0
    assert run["read"] == len(source) == run["applied"] + run["refused"]
    # The market bureau writes 20221120 or 2022-11-20; the catalogue says that it is a date, and as such it lands.
    assert {(*row[:3], row[3].replace("-", "")) for row in landed} <= {
        (*row[:3], str(row[3]).replace("-", "")) for row in source
    }
    assert all(row[3][4] == row[3][7] == "-" for row in landed)

    def agrees() -> Any:
        found = officer.get(f"/oversee/reconciliation/?format=json&grant={grant}").json()["rows"]
        return found and found[0]["state"] == "equal" and found[0]

    balance = until(agrees, "the reconciliation")
    assert balance["sent"] == balance["received"] == len(landed)
    flows = town.visitor("auditor").get("/oversee/flows/?format=json").json()["rows"]
    assert any(
        (row["provider"], row["consumer"], row["rows"]) == ("广安市市场监督管理局", "区教科体局", len(landed))
        for row in flows
    ), flows

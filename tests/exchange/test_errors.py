"""What goes wrong says what to do, in both languages, and names no password."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.exchange import cast
from tests.exchange.cast import Exchange
from tests.exchange.test_pairs import COLUMNS, DIALECTS, Place

from guantong.bundle import refusals
from guantong.bundle.jobs import Limits
from guantong.exchange import errors
from guantong.exchange.run import run
from guantong.kit.errors import GuantongError

FIELDS = {item: item for item in cast.FIELDS}


class Setting:
    """A source and a target that a test may spoil before the run."""

    def __init__(self, home: Path, dialect: str, url: str) -> None:
        self.addresses = {"police": url, "education": url}
        self.exchange = Exchange(home, self.addresses)
        self.source, self.target = Place(dialect, url, "person"), Place(dialect, url, "pupil")
        self.source.fill(range(1, 101))
        self.job: dict[str, Any] = {}
        self.grant: dict[str, Any] = {}

    def fails(self, error: type[GuantongError]) -> GuantongError:
        bundle = cast.bundle(
            self.exchange.key,
            job=cast.job(**({"limits": Limits(chunk_rows=30)} | self.job)),
            grant=cast.grant(**self.grant),
            source={"dialect": self.source.dialect, "table": "person", "columns": FIELDS},
            target={"dialect": self.target.dialect, "table": "pupil", "columns": FIELDS},
        )
        with pytest.raises(error) as caught:
            run(self.exchange.here, lambda: bundle, cast.JOB)
        said = caught.value
        assert re.search("[\u4e00-\u9fff]", said.sentence("zh"))
        assert re.search("[a-z]", said.sentence("en"))
        assert "{" not in said.sentence("zh") + said.sentence("en")
        assert "hunter2" not in str(said.as_json()) + str(said)
        return said


@pytest.fixture(params=DIALECTS)
def setting(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    if request.param == "sqlite":
        (tmp_path / "one.db").touch()
        url = f"sqlite://{tmp_path}/one.db"
    else:
        url = request.getfixturevalue("mariadb_url" if request.param == "mysql" else "postgresql_url")
    made = Setting(tmp_path / "home", request.param, url)
    yield made
    made.exchange.close()


Spoil = Callable[[Setting], None]


def test_a_table_that_vanished(setting: Setting) -> None:
    setting.source.do("DROP TABLE person")
    assert setting.fails(errors.TableVanished).details["table"] == "person"


def test_a_target_that_vanished(setting: Setting) -> None:
    setting.target.do("DROP TABLE pupil")
    assert setting.fails(errors.TableVanished).details["table"] == "pupil"


def test_columns_that_are_gone(setting: Setting) -> None:
    setting.source.do("ALTER TABLE person DROP COLUMN phone")
    assert "phone" in setting.fails(errors.ColumnsMissing).details["columns"]


def test_columns_that_the_target_lacks(setting: Setting) -> None:
    setting.target.do("ALTER TABLE pupil DROP COLUMN phone")
    assert "phone" in setting.fails(errors.ColumnsMissing).details["columns"]


def test_types_are_compared_before_the_first_row(setting: Setting) -> None:
    setting.target.do("DROP TABLE pupil")
    setting.target.do(
        f"CREATE TABLE pupil ({COLUMNS[setting.target.dialect].replace('name text', 'name date')})"
    )
    assert setting.fails(errors.TypeUnfit).details["item"] == "name"
    assert setting.exchange.receipts() == []


def test_nobody_has_said_where_the_source_is(setting: Setting) -> None:
    del setting.addresses["police"]  # type: ignore[attr-defined]
    assert setting.fails(errors.AddressMissing).details == {"name": "police"}


def test_an_address_of_another_kind(setting: Setting) -> None:
    setting.addresses["police"] = "oracle://x:hunter2@y/z"
    setting.fails(errors.AddressMissing)


def test_a_key_that_the_target_refuses(setting: Setting) -> None:
    setting.source.do("DROP TABLE person")
    columns = COLUMNS[setting.source.dialect].replace(" NOT NULL PRIMARY KEY", "")
    setting.source.do(f"CREATE TABLE person ({columns})")
    setting.source.fill(range(1, 11))
    setting.source.fill(range(5, 6))
    setting.fails(errors.TargetRefused)
    assert setting.target.rows() == []


@pytest.mark.parametrize(
    ("job", "grant", "error"),
    [
        ({}, {"state": "revoked"}, refusals.GrantRevoked),
        ({}, {"not_after": "2021-01-01T00:00:00Z"}, refusals.GrantExpired),
        ({}, {"modes": ["query"]}, refusals.ModeNotGranted),
        ({"purpose": "curiosity"}, {}, refusals.PurposeNotGranted),
        ({"application": "other"}, {}, refusals.ApplicationUnknown),
        ({}, {"fields": ["name"]}, refusals.FieldsNotGranted),
        ({"fields": ["name", "secret"]}, {}, refusals.LevelAboveClearance),
        ({"target": "T-2"}, {}, errors.JobMisdeclared),
        ({"writing": "upsert"}, {}, errors.JobMisdeclared),
        ({"reading": "watermark", "writing": "append"}, {}, errors.JobMisdeclared),
        ({"active": False}, {}, errors.JobUnknown),
        ({"limits": Limits(chunk_rows=30, rows=50)}, {}, errors.RunTooLong),
    ],
)
def test_what_is_not_allowed_is_not_done(
    job: dict[str, Any], grant: dict[str, Any], error: type[GuantongError], tmp_path: Path
) -> None:
    (tmp_path / "one.db").touch()
    setting = Setting(tmp_path / "home", "sqlite", f"sqlite://{tmp_path}/one.db")
    setting.job, setting.grant = job, grant
    setting.fails(error)
    assert setting.target.rows() == []
    setting.exchange.close()


def test_wrong_passwords_and_absent_servers(tmp_path: Path, postgresql_url: str, mariadb_url: str) -> None:
    (tmp_path / "one.db").touch()
    setting = Setting(tmp_path / "home", "sqlite", f"sqlite://{tmp_path}/one.db")
    nobody = {
        "postgresql": postgresql_url.replace("guantong@", "nobody:hunter2@"),
        "mysql": mariadb_url.replace("root@", "nobody:hunter2@"),
    }
    for dialect, address in nobody.items():
        setting.source.dialect, setting.addresses["police"] = dialect, address
        setting.fails(errors.DatabaseDenied)
    for dialect in nobody:
        setting.source.dialect, setting.addresses["police"] = dialect, f"{dialect}://u:hunter2@127.0.0.1:1/d"
        setting.fails(errors.DatabaseUnreachable)
    setting.source.dialect, setting.addresses["police"] = "sqlite", "sqlite:///no/such/file.db"
    setting.fails(errors.DatabaseUnreachable)
    setting.exchange.close()


def test_one_run_of_a_job_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "one.db").touch()
    setting = Setting(tmp_path / "home", "sqlite", f"sqlite://{tmp_path}/one.db")
    from guantong.exchange.run import alone

    with alone(setting.exchange.here.folder / "jobs", cast.JOB):
        setting.fails(errors.JobBusy)
    setting.exchange.close()


def test_a_job_may_not_change_while_its_rows_are_half_in_the_target(tmp_path: Path) -> None:
    (tmp_path / "one.db").touch()
    setting = Setting(tmp_path / "home", "sqlite", f"sqlite://{tmp_path}/one.db")
    setting.job = {"writing": "append", "key": ["person_no"], "limits": Limits(chunk_rows=30, rows=60)}
    setting.fails(errors.RunTooLong)
    assert len(setting.target.rows()) == 60
    setting.job = msgspec.structs.asdict(
        cast.job(writing="append", key=["person_no"], fields=["person_no", "name"])
    )
    setting.fails(errors.JobChangedMidway)
    setting.exchange.close()

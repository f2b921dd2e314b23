"""A small exchange: the police's register of persons goes to the education bureau, both at the city's node."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from guantong.bundle.jobs import Job, Target
from guantong.bundle.types import Application, Binding, Bundle, Grant, Item, Node, Organisation, Resource
from guantong.evidence import spool
from guantong.exchange.node import Node as Here
from guantong.exchange.receipts import WRITER, Accounts
from guantong.kit import envelope
from guantong.kit.suites import SigningKey, suite

CITY = "511600"
PERSONS, GRANT, JOB = "511600-persons", "G-1", "J-1"
POLICE, EDUCATION, SCHOOLS = "police", "education", "schools"
PURPOSE = "school-enrolment"

ITEMS = {
    "id_number": Item(name="id_number", label="公民身份号码", type="C", level=3),
    "person_no": Item(name="person_no", label="人员编号", type="I", level=2),
    "name": Item(name="name", label="姓名", type="C", level=2),
    "sex": Item(name="sex", label="性别", type="I", level=2),
    "born_on": Item(name="born_on", label="出生日期", type="D", level=2),
    "division": Item(name="division", label="居住地", type="C", level=2),
    "phone": Item(name="phone", label="电话", type="C", level=3),
    "address": Item(name="address", label="地址", type="C", level=3),
    "income": Item(name="income", label="收入", type="Y", level=3),
    "updated_at": Item(name="updated_at", label="更新时间", type="T", level=1),
    "secret": Item(name="secret", label="涉密项", type="C", level=4),
}
FIELDS = [item for item in ITEMS if item != "secret"]


def job(**changes: Any) -> Job:
    made = Job(
        id=JOB,
        name="人口信息到教育局",
        grant=GRANT,
        application=SCHOOLS,
        purpose=PURPOSE,
        target="T-1",
        fields=FIELDS,
    )
    return msgspec.structs.replace(made, **changes)


def grant(**changes: Any) -> Grant:
    given = Grant(
        id=GRANT,
        number="GA-2026-7",
        resource=PERSONS,
        provider_node=CITY,
        consumer_node=CITY,
        consumer=EDUCATION,
        applications=[SCHOOLS],
        modes=["batch"],
        fields=list(ITEMS),
        purpose=PURPOSE,
        per_second=1,
        per_day=1,
        max_rows=1,
        not_before="2020-01-01T00:00:00Z",
        not_after="2099-01-01T00:00:00Z",
        state="active",
        agreement="sha-256:" + "0" * 64,
    )
    return msgspec.structs.replace(given, **changes)


def bundle(
    key: SigningKey,
    *,
    job: Job,
    grant: Grant,
    source: Mapping[str, Any],
    target: Mapping[str, Any],
    items: Mapping[str, Item] | None = None,
) -> Bundle:
    """``source`` and ``target`` hold dialect, table and columns (item → column)."""
    items = dict(items or ITEMS)
    return Bundle(
        node=CITY,
        sequence=1,
        published_at="2026-11-22T00:00:00.000Z",
        suite="international",
        nodes={CITY: Node(code=CITY, name="广安市", key=key.public.to_text())},
        routes={},
        organisations={
            POLICE: Organisation(id=POLICE, name="公安局"),
            EDUCATION: Organisation(id=EDUCATION, name="教育局"),
        },
        applications={
            SCHOOLS: Application(
                id=SCHOOLS,
                name="学籍系统",
                organisation=EDUCATION,
                node=CITY,
                keys=[],
                clearance=3,
                active=True,
            )
        },
        resources={
            PERSONS: Resource(
                code=PERSONS, name="人口信息", provider=POLICE, node=CITY, version=1, items=items, lookups=[]
            )
        },
        bindings={PERSONS: Binding(resource=PERSONS, source="police", max_rows=1, **source)},
        grants={grant.id: grant},
        jobs={job.id: job},
        targets={"T-1": Target(id="T-1", node=CITY, organisation=EDUCATION, source="education", **target)},
    )


class Exchange:
    """A node in a folder, with a bundle that a test may change between chunks."""

    def __init__(
        self, home: Path, addresses: Mapping[str, str], *, suite_name: str = "international"
    ) -> None:
        self.home = home
        self.key = _kept_key(home / "keys" / "node.key", suite_name)
        self.accounts = Accounts(home / "spool", node=CITY, key=self.key, suite=suite(suite_name))
        self.here = Here(
            code=CITY,
            key=self.key,
            suite=suite(suite_name),
            folder=home / "exchange",
            subject_key=b"s" * 32,
            addresses=lambda: addresses,
            accounts=self.accounts,
        )

    def receipts(self) -> list[dict[str, Any]]:
        return [envelope.read(found.record).body for found in spool.read(self.home / "spool", WRITER)]

    def close(self) -> None:
        self.accounts.close()


def _kept_key(path: Path, suite_name: str) -> SigningKey:
    """The node's key, the same after a restart."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(suite(suite_name).generate(f"{CITY}.guantong.example/node").to_text())
    return SigningKey.from_text(path.read_text())

"""A small town for the gateway: three governments, one police department, one education bureau, one grant."""

import secrets
from hashlib import sha256
from typing import Any

import msgspec

from guantong.bundle.types import (
    Application,
    Binding,
    Bundle,
    Grant,
    Item,
    Node,
    Organisation,
    Resource,
)
from guantong.gateway.call import Call, Consumer
from guantong.kit.suites import SigningKey, suite

NATION, PROVINCE, CITY = "000000", "510000", "511600"
NODES = {NATION: "国家节点", PROVINCE: "四川省节点", CITY: "广安市节点"}
PERSONS, RESIDENCE = "3070220400053/000002", "511600-residence"
POLICE, EDUCATION, HOUSING = "police", "education", "housing"
ENROLMENT = "enrolment"
G_PERSONS, G_RESIDENCE = "G-persons", "G-residence"
PURPOSE = "school-enrolment"
RID, S_PERSONS, S_RESIDENCE = "7e0c3c9e-5a10-4f3c-9d3e-000000000001@gasz", "s_000000_0001", "s_511600_0001"


class Keys:
    """One key a node and one for the application, all made afresh."""

    def __init__(self, name: str = "international") -> None:
        chosen = suite(name)
        self.nodes: dict[str, SigningKey] = {
            code: chosen.generate(f"{code}.guantong.example/node") for code in NODES
        }
        self.application = chosen.generate(f"{ENROLMENT}.example")
        self.secret = secrets.token_urlsafe(32)


PERSON_ITEMS = {
    "id_number": Item(name="id_number", label="公民身份号码", type="C", level=3),
    "name": Item(name="name", label="姓名", type="C", level=2, comparison="name"),
    "born_on": Item(name="born_on", label="出生日期", type="D", level=2, comparison="date"),
    "birthplace": Item(
        name="birthplace", label="出生地", type="C", level=2, mask="division", comparison="prefix6"
    ),
    "phone": Item(name="phone", label="电话", type="C", level=3, mask="keep_tail:4"),
    "secret": Item(name="secret", label="涉密项", type="C", level=4),
}


def resource(code: str = PERSONS, node: str = NATION, provider: str = POLICE) -> Resource:
    return Resource(
        code=code,
        name="人口基础信息",
        provider=provider,
        node=node,
        version=1,
        items=PERSON_ITEMS,
        lookups=[["id_number"], ["name", "born_on"]],
    )


def grant(**changes: Any) -> Grant:
    given = Grant(
        id=G_PERSONS,
        number="GA-2026-1",
        resource=PERSONS,
        provider_node=NATION,
        consumer_node=CITY,
        consumer=EDUCATION,
        applications=[ENROLMENT],
        modes=["query", "verify"],
        fields=["name", "born_on", "birthplace", "phone", "id_number"],
        purpose=PURPOSE,
        per_second=100_000,
        per_day=100_000_000,
        max_rows=5,
        not_before="2020-01-01T00:00:00Z",
        not_after="2099-01-01T00:00:00Z",
        state="active",
        agreement="sha-256:" + "0" * 64,
    )
    return msgspec.structs.replace(given, **changes)


def binding(code: str = PERSONS, dialect: Any = "sqlite") -> Binding:
    columns = {"id_number": "sfzh", "name": "xm", "born_on": "csrq", "birthplace": "csd", "phone": "dh"}
    return Binding(
        resource=code, source="police", dialect=dialect, table="rkjbxx", columns=columns, max_rows=20
    )


def bundle(keys: Keys, node: str = CITY, urls: dict[str, str] | None = None, **changes: Any) -> Bundle:
    """The bundle of ``node``: persons live at the nation, residence in the city."""
    routes = {
        NATION: {PROVINCE: PROVINCE, CITY: PROVINCE},
        PROVINCE: {NATION: NATION, CITY: CITY},
        CITY: {PROVINCE: PROVINCE, NATION: PROVINCE},
    }
    near = {node, *routes[node].values()}
    nodes = {
        code: Node(
            code=code,
            name=name,
            key=keys.nodes[code].public.to_text(),
            gateway_url=(urls or {}).get(code, "") if code in near else "",
        )
        for code, name in NODES.items()
    }
    local = {PERSONS: NATION, RESIDENCE: CITY}
    made = Bundle(
        node=node,
        sequence=1,
        published_at="2026-11-22T00:00:00.000Z",
        suite="international",
        nodes=nodes,
        routes=routes[node],
        organisations={
            POLICE: Organisation(id=POLICE, name="公安部"),
            EDUCATION: Organisation(id=EDUCATION, name="广安市教育局"),
            HOUSING: Organisation(id=HOUSING, name="广安市住建局"),
        },
        applications={
            ENROLMENT: Application(
                id=ENROLMENT,
                name="入学一件事",
                organisation=EDUCATION,
                node=CITY,
                keys=[keys.application.public.to_text()],
                clearance=3,
                active=True,
                secret="sha-256:" + sha256(keys.secret.encode()).hexdigest(),
                rid=RID,
            )
        },
        resources={PERSONS: resource(), RESIDENCE: resource(RESIDENCE, CITY, HOUSING)},
        bindings={code: binding(code) for code, home in local.items() if home == node},
        grants={
            G_PERSONS: grant(sids=[S_PERSONS]),
            G_RESIDENCE: grant(
                id=G_RESIDENCE, resource=RESIDENCE, provider_node=CITY, number="GA-2026-2", sids=[S_RESIDENCE]
            ),
        },
    )
    return msgspec.structs.replace(made, **changes)


def call(**changes: Any) -> Call:
    asked = Call(
        call="c-1",
        trace="t-1",
        at="2026-11-22T00:00:00.000Z",
        nonce="00",
        consumer=Consumer(CITY, EDUCATION, ENROLMENT),
        resource=PERSONS,
        grant=G_PERSONS,
        purpose=PURPOSE,
        case="case-1",
        mode="query",
        keys={"id_number": "511602199001011234"},
        fields=["name"],
        claims={},
    )
    return msgspec.structs.replace(asked, **changes)

"""One small town for the tests of the control plane: the same people, departments and data set everywhere.

Gao Shen audits; Xu Shu of the education bureau asks; Luo Shu and Jiang Pi of the police provide; Tian Pi decides
for the data bureau.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from guantong.catalog import actions as catalog
from guantong.catalog.models import Resource
from guantong.federation.actions.joining import establish
from guantong.federation.keys import make_keys
from guantong.identity.actions import register_application, register_organisation, register_person
from guantong.identity.models import Application, Organisation, Person
from guantong.identity.queries import actor
from guantong.journal.types import SYSTEM, Actor
from guantong.kit.codes import make_uscc
from guantong.kit.suites import INTERNATIONAL
from guantong.sharing.types import Need
from guantong.site.node import node_settings

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
NODE = "511600"
PERMITS = "3070511600001/000001"


def content(**changes: Any) -> dict[str, Any]:
    """Residence permits as the police would catalogue them."""
    values: dict[str, Any] = {
        "code": PERMITS,
        "name": "居住证信息",
        "provider": POLICE,
        "summary": "流动人口居住证的居住地和有效期",
        "items": [
            {"name": "id_number", "label": "公民身份号码", "level": 3, "mask": "keep_tail:4", "is_key": True},
            {"name": "residence_division", "label": "居住地", "level": 2},
            {"name": "valid_to", "label": "有效期止", "type": "D", "level": 2},
        ],
        "lookups": [["id_number"]],
        "sharing_type": "conditional",
        "sharing_condition": "办理政务服务事项",
        "update_cycle": "daily",
    }
    return {**values, **changes}


POLICE = make_uscc("11511600MX0000005")
EDUCATION = make_uscc("11511600MX0000011")
BUREAU = make_uscc("11511600MX0000004")


@dataclass(frozen=True)
class Cast:
    """Everybody, by name."""

    police: Organisation
    education: Organisation
    bureau: Organisation
    luo: Person
    jiang: Person
    xu: Person
    tian: Person
    gao: Person
    counter: Application

    def as_actor(self, person: Person) -> Actor:
        return actor(person)


def assemble() -> Cast:
    """The cast in an empty database, with this node's keys and row."""
    settings = node_settings()
    make_keys(settings)
    establish(settings, by=SYSTEM, at=NOON)

    def organisation(code: str, name: str) -> Organisation:
        return register_organisation(code, name, node=NODE, division="511600000000", by=SYSTEM, at=NOON)

    police, education = organisation(POLICE, "广安市公安局"), organisation(EDUCATION, "广安区教科体局")
    bureau = organisation(BUREAU, "广安市数据局")
    Organisation.objects.filter(pk=bureau.pk).update(is_bureau=True)

    def person(username: str, name: str, role: str, place: Organisation) -> Person:
        return register_person(
            username,
            name,
            password=f"{username}-password-1",
            roles=[role],
            organisation=place,
            by=SYSTEM,
            at=NOON,
        )

    return Cast(
        police=police,
        education=education,
        bureau=bureau,
        luo=person("luo", "罗数", "data_officer", police),
        jiang=person("jiang", "蒋批", "approver", police),
        xu=person("xu", "许数", "data_officer", education),
        tian=person("tian", "田批", "approver", bureau),
        gao=person("gao", "高审", "auditor", bureau),
        counter=register_application(
            "one-window",
            "一窗受理系统",
            organisation=education,
            public_key=INTERNATIONAL.generate("one-window").public.to_text(),
            clearance=3,
            by=SYSTEM,
            at=NOON,
        ),
    )


def publish_permits(cast: Cast, **changes: Any) -> Resource:
    """Residence permits, drafted, submitted, approved by the department and published by the bureau."""
    drafted = catalog.draft(catalog.read_content(content(**changes)), node=NODE, by=actor(cast.luo), at=NOON)
    submitted = catalog.submit(drafted, by=actor(cast.luo), at=NOON)
    approved = catalog.approve(submitted, by=actor(cast.jiang), at=NOON)
    return catalog.publish(approved, by=actor(cast.tian), at=NOON)


def need(**changes: Any) -> Need:
    """What the education bureau asks for."""
    values: dict[str, Any] = {
        "resource": PERMITS,
        "fields": ["residence_division", "valid_to"],
        "modes": ["query"],
        "purpose": "512B0156000000",
        "purpose_text": "核验居住情况",
        "legal_basis": "《义务教育法》第十二条",
        "applications": ["one-window"],
        "pledge_signed": True,
    }
    return Need(**{**values, **changes})

"""A planted attack with real processes: calls through the gateway, receipts, an alert; suspended on its page, refused next."""

import json
import secrets
import subprocess
import sys
from typing import Any

import pytest
from examples.guangan.story import ROOT, Story
from examples.guangan.town import Town
from examples.guangan.visitor import Visitor

from guantong.counter.gateway_client import Answered, Failed, GatewayClient, Question
from guantong.kit.keyrings import NodeKeys
from tests.journeys.test_sharing import CITY, key_of, prepared, until

pytestmark = pytest.mark.town

OFFICER = """
import django
django.setup()
import sys
from guantong.identity.actions import register_person
from guantong.identity.models import Organisation
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.site.node import node_settings
bureau = Organisation.objects.get(node=node_settings().node, is_bureau=True)
register_person("risk-officer", "广安市数据局 安全员", password=sys.argv[1], roles=["security_officer"],
    organisation=bureau, by=SYSTEM, at=clock.now())
"""
GRANT = """
import django
django.setup()
import json
from guantong.sharing.models import Grant
from guantong.site.node import node_settings
own = node_settings().node
for grant in Grant.objects.filter(provider_node=own, state="active"):
    lookups = grant.terms["resource_content"]["lookups"]
    if "query" in grant.terms["modes"] and lookups == [["id_number"]]:
        print(json.dumps({"code": grant.code, "resource": grant.resource, "fields": grant.terms["fields"],
            "purpose": grant.purpose}))
        break
"""


def found(town: Town) -> dict[str, Any]:
    """A grant of the town's story by which the counter looks people up at the city."""
    environment = {**town.environment(CITY), "DJANGO_SETTINGS_MODULE": "guantong.site.settings"}
    ran = subprocess.run(
        [sys.executable, "-c", GRANT], env=environment, cwd=ROOT, check=True, capture_output=True
    )
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def asked(town: Town, grant: dict[str, Any], id_number: str) -> Answered | Failed:
    gateway = GatewayClient(
        town.url(CITY, "gateway"),
        key_of(town, "counter"),
        lambda: NodeKeys(key_of(town, "node").public),
        node=CITY,
        timeout_s=10,
    )
    return gateway.ask(
        Question(
            trace=secrets.token_hex(16),
            resource=grant["resource"],
            grant=grant["code"],
            purpose=grant["purpose"],
            case="",
            mode="query",
            keys={"id_number": id_number},
            fields=grant["fields"],
        )
    )


def test_numbers_are_tried_an_alert_is_raised_and_the_grant_suspended_from_it(told: Story) -> None:
    town = told.town
    password = secrets.token_urlsafe(16)
    prepared(town, CITY, OFFICER, password)
    grant = found(town)
    for number in range(60):
        answer = asked(town, grant, f"51160219900101{number:03d}X")
        assert isinstance(answer, Answered), answer
    officer = Visitor(town.url(CITY), "risk-officer")
    officer.sign_in("risk-officer", password)

    def raised(rule: str) -> Any:
        rows = officer.get(f"/oversee/risk/?rule={rule}&format=json").json()["rows"]
        return [row for row in rows if row["key"] == grant["code"]]

    (alert,) = until(lambda: raised("misses"), "an alert about numbers that are tried")
    # The gateway saw that the keys follow one another, and told only how many.
    (counted,) = until(lambda: raised("sequential_keys"), "an alert about keys in sequence")
    assert counted["seen"] >= 10
    page = f"/oversee/risk/{alert['number']}/"
    behind = officer.get(f"{page}calls?format=json").json()["rows"]
    assert len([row for row in behind if row["decision"] == "allow"]) >= 60
    form = officer.get(f"{page}suspend").text
    assert "大量查无此人" in form
    done = officer.post(f"{page}suspend", {"reason": "预警：试号"}, source=f"{page}suspend")
    assert "已由此暂停该授权" in done.text, done.text[:2000]

    def refused() -> bool:
        answer = asked(town, grant, "51160219900101001X")
        return isinstance(answer, Failed) and answer.error.details["code"] == "grant_suspended"

    until(refused, "the gateway to refuse what is suspended")
    # Resumed the usual way, so that the town is as it was for those who come after.
    approver = town.visitor("data-approver")
    of_grant = f"/share/grants/{grant['code']}/"
    approver.post(f"{of_grant}resume", {"reason": "已核实"}, source=of_grant)
    until(lambda: isinstance(asked(town, grant, "51160219900101001X"), Answered), "the grant in force again")

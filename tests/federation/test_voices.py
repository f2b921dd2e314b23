"""Corrections and disputes over three real nodes: a district asks, a city answers, the province above both decides."""

from pathlib import Path

import pytest

from tests.federation.nodes import RealNode, Row, until

pytestmark = pytest.mark.town
HEAD = """
from datetime import date
from guantong.catalog import actions as catalog
from guantong.federation.keys import node_key
from guantong.identity.actions import register_application, register_organisation, register_person
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import actor
from guantong.journal.types import SYSTEM
from guantong.kit.suites import INTERNATIONAL
from guantong.sharing import actions, papers
from guantong.sharing.models import Correction, Dispute, Grant, Request
from guantong.site.node import node_settings
from tests.cast import BUREAU, EDUCATION, PERMITS, POLICE, content, need
at = clock.now()
def organisation(code, name, bureau=False):
    node = node_settings().node
    made = register_organisation(code, name, node=node, division=node + "000000", by=SYSTEM, at=at)
    Organisation.objects.filter(pk=made.pk).update(is_bureau=bureau)
    return made
def person(username, role, place):
    made = register_person(username, username, password="x" * 12, roles=[role], organisation=place, by=SYSTEM, at=at)
    return actor(made)
def who(username):
    return actor(Person.objects.get(username=username))
"""
CITY = """
police, bureau = organisation(POLICE, "市公安局"), organisation(BUREAU, "市数据局", True)
luo, jiang, tian = person("luo", "data_officer", police), person("jiang", "approver", police), person("tian", "approver", bureau)
entry = catalog.draft(catalog.read_content(content()), node="511600", by=luo, at=at)
catalog.publish(catalog.approve(catalog.submit(entry, by=luo, at=at), by=jiang, at=at), by=tian, at=at)
"""
DISTRICT = """
education = organisation(EDUCATION, "区教科体局")
person("xu", "data_officer", education)
key = INTERNATIONAL.generate("one-window").public.to_text()
register_application("one-window", "一窗", organisation=education, public_key=key, clearance=3, by=SYSTEM, at=at)
"""
PROVINCE = """
person("sheng", "approver", organisation("115100000000000001", "省数据局", True))
"""
ASK = """
print(actions.file_request(need(), consumer=Organisation.objects.get(code=EDUCATION), by=who("xu"), at=at).uuid)
"""


def run(node: RealNode, text: str, argument: str = "") -> str:
    return node.script(HEAD + text, argument).strip()


def counted(node: RealNode, table: str, where: str) -> int:
    return int(node.ask(f"SELECT COUNT(*) FROM sharing_{table} WHERE {where}")[0][0])


@pytest.mark.parametrize("on", ["sqlite"])
def test_over_three_levels(tmp_path: Path, on: str) -> None:
    with Row(tmp_path, "510000", "511600", "511602") as row:
        province, city, district = row.nodes
        run(province, PROVINCE)
        run(city, CITY)
        run(district, DISTRICT)
        until(
            lambda: district.ask("SELECT COUNT(*) FROM catalog_resource WHERE is_live")[0][0],
            about="the entry",
        )
        granted = run(district, ASK)
        until(lambda: counted(city, "request", "state = 'waiting'"), about="the request at the city")
        decide = "asked = Request.objects.get(uuid=argument)\n"
        approve = "actions.decide(asked, 'approved', by=who('{}'), at=at)\n"
        run(city, decide + approve.format("jiang") + approve.format("tian"), granted)
        until(lambda: counted(district, "grant", "state = 'active'"), about="the grant at the district")

        report = """
by = who("xu")
proof = papers.register(b"%PDF-1.7", file_name="x.pdf", number="证1", signed_by="社区", signed_on=date(2026, 1, 5), by=by, at=at)
report = actions.Report("content", PERMITS, "有效期不对", item="valid_to", key="511602199003078811")
print(actions.file_correction(report, paper=proof, by=by, at=at).uuid)
"""
        correction = run(district, report)
        until(lambda: counted(city, "correction", "state = 'waiting'"), about="the correction at the city")
        told = (
            "found = Correction.objects.get(uuid=argument)\n"
            "actions.answer_correction(found, 'corrected', words='已更正', by=who('luo'), at=at)"
        )
        run(city, told, correction)
        until(
            lambda: counted(district, "correction", "state = 'corrected'"), about="the answer at the district"
        )
        until(
            lambda: district.ask("SELECT COUNT(*) FROM notices_notice WHERE code = 'value_corrected'")[0][0],
            about="consumers hear",
        )

        refused = run(district, ASK)
        until(lambda: counted(city, "request", "state = 'waiting'"), about="the second request")
        refuse = (
            "actions.decide(asked, 'refused', reason='不妥', ground='beyond_need', by=who('{}'), at=at)\n"
        )
        run(city, decide + approve.format("jiang") + refuse.format("tian"), refused)
        until(lambda: counted(district, "request", "state = 'refused'"), about="the refusal at the district")
        # The district's approver speaks for it in the dispute.
        raise_it = (
            "actions.raise_dispute(Request.objects.get(uuid=argument), words='必要', by=who('xu'), at=at)"
        )
        dispute = run(district, f"print({raise_it}.uuid)", refused)
        until(lambda: counted(city, "dispute", "state = 'open'"), about="the dispute at the city")
        speak = "actions.speak(Dispute.objects.get(uuid=argument), '{}', words='{}', by=who('{}'), at=at)"
        run(city, speak.format("said", "赞成共享", "jiang"), dispute)
        until(lambda: counted(district, "statement", "side = 'provider'"), about="the provider's words")
        run(district, speak.format("taken_up", "请上级定", "xu"), dispute)
        until(lambda: counted(province, "dispute", "stage = 'superior'"), about="the dispute at the province")
        assert counted(province, "statement", "act IN ('raised', 'said')") == 2
        ruled = "actions.rule(Dispute.objects.get(uuid=argument), 'asker', words='应当共享', by=who('sheng'), at=at)"
        run(province, ruled, dispute)
        until(lambda: counted(city, "request", "state = 'waiting'"), about="the request is opened again")
        run(city, decide + approve.format("jiang") + approve.format("tian"), refused)
        run(city, "actions.watch_voices(by=SYSTEM, at=at)")
        for node in (district, province):
            until(
                lambda node=node: counted(node, "dispute", "state = 'carried_out'"),
                about=f"carried out at {node.code}",
            )
        until(lambda: counted(district, "grant", "state = 'active'") == 2, about="the second grant")

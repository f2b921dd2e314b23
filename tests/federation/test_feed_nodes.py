"""The feed between real nodes, web process and worker each: killed on the way, over two levels, taken back and sent again."""

from pathlib import Path

import pytest
from bench.cascade import CHANGE, FILL

from tests.federation.nodes import RealNode, Row, until

ENTRIES = 3_000
REFUSE = """
from guantong.catalog.models import ResourceVersion
broken = ResourceVersion.objects.filter(number__lte=int(argument))
for version in broken:
    version.content["name"] = " "
    version.save()
"""
UNDO = """
from guantong.federation.actions import undoing
from guantong.federation.undoable import Scope
from guantong.journal.types import SYSTEM
undoing.undo(Scope(argument), shown=%d, reason="误收", by=SYSTEM, at=clock.now())
"""
ASK = """
from guantong.federation.actions import learning
from guantong.federation.models import Node
from guantong.journal.types import SYSTEM
learning.ask_again(Node.objects.get(code=argument), by=SYSTEM, at=clock.now())
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> str:
    """The address of the server on which nodes keep their databases; empty for SQLite."""
    return str(request.getfixturevalue("postgresql_url")) if request.param == "postgresql" else ""


def live(node: RealNode) -> int:
    return int(node.ask("SELECT count(*) FROM catalog_resource WHERE is_live")[0][0])


def held(node: RealNode) -> int:
    return int(node.ask("SELECT count(*) FROM catalog_resource")[0][0])


def same(above: RealNode, below: RealNode) -> bool:
    return list(above.entries()) == list(below.entries())


def test_killed_on_the_way_on_either_side_everything_arrives_once(tmp_path: Path, server: str) -> None:
    row = Row(tmp_path, "510000", "511600", postgresql_url=server)
    province, city = row.nodes
    city.script(FILL, str(ENTRIES))
    with row:
        for some, node in ((1, province), (ENTRIES // 3, city), (ENTRIES // 2, province)):
            until(lambda some=some: held(province) >= some, about="the flow")
            node.kill()
            node.start()
        until(lambda: held(province) == ENTRIES, about="the last entry")
        assert same(province, city)
        changed = int(city.script(CHANGE, "10"))
        until(lambda: live(province) == live(city), about="the night's changes")
        assert same(province, city)
        assert live(city) == ENTRIES - changed // 10
        assert province.ask("SELECT count(*) FROM federation_refusedentry") == [(0,)]


def test_over_two_levels_what_is_refused_stays_refused_and_what_is_taken_back_returns(
    tmp_path: Path, server: str
) -> None:
    row = Row(tmp_path, "000000", "510000", "511600", postgresql_url=server)
    nation, province, city = row.nodes
    city.script(FILL, "300")
    city.script(REFUSE, "5")
    with row:
        until(lambda: live(nation) == 295, about="two levels", for_s=120)
        refused = "SELECT count(*), max(code) FROM federation_refusedentry"
        assert province.ask(refused) == [(5, "resource_content_wrong")]
        assert nation.ask(refused) == [(0, None)]
        told = "SELECT refused, sent, failures FROM federation_feedposition WHERE neighbour = '510000'"
        assert city.ask(told) == [(5, 300, 0)]

        province.script(UNDO % 295, "511600")
        until(lambda: (live(province), live(nation)) == (0, 0), about="the taking back")
        city.script(CHANGE, "100")
        until(lambda: city.ask("SELECT failures > 0 FROM federation_feedposition")[0][0], about="the refusal")
        assert "feed_stopped" in str(city.ask("SELECT failure FROM federation_feedposition"))
        assert live(province) == 0

        province.script(ASK, "511600")
        until(
            lambda: live(province) > 0 and live(province) == live(nation) == live(city) - 4, about="again"
        )  # one of the five has been mended by its change
        assert list(nation.entries()) == list(province.entries())

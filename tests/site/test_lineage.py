"""Lineage: every start, both ways, what would break, who may see what, rings, many nodes, the picture and its table."""

import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from django.db.models import QuerySet
from django.test import Client
from tests.cast import (
    BUREAU,
    EDUCATION,
    NODE,
    NOON,
    PERMITS,
    POLICE,
    Cast,
    assemble,
    content,
    need,
    publish_permits,
)

from guantong.catalog import actions as catalog
from guantong.catalog.models import Element, Resource
from guantong.counter.models import Case, ServiceItem
from guantong.dispatch.models import Job, Target
from guantong.identity.models import Person
from guantong.identity.queries import actor
from guantong.journal.models import Receipt
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.sharing import actions as sharing
from guantong.sharing.models import Grant, Step
from guantong.site.lineage.errors import StartUnknown
from guantong.site.lineage.picture import PER_LAYER, layered, picture
from guantong.site.lineage.tracing import trace
from guantong.site.lineage.types import Graph, Node
from guantong.workflow.models import FlowVersion

pytestmark = pytest.mark.django_db
ITEM = "512B0156000000"


@pytest.fixture
def cast() -> Cast:
    """Permits, linked, granted to the education bureau for enrolment, filled into a table, used in a case."""
    found = assemble()
    items = [
        {**i, "element": "DE00001" if i["name"] == "residence_division" else ""} for i in content()["items"]
    ]
    permits = publish_permits(found, items=items)
    Element.objects.create(identifier="DE00001", name="居住地址")
    catalog.link(
        permits, source="police", dialect="sqlite", table="permits",
        columns={"id_number": "sfzh", "residence_division": "xzqh", "valid_to": "yxqz"}, by=actor(found.luo), at=NOON,
    )  # fmt: skip
    filed = sharing.file_request(
        need(modes=["query", "batch"]), consumer=found.education, by=actor(found.xu), at=clock.now()
    )
    for who in (found.jiang, found.tian):
        sharing.decide(filed, "approved", by=actor(who), at=clock.now())
    grant = Grant.objects.get()
    target = Target.objects.create(
        code="t1", name="学籍居住信息", node=NODE, organisation=EDUCATION, source="school", dialect="sqlite", table="residence",
        columns={}, declared_at=NOON, declared_by="x",
    )  # fmt: skip
    Job.objects.create(
        code="j1", name="居住证同步", grant=grant, target=target, resource=PERMITS, provider=POLICE, provider_name="公安",
        consumer=EDUCATION, consumer_name="教育", terms={}, declared_at=NOON, declared_by="x",
    )  # fmt: skip
    item = ServiceItem.objects.create(
        code=ITEM, name="农民工子女入学", department=found.education, task_type="20", division="511602000000",
        materials=[{"name": "居住证", "obtained_from": PERMITS, "law": ""}],
    )  # fmt: skip
    flow = FlowVersion.objects.create(
        name="x", version=1, digest="x", bpmn="", specification={}, published_at=NOON
    )
    Case.objects.create(
        number="2026-0001", item=item, form={"id": "secret"}, applicant_name="王小明", holder_name="王小明", flow=flow,
        flow_state={}, taken_in_by="x", taken_at=NOON,
    )  # fmt: skip
    Receipt.objects.create(
        digest="d", at=NOON, call="c", role="consumer", consumer_organisation=EDUCATION, consumer_application="a",
        consumer_node=NODE, provider_organisation=POLICE, provider_node=NODE, resource=PERMITS, mode="query",
        grant=grant.code, purpose=ITEM, case="2026-0001", decision="allow", raw=b"",
    )  # fmt: skip
    return found


def ids(graph: Graph, side: set[str]) -> set[str]:
    return {re.sub(r"^grant:.*", "grant", each) for each in side}


def grant() -> Grant:
    return Grant.objects.get()


DOWN = {"grant", "job:j1", "target:t1", f"service:{ITEM}"}
FIELDS = {f"item:{PERMITS}#residence_division", f"item:{PERMITS}#valid_to"}


def test_an_entry_both_ways(cast: Cast) -> None:
    graph = trace(f"entry:{PERMITS}", cast.luo)
    assert ids(graph, graph.up) == {"table:police.permits"}
    assert ids(graph, graph.down) == DOWN
    assert graph.hidden == {"case": 1}


def clerk(cast: Cast) -> Person:
    """Somebody who sees all that there is: an overseer of links and grants who works at the counter, too."""
    cast.gao.roles = ["auditor", "clerk"]
    cast.gao.save()
    return cast.gao


def test_a_column_reaches_only_what_comes_of_it(cast: Cast) -> None:
    graph = trace("column:police.permits.xzqh", clerk(cast))
    assert ids(graph, graph.up) == {"table:police.permits"}
    assert ids(graph, graph.down) == {
        f"item:{PERMITS}#residence_division", "element:DE00001", *DOWN, "case:2026-0001",
    }  # fmt: skip
    other = trace("column:police.permits.sfzh", clerk(cast))
    assert ids(other, other.down) == {f"item:{PERMITS}#id_number"}, "no grant has that item"


def test_every_start(cast: Cast) -> None:
    person = clerk(cast)
    code = grant().code
    starts = {
        "table:police.permits": (set(), {f"entry:{PERMITS}", *DOWN, "case:2026-0001"}),
        f"item:{PERMITS}#id_number": ({"column:police.permits.sfzh", "table:police.permits"}, set()),
        f"grant:{code}": (
            {f"entry:{PERMITS}", "table:police.permits"},
            (DOWN - {"grant"}) | {"case:2026-0001"},
        ),
        "job:j1": ({"grant", f"entry:{PERMITS}", "table:police.permits"}, {"target:t1"}),
        "target:t1": ({"job:j1", "grant", f"entry:{PERMITS}", "table:police.permits"}, set()),
        f"service:{ITEM}": ({"grant", f"entry:{PERMITS}", "table:police.permits"}, {"case:2026-0001"}),
        "case:2026-0001": ({f"service:{ITEM}", "grant", f"entry:{PERMITS}", "table:police.permits"}, set()),
    }
    for start, (up, down) in starts.items():
        graph = trace(start, person)
        assert (ids(graph, graph.up), ids(graph, graph.down)) == (up, down), start
    graph = trace("element:DE00001", person)
    assert f"item:{PERMITS}#residence_division" in graph.up
    assert ids(graph, graph.down) == {*DOWN, "case:2026-0001"}


def test_details_stand_for_tables_and_entries(cast: Cast) -> None:
    graph = trace(f"grant:{grant().code}", clerk(cast), is_detailed=True)
    assert graph.up >= FIELDS
    assert "column:police.permits.yxqz" in graph.up
    assert "column:police.permits.sfzh" not in graph.up, "it is not granted"


def test_a_table_that_is_filled_is_a_source_again_and_a_ring_ends(cast: Cast) -> None:
    person = clerk(cast)
    second = publish_permits(cast, code="3070511600001/000002", name="学籍居住信息")
    given: dict[str, Any] = {
        "dialect": "sqlite",
        "columns": {"id_number": "id"},
        "by": actor(cast.luo),
        "at": NOON,
    }
    catalog.link(second, source="school", table="residence", **given)
    graph = trace("table:police.permits", person)
    assert {"table:school.residence", "entry:3070511600001/000002"} <= graph.down
    assert "table:police.permits" in trace("entry:3070511600001/000002", person).up
    catalog.link(Resource.objects.get(code=PERMITS), source="school", table="residence", **given)
    ring = trace(f"entry:{PERMITS}", person)
    assert ring.start.id in ring.nodes
    assert len(layered(ring)) >= 4


def test_who_may_not_see_gets_counts(cast: Cast) -> None:
    stranger = Person.objects.create(username="s", roles=["data_officer"], organisation=cast.bureau)
    cast.bureau.is_bureau = False
    cast.bureau.save()
    Step.objects.all().delete()
    graph = trace(f"entry:{PERMITS}", stranger)
    assert set(graph.nodes) == {f"entry:{PERMITS}"}
    assert graph.hidden == {"table": 1, "grant": 1}
    hidden = ("table:police.permits", "column:police.permits.sfzh", "job:j1", "target:t1", "case:2026-0001")
    for start in (*hidden, f"grant:{grant().code}"):
        with pytest.raises(StartUnknown):
            trace(start, stranger)
    shown = trace(f"service:{ITEM}", stranger)
    assert shown.hidden["case"] == 1
    assert "case:2026-0001" not in shown.nodes


def test_nobody_is_named(cast: Cast, client: Client) -> None:
    client.force_login(clerk(cast))
    for suffix in ("", "&format=json"):
        text = client.get(f"/find/lineage/?start=case:2026-0001{suffix}").content.decode()
        assert "2026-0001" in text
        assert "王小明" not in text
        assert "secret" not in text


UNKNOWN = (
    "", "x", "entry:", "entry:none", "nothing:1", f"item:{PERMITS}#none", "table:.", "column:a.b.c", "case:9", "element:none",
)  # fmt: skip


@pytest.mark.parametrize("start", UNKNOWN)
def test_an_unknown_start_is_refused(cast: Cast, client: Client, start: str) -> None:
    client.force_login(cast.luo)
    assert client.get("/find/lineage/", {"start": start}).status_code == (404 if start else 200)
    assert Client().get("/find/lineage/", {"start": start}).status_code == 302


def test_the_page_draws_tells_and_filters(cast: Cast, client: Client) -> None:
    client.force_login(clerk(cast))
    page = client.get(f"/find/lineage/?start=entry:{PERMITS}").content.decode()
    drawing = page[page.index('<svg class="lineage"') : page.rindex("</svg>") + 6]
    root = ElementTree.fromstring(drawing)  # noqa: S314 - our own drawing
    links = root.findall(".//{http://www.w3.org/2000/svg}a")
    assert len(links) == 7
    assert all(
        link.get("href", "").startswith("/find/lineage/?start=") and link.get("aria-label") for link in links
    )
    assert "1 项授权将落空" in page
    assert "农民工子女入学" in page
    told = client.get(f"/find/lineage/?start=entry:{PERMITS}&format=json").json()
    assert (told["up"], told["down"]["grant"]) == ({"table": 1}, 1)
    assert {"from": "table:police.permits", "to": f"entry:{PERMITS}"} in told["edges"]
    up = client.get(f"/find/lineage/?start=entry:{PERMITS}&side=up&format=json").json()
    assert {node["kind"] for node in up["nodes"]} == {"table", "entry"}
    folded = client.get(f"/find/lineage/?start=entry:{PERMITS}&hide=grant&format=json").json()
    assert {"from": f"entry:{PERMITS}", "to": f"service:{ITEM}"} in folded["edges"], (
        "what lies behind is joined"
    )


def test_many_nodes_stay_readable_and_names_are_escaped() -> None:
    start = Node("entry", "e", '<script>"&', "", "a" * 200)
    graph = Graph(start, {start.id: start})
    for number in range(50):
        node = Node("grant", str(number), f"部门名称很长很长很长很长{number}", "/x?a=1&b=2")
        graph.nodes[node.id] = node
        graph.edges.add((start.id, node.id))
        graph.down.add(node.id)
    drawing = picture(
        graph, href=lambda node: node.href, word=str, title="<t>", more=lambda count: f"and {count} more"
    )
    root = ElementTree.fromstring(drawing)  # noqa: S314 - our own drawing
    boxes = root.findall(".//{http://www.w3.org/2000/svg}rect")
    assert len(boxes) == 1 + PER_LAYER
    assert f"and {50 - PER_LAYER} more" in drawing
    tops = sorted(float(box.get("y", "0")) for box in boxes[1:])
    assert all(below - above >= 40 for above, below in pairwise(tops)), "no box lies on another"
    assert "<script>" not in drawing


def test_queries_do_not_grow_with_every_node(cast: Cast, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(60):
        trace(f"entry:{PERMITS}", clerk(cast))
    assert isinstance(Grant.objects.all(), QuerySet)
    assert BUREAU
    assert SYSTEM

"""DCAT: the profile's constraints, both syntaxes saying the same, pages, memory, nasty names, the block on the page."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import rdflib
from django.conf import settings
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyshacl import validate
from rdflib.compare import isomorphic
from tests.cast import NOON, PERMITS, Cast, assemble, publish_permits

from guantong.catalog import actions
from guantong.catalog.faces import rdf, reading
from guantong.catalog.faces.rdf import Iri, Literal, Node
from guantong.catalog.models import Link, Resource
from guantong.catalog.search import finding
from guantong.identity.queries import actor
from guantong.journal.types import SYSTEM

# rdflib's own readers and pyshacl still use names that rdflib gives up.
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
SHAPES = Path(os.environ.get("GUANTONG_DCAT_AP_SHAPES", Path(__file__).parent / "data" / "dcat-ap-3.ttl"))
DCAT = rdflib.Namespace("http://www.w3.org/ns/dcat#")
DCT = rdflib.Namespace("http://purl.org/dc/terms/")
NASTY = 'a</script><script>alert(1)</script><!-- "quoted" \\u0041 \\ \n . ; @en ^^<x> \u2028 é 𠮷'


@pytest.fixture
def cast(db: None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cast]:
    monkeypatch.setattr(settings, "NODE", replace(settings.NODE, home=tmp_path))
    found = assemble()
    publish_permits(found)
    yield found
    finding.index_at.cache_clear()


def fill(cast: Cast, count: int) -> None:
    for number in range(2, count + 2):
        publish_permits(cast, code=f"3070511600001/{number:06}", name=f"居住证签注{number}", keywords=["居住", "签注"],
                        related=[PERMITS], is_open=number % 2 == 0, office="户政科")  # fmt: skip
    actions.link(
        Resource.objects.get(code=PERMITS), source="police", dialect="sqlite", table="permits",
        columns={"id_number": "id"}, by=actor(cast.luo), at=NOON,
    )  # fmt: skip


def whole(response: Any) -> str:
    return b"".join(response).decode()


def graph(text: str, form: str) -> rdflib.Graph:
    return rdflib.Graph().parse(data=text, format={"ttl": "turtle", "jsonld": "json-ld"}[form])


def conforms(found: rdflib.Graph) -> str:
    """Nothing, or what breaks the profile."""
    is_good, _, words = validate(found, shacl_graph=str(SHAPES), shacl_graph_format="turtle")
    return "" if is_good else words


@pytest.mark.parametrize("form", ["ttl", "jsonld"])
def test_the_catalogue_keeps_to_the_profile(cast: Cast, client: Client, form: str) -> None:
    fill(cast, 5)
    found = graph(whole(client.get(f"/dcat/catalogue.{form}")), form)
    assert conforms(found) == ""
    assert len(list(found.subjects(rdflib.RDF.type, DCAT.Dataset))) == 6
    (served,) = found.subjects(rdflib.RDF.type, DCAT.Distribution)
    assert f"/find/{PERMITS}/#distribution" in str(served)


def test_the_constraints_do_refuse(cast: Cast, client: Client) -> None:
    found = graph(whole(client.get("/dcat/catalogue.ttl")), "ttl")
    for subject, wanted in (
        (DCAT.Dataset, DCT.title),
        (DCAT.Catalog, DCT.publisher),
        (DCAT.DataService, DCAT.endpointURL),
    ):
        broken = graph(found.serialize(format="turtle"), "ttl")
        broken.remove((next(found.subjects(rdflib.RDF.type, subject)), wanted, None))
        assert conforms(broken), (subject, wanted)
    untyped = graph(found.serialize(format="turtle"), "ttl")
    untyped.remove((None, rdflib.RDF.type, rdflib.URIRef(DCT.Frequency)))
    assert conforms(untyped)


def test_an_entry_and_both_syntaxes_say_the_same(cast: Cast, client: Client) -> None:
    fill(cast, 3)
    for path in ("/dcat/catalogue", f"/find/{PERMITS}"):
        one = graph(whole(client.get(f"{path}.ttl")), "ttl")
        other = graph(whole(client.get(f"{path}.jsonld")), "jsonld")
        view = rdflib.URIRef("http://www.w3.org/ns/hydra/core#PartialCollectionView")
        for each in (one, other):
            for node in list(each.subjects(rdflib.RDF.type, view)):
                each.remove((node, None, None))
                each.remove((None, None, node))
        assert isomorphic(one, other), path
        assert conforms(one) == ""


def test_pages_lead_on_and_hold_everything_once(cast: Cast, client: Client) -> None:
    fill(cast, 6)
    where, seen = "/dcat/catalogue.ttl?limit=3", []
    hydra = rdflib.Namespace("http://www.w3.org/ns/hydra/core#")
    for _ in range(3):
        response = client.get(where)
        found = graph(whole(response), "ttl")
        assert conforms(found) == ""
        seen += list(found.subjects(rdflib.RDF.type, DCAT.Dataset))
        assert [int(total) for total in found.objects(None, hydra.totalItems)] == [7]
        following = list(found.objects(None, hydra.next))
        assert ('rel="next"' in response["Link"]) == bool(following)
        where = str(following[0]) if following else ""
    assert where == ""
    assert len(seen) == len(set(seen)) == 7


def test_a_page_is_read_in_slabs(
    cast: Cast, client: Client, django_assert_max_num_queries: Any, monkeypatch: Any
) -> None:
    fill(cast, 6)
    monkeypatch.setattr(reading, "SLAB", 2)
    assert [len(slab) for slab in reading.live_slabs(0, 5)] == [2, 2, 1]
    response = client.get("/dcat/catalogue.ttl")
    assert response.streaming
    with django_assert_max_num_queries(10):
        assert whole(response).count("a dcat:Dataset") == 7


def test_negotiation_and_etags(cast: Cast, client: Client) -> None:
    for accept, where in (
        ("text/turtle", ".ttl"),
        ("application/ld+json", ".jsonld"),
        ("*/*", ".ttl"),
        ("application/ld+json;q=0.9, text/turtle;q=0.1", ".jsonld"),
    ):
        answer = client.get("/dcat/?limit=5", headers={"accept": accept})
        assert (answer.status_code, answer["Location"]) == (303, f"/dcat/catalogue{where}?limit=5"), accept
    refused = client.get("/dcat/", headers={"accept": "image/png"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (406, "form_not_offered")
    for accept, where in (
        ("text/turtle", f"/find/{PERMITS}.ttl"),
        ("application/ld+json", f"/find/{PERMITS}.jsonld"),
        ("application/json", f"/api/catalog/v1/entries/{PERMITS}"),
    ):
        answer = client.get(f"/find/{PERMITS}/", headers={"accept": accept})
        assert (answer.status_code, answer["Location"]) == (303, where)
    for accept in ("text/html", "*/*", "text/html,application/xhtml+xml,*/*;q=0.8"):
        assert client.get(f"/find/{PERMITS}/", headers={"accept": accept}).status_code == 200
    first = client.get("/dcat/catalogue.ttl")
    assert client.get("/dcat/catalogue.ttl", headers={"if-none-match": first["ETag"]}).status_code == 304
    publish_permits(cast, code="3070511600001/000002")
    actions.number_changes(by=SYSTEM, at=NOON)
    second = client.get("/dcat/catalogue.ttl", headers={"if-none-match": first["ETag"]})
    assert second.status_code == 200
    fill_link(cast)
    assert client.get("/dcat/catalogue.ttl", headers={"if-none-match": second["ETag"]}).status_code == 200


def fill_link(cast: Cast) -> Link:
    return actions.link(
        Resource.objects.get(code=PERMITS), source="police", dialect="sqlite", table="permits",
        columns={"id_number": "id"}, by=actor(cast.luo), at=NOON,
    )  # fmt: skip


class Blocks(HTMLParser):
    """The script elements of a page, as a browser sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._kind: str | None = None

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "script":
            self._kind = dict(attrs).get("type") or ""
            self.found.append((self._kind, ""))

    def handle_data(self, data: str) -> None:
        if self._kind is not None:
            self.found[-1] = (self._kind, self.found[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._kind = None


def test_the_block_on_the_page_cannot_break_out(cast: Cast, client: Client) -> None:
    nasty = NASTY.replace("\n", " ")
    publish_permits(cast, code="3070511600001/000002", name=nasty, summary=NASTY, keywords=[nasty])
    page = client.get("/find/3070511600001/000002/").content.decode()
    blocks = Blocks()
    blocks.feed(page)
    assert "alert(1)</script>" not in page
    (block,) = (text for kind, text in blocks.found if kind == "application/ld+json")
    assert not re.search(r"[<>&\u2028]", block)
    told = json.loads(block)
    assert (told["name"], told["description"], told["keywords"]) == (nasty, NASTY, [nasty])
    assert told["@id"].endswith("/find/3070511600001/000002/#dataset")
    for form in ("ttl", "jsonld"):
        found = graph(whole(client.get(f"/find/3070511600001/000002.{form}")), form)
        assert rdflib.Literal(nasty, lang="zh") in set(found.objects(None, DCT.title)), form
        assert conforms(found) == ""


def test_a_draft_has_no_block(cast: Cast, client: Client) -> None:
    actions.withdraw(Resource.objects.get(), by=actor(cast.jiang), at=NOON)
    client.force_login(cast.luo)
    assert "ld+json" not in client.get(f"/find/{PERMITS}/").content.decode()
    assert client.get(f"/find/{PERMITS}.ttl").status_code == 410
    assert client.get("/find/3070511600001/000099.ttl").status_code == 404


TEXTS = st.text(max_size=60) | st.sampled_from(
    [NASTY, "\x00", "\ud800", '"""', "\\", "\r\n", "\x7f\x85", "<>"]
)


@given(iri=TEXTS, texts=st.lists(TEXTS, min_size=1, max_size=4), language=st.sampled_from(["", "zh", "en"]))
@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_said_is_read_back_in_both_syntaxes(iri: str, texts: list[str], language: str) -> None:
    subject = Iri(f"https://node.example/{iri}")
    said = tuple(("dct:title", Literal(text, language)) for text in texts)
    node = Node(subject, "dcat:Dataset", (*said, ("dct:relation", Iri(f"urn:x:{iri}"))))
    wanted = {rdflib.Literal(literal.text, lang=language or None) for _, literal in said}
    for form, writer in (("ttl", rdf.turtle), ("jsonld", rdf.json_ld)):
        text = "".join(writer([node]))
        found = graph(text.encode().decode(), form)
        assert set(found.objects(rdflib.URIRef(subject.text), DCT.title)) == wanted, form
        assert (
            rdflib.URIRef(subject.text),
            DCT.relation,
            rdflib.URIRef(Iri(f"urn:x:{iri}").text),
        ) in found, form

"""Edges: who adds one, how it enrols with its token and key, what is told of it, who retires it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.test import Client

from guantong import __version__
from guantong.bundle import enrolment
from guantong.bundle.enrolment import EnrolmentProofWrong
from guantong.dispatch import actions, edge_news, queries
from guantong.dispatch.errors import (
    EdgeInUse,
    EdgeStateWrong,
    EdgeWrong,
    EnrolmentRefused,
    EnrolmentUnreadable,
    NotYourEdge,
    TokenExpired,
    TooManyAttempts,
)
from guantong.dispatch.models import Edge
from guantong.dispatch.types import EdgeDeclaration
from guantong.journal.models import Alert, Entry, OutboxMessage
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.kit.suites import INTERNATIONAL
from guantong.site.node import node_settings
from tests.cast import NOON
from tests.dispatch.cast import Desk, later
from tests.dispatch.test_pages import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Any:
    with clock.frozen(NOON):
        yield Desk(NOON)


def added(desk: Desk, **changes: Any) -> Edge:
    said = msgspec.convert({"name": "教科体局前置机", "sources": ["education"], **changes}, EdgeDeclaration)
    return actions.declare_edge(said, organisation=desk.cast.education, by=desk.xu, at=NOON)


def enrolled(desk: Desk, edge: Edge, **changes: Any) -> Edge:
    token = actions.renew_token(edge, by=desk.xu, at=NOON)
    key = INTERNATIONAL.generate("edge.example")
    said = {
        "code": edge.code,
        "token": token,
        "key": key.public.to_text(),
        "proof": enrolment.prove(edge.code, token, key),
    }
    return actions.enrol_edge(**{**said, **changes}, by=SYSTEM, at=NOON)


def heard(folder: Path, edge: Edge, **news: Any) -> None:
    told = {"seen_at": clock.rfc3339(NOON), "skew_ms": 0, "version": __version__, "sequence": 3, "jobs": []}
    (folder / "edges").mkdir(parents=True, exist_ok=True)
    (folder / "edges" / f"{edge.code}.json").write_text(json.dumps({**told, **news}), "utf-8")


def test_an_edge_is_added_enrols_and_is_in_the_bundle(desk: Desk) -> None:
    edge = added(desk)
    assert queries.compiled_edges() == {}
    key = enrolled(desk, edge).key
    (compiled,) = queries.compiled_edges().values()
    assert (compiled.id, compiled.key, compiled.sources) == (edge.code, key, ["education"])
    acts = Entry.objects.filter(subject_id=edge.code).order_by("pk").values_list("act", flat=True)
    assert list(acts) == ["edge.declared", "edge.token_renewed", "edge.enrolled"]
    stale = OutboxMessage.objects.filter(topic="bundle.stale", payload__because="edge.enrolled")
    assert stale.count() == 1


def test_the_token_is_kept_nowhere_and_enrols_once(desk: Desk) -> None:
    edge = added(desk)
    token = actions.renew_token(edge, by=desk.xu, at=NOON)
    edge.refresh_from_db()
    assert token not in json.dumps(edge.__dict__, default=str)
    assert not Entry.objects.filter(details__icontains=token).exists()
    key = INTERNATIONAL.generate("edge.example")
    # Typed in small letters and without hyphens it is the same token.
    typed = token.lower().replace("-", " ")
    said = {"key": key.public.to_text(), "proof": enrolment.prove(edge.code, token, key)}
    actions.enrol_edge(edge.code, typed, **said, by=SYSTEM, at=NOON)
    with pytest.raises(EnrolmentRefused):
        actions.enrol_edge(edge.code, token, **said, by=SYSTEM, at=NOON)


def test_wrong_tokens_are_counted_and_make_it_void(desk: Desk) -> None:
    edge = added(desk)
    actions.renew_token(edge, by=desk.xu, at=NOON)
    key = INTERNATIONAL.generate("edge.example")

    def guess() -> None:
        proof = enrolment.prove(edge.code, "AAAA", key)
        actions.enrol_edge(edge.code, "AAAA", key.public.to_text(), proof, by=SYSTEM, at=NOON)

    for _ in range(5):
        with pytest.raises(EnrolmentRefused):
            guess()
    with pytest.raises(TooManyAttempts):
        guess()
    assert enrolled(desk, edge).state == "active"


def test_what_is_wrong_with_an_enrolment_is_said(desk: Desk) -> None:
    edge = added(desk)
    stranger = INTERNATIONAL.generate("stranger.example")
    for changes, error in (
        ({"code": "QZ511600-00000000"}, EnrolmentRefused),
        ({"key": "no key"}, EnrolmentUnreadable),
        ({"key": stranger.public.to_text()}, EnrolmentProofWrong),
        ({"proof": "{}"}, EnrolmentProofWrong),
    ):
        with pytest.raises(error):
            enrolled(desk, edge, **changes)
    token = actions.renew_token(edge, by=desk.xu, at=NOON)
    proof = enrolment.prove(edge.code, token, stranger)
    late = NOON + timedelta(days=1)
    with pytest.raises(TokenExpired):
        actions.enrol_edge(edge.code, token, stranger.public.to_text(), proof, by=SYSTEM, at=late)
    assert Edge.objects.get().key == ""


def test_a_key_belongs_to_one_edge(desk: Desk) -> None:
    one, other = added(desk), added(desk, sources=["school"])
    key = INTERNATIONAL.generate("edge.example")
    for edge in (one, other):
        token = actions.renew_token(edge, by=desk.xu, at=NOON)
        said = (edge.code, token, key.public.to_text(), enrolment.prove(edge.code, token, key))
        if edge == one:
            actions.enrol_edge(*said, by=SYSTEM, at=NOON)
        else:
            with pytest.raises(EdgeWrong):
                actions.enrol_edge(*said, by=SYSTEM, at=NOON)


def test_a_source_is_served_by_one_edge(desk: Desk) -> None:
    edge = added(desk)
    for sources in (["education"], ["x", "x"]):
        with pytest.raises(EdgeWrong):
            added(desk, sources=sources)
    said = EdgeDeclaration(name="x", sources=["education", "school"])
    assert actions.change_edge(edge, said, by=desk.xu, at=NOON).sources == ["education", "school"]


def test_only_its_organisation_and_the_bureau_handle_an_edge(desk: Desk) -> None:
    edge = added(desk)
    luo, tian = desk.cast.as_actor(desk.cast.luo), desk.cast.as_actor(desk.cast.tian)
    for act in (actions.renew_token, actions.retire_edge):
        with pytest.raises(NotYourEdge):
            act(edge, by=luo, at=NOON)
    with pytest.raises(NotYourEdge):
        actions.declare_edge(
            EdgeDeclaration(name="x", sources=["y"]), organisation=desk.cast.education, by=luo, at=NOON
        )
    actions.retire_edge(edge, by=tian, at=NOON)
    with pytest.raises(EdgeStateWrong):
        actions.renew_token(edge, by=tian, at=NOON)


def test_an_edge_that_jobs_use_is_not_retired(desk: Desk) -> None:
    edge = enrolled(desk, added(desk))
    job = desk.declare()
    with pytest.raises(EdgeInUse):
        actions.retire_edge(edge, by=desk.xu, at=NOON)
    actions.pause(job, by=desk.xu, at=NOON)
    actions.retire_edge(edge, by=desk.xu, at=NOON)
    assert queries.compiled_edges() == {}


def test_an_edge_that_is_silent_or_skewed_is_told_of_once(desk: Desk, tmp_path: Path) -> None:
    edge = enrolled(desk, added(desk))
    heard(tmp_path, edge, skew_ms=-61_000)
    for seconds, codes in ((1, ["edge_skewed"]), (2, []), (400, ["edge_silent"]), (500, [])):
        assert actions.watch_edges(tmp_path, by=SYSTEM, at=later(NOON, seconds)) == len(codes)
    heard(tmp_path, edge, seen_at=clock.rfc3339(later(NOON, 600)))
    assert actions.watch_edges(tmp_path, by=SYSTEM, at=later(NOON, 601)) == 0
    assert set(Alert.objects.values_list("code", flat=True)) == {"edge_skewed", "edge_silent"}
    # It has been well since, so another silence is told again as soon as somebody has seen the first alert.
    Alert.objects.update(seen_at=NOON)
    assert actions.watch_edges(tmp_path, by=SYSTEM, at=later(NOON, 2000)) == 1


def test_news_that_cannot_be_read_are_no_news(desk: Desk, tmp_path: Path) -> None:
    edge = enrolled(desk, added(desk))
    (tmp_path / "edges").mkdir()
    for text in ("", "[]", '{"seen_at": 7}', '{"seen_at": "x"}'):
        (tmp_path / "edges" / f"{edge.code}.json").write_text(text)
        assert edge_news.of(tmp_path, edge, at=NOON).seen_at is None


# ── the pages and the door ──


def test_the_pages_lead_from_the_form_to_the_token(desk: Desk) -> None:
    xu = signed_in("xu")
    answer = xu.post(
        "/share/edges/add",
        {"name": "前置机", "organisation": desk.cast.education.code, "sources": "education，school"},
    )
    edge = Edge.objects.get()
    assert answer["Location"] == f"/share/edges/{edge.code}/"
    assert edge.sources == ["education", "school"]
    page = xu.post(f"/share/edges/{edge.code}/token").content.decode()
    assert "guantong edge join" in page
    assert "接入口令" in page
    assert xu.get(f"/share/edges/{edge.code}/").status_code == 200
    changed = {"name": "新名", "organisation": edge.organisation, "sources": "education"}
    assert xu.post(f"/share/edges/{edge.code}/change", changed).status_code == 302
    assert xu.get(f"/share/edges/{edge.code}/retire").status_code == 200
    assert Edge.objects.get().state == "waiting"
    xu.post(f"/share/edges/{edge.code}/retire")
    assert Edge.objects.get().state == "retired"
    assert xu.get("/share/edges/?format=json&state=retired").json()["total"] == 1
    assert xu.get("/share/edges/?format=json&q=nothing").json()["total"] == 0


def test_the_form_says_what_is_wrong(desk: Desk) -> None:
    xu, own = signed_in("xu"), desk.cast.education.code
    for values in (
        {"name": "x", "organisation": desk.cast.police.code, "sources": "a"},
        {"name": "x", "organisation": own, "sources": "../etc"},
        {"name": "", "organisation": own, "sources": "a"},
        {"name": "x", "organisation": own, "sources": "a a"},
    ):
        assert xu.post("/share/edges/add", values).status_code == 422, values
    assert not Edge.objects.exists()


def test_edges_are_seen_by_their_own_the_bureau_and_the_auditor(desk: Desk) -> None:
    edge = added(desk)
    for username, status in (("xu", 200), ("gao", 200), ("luo", 404), ("jiang", 403)):
        assert signed_in(username).get(f"/share/edges/{edge.code}/").status_code == status, username
    assert signed_in("gao").post(f"/share/edges/{edge.code}/token").status_code == 403


def test_an_edge_enrols_over_http(desk: Desk) -> None:
    edge = added(desk)
    token = actions.renew_token(edge, by=desk.xu, at=NOON)
    key = INTERNATIONAL.generate("edge.example")
    said = {
        "code": edge.code,
        "token": token,
        "key": key.public.to_text(),
        "proof": enrolment.prove(edge.code, token, key),
    }
    door = Client(enforce_csrf_checks=True)

    def ask(body: Any) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return door.post("/exchange/edges/enrol", raw, content_type="application/json")

    for wrong in (b"", b"[]", b"{", b'{"code":1}', {**said, "more": 1}, {**said, "code": "a\0b"}):
        answer = ask(wrong)
        assert answer.status_code == 400, wrong
        assert answer.json()["error"]["code"] == "enrolment_unreadable"
    refused = ask({**said, "token": "AAAA"})
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "enrolment_refused"
    told = ask(said)
    assert told.status_code == 200
    own = (node_settings().key_folder / "node.key").read_text("utf-8")
    assert told.json() | {"node": "511600", "edge": edge.code, "sources": ["education"]} == told.json()
    assert told.json()["node_key"].split("+")[0] in own
    assert door.get("/exchange/edges/enrol").status_code == 405

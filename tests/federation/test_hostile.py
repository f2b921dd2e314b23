"""What a malicious or careless node may not do to this one: to its departments, numbers, applications, log."""

import uuid
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.test import Client

from guantong.catalog.models import Resource
from guantong.evidence.agreements import PLEDGE_KIND, digest_of
from guantong.federation.actions import joining, messages
from guantong.federation.cards import LARGEST_CARD, read_card
from guantong.federation.errors import (
    CardWrong,
    MessageMisrouted,
    MessageNotEntitled,
    MessageTooLong,
    MessageWrong,
    NodeConfirmed,
    TooManyWaiting,
)
from guantong.federation.models import InboxMessage, Node, Relation
from guantong.identity.errors import ApplicationCodeTaken, OrganisationOfAnotherNode
from guantong.journal.models import Entry, OutboxMessage
from guantong.journal.types import SYSTEM
from guantong.kit import clock, envelope
from guantong.kit.errors import GuantongError
from guantong.kit.suites import INTERNATIONAL, SigningKey, VerifyKey
from guantong.sharing import actions
from guantong.sharing.agreements.statements import ASKED
from guantong.sharing.errors import (
    FieldNotInResource,
    NotShared,
    NumberTaken,
    ResourceOfAnotherNode,
    TermsWrong,
)
from guantong.sharing.models import Grant, Request, Step
from tests.cast import EDUCATION, NODE, NOON, PERMITS, POLICE, content, need, publish_permits
from tests.federation import test_messages as town
from tests.federation.test_messages import EDGE, NATION, PROVINCE, card, message, terms

pytestmark = pytest.mark.django_db
LATER = clock.rfc3339(NOON + timedelta(days=1))


def receive(key: SigningKey, topic: str, payload: dict[str, Any], **changes: Any) -> None:
    messages.receive(message(key, topic, payload, **changes), own=NODE, at=NOON)


def application(code: str = "province-app") -> dict[str, Any]:
    key = INTERNATIONAL.generate(code).public.to_text()
    return {"code": code, "name": "应用", "public_key": key, "clearance": 3}


def filing(**changes: Any) -> dict[str, Any]:
    values = {
        "uuid": str(uuid.uuid4()),
        "number": "SQ510000202611200001",
        "resource": PERMITS,
        "consumer": "510000-0001",
        "consumer_name": "省教育厅",
        "consumer_node": "510000",
        "applications": [application()],
        "fields": ["valid_to"],
        "modes": ["query"],
        "purpose": "p",
        "purpose_text": "p",
        "legal_basis": "l",
        "per_day": 10,
        "per_second": 1,
        "days": 10,
        "pledge": "sha-256:00",
        "pledged_by": "某",
        "filed_by": "某",
        "filed_at": clock.rfc3339(NOON),
    }
    return pledged({**values, **changes})


def pledged(values: dict[str, Any]) -> dict[str, Any]:
    """The filing with the pledge that its department and the province signed to it."""
    own = INTERNATIONAL.generate("510000.guantong.example/organisation/education")
    body = {
        **{name: values[name] for name in ("number", "consumer", "pledged_by")},
        "request": values["uuid"],
        "node": values["consumer_node"],
        "key": own.public.to_text(),
        "asked": {name: values.get(name, "") for name in ASKED},
    }
    statement = envelope.seal(PLEDGE_KIND, body, own, PROVINCE)
    return {**values, "pledge": digest_of(statement), "pledge_statement": statement.decode()}


# Requests


def test_a_request_without_a_pledge_signed_by_its_node_is_refused() -> None:
    publish_permits(town.tree())
    without = {**filing(), "pledge_statement": ""}
    another = {**filing(), "pledge_statement": filing(fields=["id_number"])["pledge_statement"]}
    for payload in (without, another):
        with pytest.raises(GuantongError):
            receive(PROVINCE, "request.filed", payload)
    assert not Request.objects.exists()


def test_a_request_from_another_node_is_taken_in_and_waits_for_our_department() -> None:
    publish_permits(town.tree())
    receive(PROVINCE, "request.filed", filing())
    asked = Request.objects.get()
    assert (asked.provider, asked.provider_name, asked.provider_node) == (POLICE, "广安市公安局", NODE)
    assert asked.steps.get(position=0).decider == POLICE


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"consumer_node": "000000", "number": "SQ000000202611200001"}, MessageNotEntitled),
        ({"consumer": EDUCATION}, OrganisationOfAnotherNode),
        ({"number": "SQ511600202611200001"}, NumberTaken),
        ({"fields": ["blood_type"]}, FieldNotInResource),
        ({"resource": "1010000000001/000009"}, GuantongError),
        ({"applications": [application("one-window")]}, ApplicationCodeTaken),
        ({"applications": [{**application(), "public_key": "none"}]}, TermsWrong),
        ({"applications": []}, MessageWrong),
        ({"per_day": 10**12}, MessageWrong),
        ({"days": 10**6}, MessageWrong),
        ({"state": "granted"}, MessageWrong),
        ({"id": 1}, MessageWrong),
        ({"provider": "510000-0001"}, MessageWrong),
        ({"filed_at": "yesterday"}, GuantongError),
        ({"purpose": "长" * 200}, MessageWrong),
    ],
)
def test_a_request_says_no_more_than_its_sender_may(
    changes: dict[str, Any], error: type[GuantongError]
) -> None:
    publish_permits(town.tree())
    with pytest.raises(error):
        receive(PROVINCE, "request.filed", filing(**changes))
    assert not Request.objects.exists()
    assert not InboxMessage.objects.exists()


def test_a_number_is_taken_once() -> None:
    publish_permits(town.tree())
    receive(PROVINCE, "request.filed", filing())
    with pytest.raises(NumberTaken):
        receive(PROVINCE, "request.filed", filing())


def test_data_not_shared_by_law_is_refused_to_other_nodes_too() -> None:
    publish_permits(town.tree(), sharing_type="not_shared", sharing_basis="《某法》")
    with pytest.raises(NotShared):
        receive(PROVINCE, "request.filed", filing())


def test_a_request_for_another_nodes_resource_is_not_ours_to_take() -> None:
    resource = publish_permits(town.tree())
    Resource.objects.filter(pk=resource.pk).update(node="000000")
    with pytest.raises(ResourceOfAnotherNode):
        receive(PROVINCE, "request.filed", filing())


# Grants


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "GX510000SQ1"}, NumberTaken),
        ({"resource": "1010010000001/000002"}, TermsWrong),
        ({"fields": ["blood_type"]}, FieldNotInResource),
        ({"masks": {"blood_type": "none"}}, FieldNotInResource),
        ({"not_after": clock.rfc3339(NOON - timedelta(days=1))}, TermsWrong),
        ({"not_after": "never"}, TermsWrong),
        ({"not_after": "2126-11-20T00:00:00.000Z"}, TermsWrong),
        ({"per_second": 0}, TermsWrong),
        ({"max_rows": 10**9}, TermsWrong),
        ({"modes": ["delete"]}, TermsWrong),
        ({"state": "active"}, TermsWrong),
        ({"consumer": POLICE, "consumer_node": "510000"}, OrganisationOfAnotherNode),
        ({"consumer_node": "510000", "applications": [application("one-window")]}, ApplicationCodeTaken),
        (
            {"provider": POLICE, "resource_content": content(code="1010010000001/000001")},
            OrganisationOfAnotherNode,
        ),
    ],
)
def test_a_grant_that_no_bundle_should_carry_is_refused(
    changes: dict[str, Any], error: type[GuantongError]
) -> None:
    town.tree()
    with pytest.raises(error):
        receive(NATION, "grant.issued", terms(**changes))
    assert not Grant.objects.exists()


def test_nobody_grants_the_use_of_anothers_resource() -> None:
    publish_permits(town.tree())
    stolen = terms(resource=PERMITS, resource_content=content(provider="P"))
    with pytest.raises(ResourceOfAnotherNode):
        receive(NATION, "grant.issued", stolen)


def test_an_issued_grant_is_not_rewritten_by_another_message() -> None:
    town.tree()
    receive(NATION, "grant.issued", terms())
    with pytest.raises(NumberTaken):
        receive(NATION, "grant.issued", terms(per_day=100_000))
    assert Grant.objects.get().terms["per_day"] == 1


def test_only_the_providers_node_says_how_a_grant_stands_and_only_the_consumers_what_it_wishes() -> None:
    town.tree()
    receive(NATION, "grant.issued", terms())
    grant = Grant.objects.get()
    names = ("fields", "modes", "masks", "per_second", "per_day", "max_rows", "not_after", "agreement")
    told = {
        **{name: grant.terms[name] for name in names},
        "condition": [],
        "code": grant.code,
        "revision": 1,
        "act": "suspended",
        "state": "suspended",
        "reason": "核查",
        "said_by": "部",
        "said_at": "2026-11-20T04:00:00.000Z",
    }
    wish = {"code": grant.code, "act": "return", "narrowing": {}, "reason": "", "said_by": "许数"}
    for topic, payload in (("grant.changed", told), ("grant.wished", wish)):
        with pytest.raises(MessageNotEntitled):
            receive(PROVINCE, topic, payload)
    grant.refresh_from_db()
    assert (grant.state, grant.revision) == ("active", 0)
    receive(NATION, "grant.changed", told, is_for_route=True)
    grant.refresh_from_db()
    assert (grant.state, grant.revision) == ("suspended", 1)


def test_two_nodes_applications_of_one_name_do_not_push_each_other_out() -> None:
    town.tree()
    receive(NATION, "grant.issued", terms(consumer_node="510000", applications=[application("shared-name")]))
    rival = terms(code="GX000000SQ2", consumer_node="511602", consumer="D")
    with pytest.raises(ApplicationCodeTaken):
        receive(NATION, "grant.issued", {**rival, "applications": [application("shared-name")]})


# Decisions


def test_a_provider_cannot_make_our_people_decide_its_own_steps() -> None:
    cast = town.tree()
    resource = publish_permits(cast)
    Resource.objects.filter(pk=resource.pk).update(node="000000")
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    step = {
        "position": 0,
        "kind": "bureau",
        "decider": cast.bureau.code,
        "decider_name": "数据局",
        "decision": "",
        "reason": "",
        "decided_by": "",
        "decided_at": None,
    }
    told = {"uuid": str(asked.uuid), "state": "waiting", "steps": [step]}
    with pytest.raises(OrganisationOfAnotherNode):
        receive(NATION, "request.decided", told)
    Step.objects.create(request=asked, **step)
    with pytest.raises(GuantongError) as refused:
        actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=NOON)
    assert refused.value.code == "not_your_decision"
    assert not Grant.objects.exists()


def test_a_decided_request_stays_decided() -> None:
    cast = town.tree()
    resource = publish_permits(cast)
    Resource.objects.filter(pk=resource.pk).update(node="000000")
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    for state in ("granted", "waiting"):
        receive(NATION, "request.decided", {"uuid": str(asked.uuid), "state": state, "steps": []})
    asked.refresh_from_db()
    assert asked.state == "granted"


# Messages


def test_nobody_uses_up_the_identifier_of_anothers_next_message() -> None:
    town.tree()
    identifier = str(uuid.uuid4())
    receive(PROVINCE, "node.cards", {"cards": []}, id=identifier)
    receive(NATION, "grant.issued", terms(), id=identifier)
    assert Grant.objects.exists()


def test_a_message_that_does_not_lie_on_our_way_is_not_passed_on() -> None:
    town.tree()
    with pytest.raises(MessageMisrouted):
        receive(NATION, "request.decided", {}, to="510000")
    assert not OutboxMessage.objects.filter(topic="relay.message").exists()


def test_only_grants_and_their_end_are_for_a_whole_route() -> None:
    town.tree()
    with pytest.raises(MessageNotEntitled):
        receive(PROVINCE, "node.cards", {"cards": []}, is_for_route=True)


@pytest.mark.parametrize("topic", ["node.cards", "feed.told", "request.filed", "request.decided",
                                   "grant.issued", "grant.revoked", "grant.changed", "grant.wished", "grant.agreement",
                                   "weather.changed"])  # fmt: skip
def test_an_empty_message_is_a_refusal_not_an_accident(topic: str) -> None:
    town.tree()
    for payload in ({}, {"cards": 1, "entries": 1, "uuid": "x", "code": 1}, {"cards": [1], "entries": [1]}):
        with pytest.raises(GuantongError) as refused:
            receive(PROVINCE, topic, payload)
        assert 400 <= refused.value.status < 500


def test_nul_and_oversized_messages_are_refused() -> None:
    town.tree()
    with pytest.raises(MessageWrong):
        receive(NATION, "grant.issued", terms(purpose_text="a\0b"))
    with pytest.raises(MessageTooLong):
        messages.receive(b"x" * (messages.LARGEST + 1), own=NODE, at=NOON)


# Cards


def test_an_old_card_sent_again_turns_nothing_back() -> None:
    town.tree()
    fresh = card(PROVINCE, parent="000000", title="新", web_url="http://new.example", issued_at=LATER)
    old = card(PROVINCE, parent="000000", title="旧", web_url="http://old.example")
    for each in (fresh, old):
        joining.receive_cards([each.decode()], sender="510000", by=SYSTEM, at=NOON)
    assert Node.objects.get(code="510000").web_url == "http://new.example"


def test_a_far_node_does_not_become_our_child_by_saying_so() -> None:
    town.tree()
    with pytest.raises(CardWrong):
        joining.receive_announcement(card(NATION, parent=NODE, issued_at=LATER), by=SYSTEM, at=NOON)
    assert Node.objects.get(code="000000").relation == Relation.OTHER


def test_a_child_introduces_the_nodes_below_itself_only() -> None:
    town.tree()
    town.edge()
    below = INTERNATIONAL.generate("511699.guantong.example/node")
    elsewhere = INTERNATIONAL.generate("330000.guantong.example/node")
    joining.receive_cards([card(below, parent="511602").decode()], sender="511602", by=SYSTEM, at=NOON)
    with pytest.raises(CardWrong):
        joining.receive_cards(
            [card(elsewhere, parent="000000").decode()], sender="511602", by=SYSTEM, at=NOON
        )
    assert not Node.objects.filter(code="330000").exists()


def test_the_parent_introduces_no_node_below_us() -> None:
    town.tree()
    below = INTERNATIONAL.generate("511603.guantong.example/node")
    with pytest.raises(CardWrong):
        joining.receive_cards([card(below, parent=NODE).decode()], sender="510000", by=SYSTEM, at=NOON)


def test_cards_arrive_in_any_order() -> None:
    town.tree()
    town.edge()
    upper = INTERNATIONAL.generate("511699.guantong.example/node")
    lower = INTERNATIONAL.generate("511601.guantong.example/node")
    both = [card(lower, parent="511699").decode(), card(upper, parent="511602").decode()]
    joining.receive_cards(both, sender="511602", by=SYSTEM, at=NOON)
    assert Node.objects.filter(code__in=["511699", "511601"]).count() == 2


def test_a_node_that_is_no_neighbour_introduces_nobody() -> None:
    town.tree()
    with pytest.raises(CardWrong):
        receive(NATION, "node.cards", {"cards": []})


def test_one_key_is_one_node() -> None:
    town.tree()
    raw = card(PROVINCE, parent=NODE, code="511609")
    with pytest.raises(CardWrong):
        joining.receive_announcement(raw, by=SYSTEM, at=NOON)


FURTHER_LOG = INTERNATIONAL.generate(EDGE.name.replace("/node", "/log")).public.to_text()


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "x\nwitness evil evil+00000000+AA== http://evil.example"},
        {"title": "长" * 81},
        {"code": "5116020"},
        {"code": "51160x"},
        {"log_url": "http://a.example/ http://b.example/"},
        {"web_url": "file:///etc/passwd"},
        {"web_url": "http://user:secret@a.example/"},
        {"log_key": EDGE.public.to_text()},
        {"witness_key": EDGE.public.to_text()},
        {"node_key": "x"},
        {"further_keys": ["x"]},
        {"further_keys": [EDGE.public.to_text()]},
        {"further_keys": [PROVINCE.public.to_text()]},
        {"further_keys": [INTERNATIONAL.generate("510000.guantong.example/log").public.to_text()]},
        {"further_keys": [FURTHER_LOG] * 2},
        {"further_keys": [f"{FURTHER_LOG}\nlog x"]},
        {"further_keys": [FURTHER_LOG] * 13},
        {"issued_at": "today"},
        {"title": "长" * (LARGEST_CARD // 3)},
    ],
)
def test_a_card_that_could_write_between_the_lines_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CardWrong):
        read_card(card(EDGE, **{"parent": NODE, **changes}))


@pytest.mark.parametrize("listed", ["witness_key", "further_keys"])
def test_a_child_cannot_take_anothers_witness_key_under_its_own_name(listed: str) -> None:
    town.tree()
    edge = read_card(town.edge().card.encode())
    taken = VerifyKey.from_text(edge.witness_key)
    other = INTERNATIONAL.generate("511603.guantong.example/node")
    same = VerifyKey("511603.guantong.example/witness", taken.public_bytes, taken.algorithm).to_text()
    changes: dict[str, Any] = {listed: same if listed == "witness_key" else [same]}
    with pytest.raises(CardWrong):
        joining.receive_announcement(card(other, parent=NODE, **changes), by=SYSTEM, at=NOON)
    log = VerifyKey("511603.guantong.example/log", taken.public_bytes).to_text()
    with pytest.raises(CardWrong):  # nor for another use
        joining.receive_announcement(card(other, parent=NODE, log_key=log), by=SYSTEM, at=NOON)
    assert joining.receive_announcement(card(other, parent=NODE), by=SYSTEM, at=NOON).code == "511603"


def test_knocking_again_costs_nothing_and_the_queue_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    town.tree()
    raw = card(EDGE, parent=NODE)
    joining.receive_announcement(raw, by=SYSTEM, at=NOON)
    entries, waiting = Entry.objects.count(), OutboxMessage.objects.count()
    joining.receive_announcement(raw, by=SYSTEM, at=NOON)
    assert (Entry.objects.count(), OutboxMessage.objects.count()) == (entries, waiting)
    monkeypatch.setattr(joining, "MOST_WAITING", 1)
    other = INTERNATIONAL.generate("511603.guantong.example/node")
    with pytest.raises(TooManyWaiting):
        joining.receive_announcement(card(other, parent=NODE), by=SYSTEM, at=NOON)


def test_a_stranger_is_turned_away_and_its_place_is_free_again() -> None:
    town.tree()
    thief = INTERNATIONAL.generate("511602.guantong.example/node")
    node = joining.receive_announcement(card(thief, parent=NODE), by=SYSTEM, at=NOON)
    joining.reject(node, by=SYSTEM, at=NOON)
    confirmed = town.edge()
    assert confirmed.node_key == EDGE.public.to_text()
    with pytest.raises(NodeConfirmed):
        joining.reject(confirmed, by=SYSTEM, at=NOON)


# Over HTTP


def test_refusals_between_nodes_are_json_with_their_status(client: Client) -> None:
    town.tree()
    raw = message(PROVINCE, "grant.issued", terms())
    answer = client.post("/federation/messages", raw, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "message_not_entitled")
    assert client.post("/federation/messages", b"{", content_type="application/json").status_code == 403
    assert client.get("/federation/messages").status_code == 405


def test_a_body_that_is_too_long_is_not_read(client: Client) -> None:
    town.tree()
    for path, length in (("messages", messages.LARGEST + 1), ("announce", LARGEST_CARD + 1)):
        answer = client.generic("POST", f"/federation/{path}", b"x" * length, content_type="application/json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "message_too_long")


def test_the_card_is_public_and_an_announcement_waits(client: Client) -> None:
    town.tree()
    assert read_card(client.get("/federation/card").content).code == NODE
    answer = client.post("/federation/announce", card(EDGE, parent=NODE), content_type="application/json")
    assert (answer.status_code, answer.json()) == (202, {"node": "511602", "confirmed": False})
    assert msgspec.json.decode(answer.content)["node"] == "511602"

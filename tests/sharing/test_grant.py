"""From a need to a grant, and to its end."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from tests.cast import NOON, PERMITS, Cast, assemble, need, publish_permits

from guantong.catalog import actions as catalog
from guantong.catalog.errors import ResourceUnknown
from guantong.catalog.models import Resource
from guantong.identity.actions import register_person
from guantong.journal.models import OutboxMessage
from guantong.journal.types import SYSTEM, Actor
from guantong.kit import clock
from guantong.sharing import actions, queries
from guantong.sharing.errors import (
    FieldNotInResource,
    GrantNotInForce,
    LimitsWrong,
    NotShared,
    NotYourDecision,
    PledgeMissing,
    ReasonMissing,
    RequestIncomplete,
    RequestStateWrong,
)
from guantong.sharing.models import Grant, Request, RequestState, Step

pytestmark = pytest.mark.django_db


def granted(cast: Cast) -> Grant:
    publish_permits(cast)
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    actions.decide(asked, "approved", by=cast.as_actor(cast.jiang), at=NOON)
    actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=NOON)
    return Grant.objects.get()


def test_provider_and_bureau_approve_and_the_grant_is_the_least() -> None:
    grant = granted(assemble())
    assert grant.terms["fields"] == ["residence_division", "valid_to"]
    assert grant.terms["purpose"] == "512B0156000000"
    assert grant.terms["agreement"].startswith("sha-256:")
    assert grant.not_after - grant.not_before == timedelta(days=365)
    assert Request.objects.get().state == RequestState.GRANTED


def test_masks_of_the_catalogue_follow_into_the_grant() -> None:
    cast = assemble()
    publish_permits(cast)
    asked = actions.file_request(
        need(fields=["id_number"]), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON
    )
    actions.decide(asked, "approved", by=cast.as_actor(cast.jiang), at=NOON)
    actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=NOON)
    assert Grant.objects.get().terms["masks"] == {"id_number": "keep_tail:4"}


def test_the_bureau_waits_for_the_provider() -> None:
    cast = assemble()
    publish_permits(cast)
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    assert [step.request for step in queries.to_decide(cast.police.code)] == [asked]
    assert not queries.to_decide(cast.bureau.code)
    with pytest.raises(NotYourDecision):
        actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=NOON)
    assert not Grant.objects.exists()


def test_nobody_decides_their_own_request() -> None:
    cast = assemble()
    publish_permits(cast)
    own = need(applications=["one-window"])
    asked = actions.file_request(own, consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    Request.objects.filter(pk=asked.pk).update(consumer=cast.police.code)
    with pytest.raises(NotYourDecision):
        actions.decide(asked, "approved", by=cast.as_actor(cast.jiang), at=NOON)


def test_a_refusal_gives_its_reason_and_ends_the_request() -> None:
    cast = assemble()
    publish_permits(cast)
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    with pytest.raises(ReasonMissing):
        actions.decide(asked, "refused", reason=" ", ground="no_duty", by=cast.as_actor(cast.jiang), at=NOON)
    actions.decide(
        asked, "refused", reason="用途不明", ground="no_basis", by=cast.as_actor(cast.jiang), at=NOON
    )
    with pytest.raises(RequestStateWrong):
        actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=NOON)
    assert not Grant.objects.exists()


def test_unconditional_data_is_granted_at_once() -> None:
    cast = assemble()
    publish_permits(cast, sharing_type="unconditional", sharing_condition="")
    actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    assert Grant.objects.get().state == "active"


def test_data_not_shared_by_law_is_refused_with_the_law() -> None:
    cast = assemble()
    publish_permits(cast, sharing_type="not_shared", sharing_basis="《某法》第三条")
    with pytest.raises(NotShared) as refused:
        actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    assert "《某法》第三条" in refused.value.sentence("zh")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"pledge_signed": False}, PledgeMissing),
        ({"fields": ["blood_type"]}, FieldNotInResource),
        ({"fields": [], "purpose": "", "legal_basis": ""}, RequestIncomplete),
        ({"applications": ["someone-elses"]}, RequestIncomplete),
    ],
)
def test_a_wrong_request_leaves_nothing(changes: dict[str, object], error: type[Exception]) -> None:
    cast = assemble()
    publish_permits(cast)
    with pytest.raises(error):
        actions.file_request(need(**changes), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    assert not Request.objects.exists()


def test_everything_missing_is_told_at_once() -> None:
    cast = assemble()
    publish_permits(cast)
    wanting = need(fields=[], purpose="", legal_basis="")
    with pytest.raises(RequestIncomplete) as refused:
        actions.file_request(wanting, consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    assert refused.value.details["missing_zh"] == "所需信息项、对应事项、法律依据"


def test_a_revoked_grant_is_no_longer_found_and_the_bundle_is_stale() -> None:
    cast = assemble()
    grant = granted(cast)
    with clock.frozen(NOON + timedelta(hours=1)):
        found = queries.grant_for(
            consumer=cast.education, resource=PERMITS, purpose="512B0156000000", mode="query"
        )
        assert found == grant.code
        stale = OutboxMessage.objects.filter(topic="bundle.stale").count()
        actions.revoke(grant, reason="用途已完成", by=cast.as_actor(cast.jiang), at=clock.now())
        assert OutboxMessage.objects.filter(topic="bundle.stale").count() == stale + 1
        found = queries.grant_for(
            consumer=cast.education, resource=PERMITS, purpose="512B0156000000", mode="query"
        )
        assert found is None
        with pytest.raises(GrantNotInForce):
            actions.revoke(grant, reason="再次", by=cast.as_actor(cast.jiang), at=clock.now())


def test_a_stranger_cannot_revoke() -> None:
    cast = assemble()
    grant = granted(cast)
    with pytest.raises(NotYourDecision):
        actions.revoke(grant, reason="因为", by=cast.as_actor(cast.xu), at=NOON)


def test_a_request_for_another_nodes_data_goes_there() -> None:
    cast = assemble()
    resource = publish_permits(cast)
    Resource.objects.filter(pk=resource.pk).update(node="000000")
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    message = OutboxMessage.objects.get(topic="node.message")
    assert (message.payload["to"], message.payload["topic"]) == ("000000", "request.filed")
    assert message.payload["payload"]["uuid"] == str(asked.uuid)
    assert not asked.steps.exists()


def test_a_grant_that_arrives_twice_is_kept_once() -> None:
    cast = assemble()
    grant = granted(cast)
    by = Actor("node", "000000", "国家", "000000")
    assert actions.receive_grant(grant.terms, by=by, at=NOON) == grant
    assert Grant.objects.count() == 1


def test_withdrawn_data_cannot_be_asked_for() -> None:
    cast = assemble()
    catalog.withdraw(publish_permits(cast), by=cast.as_actor(cast.jiang), at=NOON)
    with pytest.raises(ResourceUnknown):
        actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)


@pytest.mark.parametrize(
    "changes", [{"per_day": 10**12}, {"per_second": 0}, {"days": 10**7}, {"purpose": "长" * 121}]
)
def test_a_request_out_of_bounds_is_refused(changes: dict[str, object]) -> None:
    cast = assemble()
    publish_permits(cast)
    with pytest.raises(LimitsWrong):
        actions.file_request(need(**changes), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    assert not Request.objects.exists()


def test_numbers_count_the_days_of_china_and_skip_none_taken() -> None:
    cast = assemble()
    publish_permits(cast)
    evening = NOON.replace(hour=17)  # already the next day in China
    numbers = [
        actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=at).number
        for at in (NOON, NOON, evening)
    ]
    assert numbers == ["SQ511600202611200001", "SQ511600202611200002", "SQ511600202611210001"]
    Request.objects.first().delete()
    again = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=evening)
    assert again.number == "SQ511600202611210002"


@pytest.mark.django_db(transaction=True)
def test_requests_filed_at_the_same_moment_get_different_numbers() -> None:
    cast = assemble()
    publish_permits(cast)
    by = cast.as_actor(cast.xu)

    def file(_: int) -> str:
        try:
            return actions.file_request(need(), consumer=cast.education, by=by, at=NOON).number
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(file, range(16)))
    assert len(set(numbers)) == 16


@pytest.mark.django_db(transaction=True)
def test_a_step_is_decided_once_however_often_it_is_clicked() -> None:
    cast = assemble()
    publish_permits(cast)
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    actions.decide(asked, "approved", by=cast.as_actor(cast.jiang), at=NOON)
    by = cast.as_actor(cast.tian)

    def click(_: int) -> str:
        try:
            actions.decide(asked, "approved", by=by, at=NOON)
        except RequestStateWrong as refused:
            return refused.code
        finally:
            connection.close()
        return "granted"

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(click, range(4)))
    assert answers == ["granted", *["request_state_wrong"] * 3]
    assert Grant.objects.count() == 1


def test_who_may_read_a_request_and_its_grant() -> None:
    cast = assemble()
    grant = granted(cast)
    asked = Request.objects.get()
    for person in (cast.xu, cast.luo, cast.jiang, cast.tian, cast.gao):
        assert list(queries.visible_requests(person)) == [asked]
        assert list(queries.visible_grants(person)) == [grant]
    stranger = register_person("wu", "吴", password="x" * 12, roles=["data_officer"], by=SYSTEM, at=NOON)
    assert not queries.visible_requests(stranger)
    assert not queries.visible_grants(stranger)


def test_many_steps_wait_without_trouble() -> None:
    cast = assemble()
    publish_permits(cast)
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    names = [f.attname for f in Request._meta.concrete_fields if f.name not in {"id", "uuid", "number"}]
    values = {name: getattr(asked, name) for name in names}
    copies = [Request(**values, number=f"N{number}") for number in range(1200)]
    made = Request.objects.bulk_create(copies)
    Step.objects.bulk_create(
        Step(
            request=each,
            position=0,
            kind="provider",
            task="provider",
            decider=cast.police.code,
            decider_name="x",
        )
        for each in made
    )
    assert queries.to_decide(cast.police.code).count() == 1201

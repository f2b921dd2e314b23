"""No sequence of acts ends in a grant that lacks an approval or the pledge, or that gives more than was asked."""

from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cast import NOON, Cast, assemble, need, publish_permits

from guantong.identity.actions import register_person
from guantong.journal.types import SYSTEM, Actor
from guantong.kit.errors import GuantongError
from guantong.sharing import actions
from guantong.sharing.models import Grant, Request
from guantong.sharing.types import Narrowing, Particulars, Supplement

PEOPLE = ["luo", "jiang", "xu", "wen", "tian", "gao", "stranger", "node"]
ITEMS = ["id_number", "residence_division", "valid_to", "blood_type"]
fields = st.lists(st.sampled_from(ITEMS), min_size=1, max_size=4, unique=True)
acts = st.lists(
    st.one_of(
        st.tuples(st.just("file"), st.sampled_from(PEOPLE), fields, st.booleans()),
        st.tuples(st.just("approve"), st.sampled_from(PEOPLE), st.none() | fields, st.just(0)),
        st.tuples(st.just("refuse"), st.sampled_from(PEOPLE), st.just(None), st.just(0)),
        st.tuples(st.just("send_back"), st.sampled_from(PEOPLE), st.just(None), st.just(0)),
        st.tuples(st.just("supplement"), st.sampled_from(PEOPLE), fields, st.just(0)),
        st.tuples(st.just("withdraw"), st.sampled_from(PEOPLE), st.just(None), st.just(0)),
    ),
    max_size=14,
)
# Most random walks end early: begin with a request, and let the right people have their turns often.
walks = st.tuples(fields, st.permutations(["wen", "jiang", "tian"]), acts).map(
    lambda walk: [
        ("file", "xu", walk[0], True),
        *[
            act
            for pair in zip(walk[2], [("approve", one, None, 0) for one in walk[1]], strict=False)
            for act in pair
        ],
        *walk[2][3:],
        *[("approve", one, None, 0) for one in ("wen", "jiang", "tian")],
    ]
)


@pytest.mark.django_db
def test_no_grant_without_every_approval_and_the_pledge() -> None:
    cast = assemble()
    publish_permits(cast)
    wen = register_person(
        "wen",
        "文批",
        password="wen-password-1",
        roles=["approver"],
        organisation=cast.education,
        by=SYSTEM,
        at=NOON,
    )
    actors = {name: cast.as_actor(getattr(cast, name)) for name in ("luo", "jiang", "xu", "tian", "gao")}
    actors |= {
        "wen": cast.as_actor(wen),
        "stranger": Actor("person", "stranger", "路人", ""),
        "node": Actor("node", "510000", "上级节点", "510000"),
    }

    lawful: list[str] = []

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(walks)
    def hold(walk: list[tuple[str, str, Any, Any]]) -> None:
        with transaction.atomic():
            for act, name, said, signed in walk:
                do(cast, act, actors[name], said, signed)
            for grant in Grant.objects.all():
                demand_lawful(cast, grant)
                lawful.append(grant.code)
            transaction.set_rollback(True)

    hold()
    assert lawful, "no walk came to a grant, so nothing was shown"


def do(cast: Cast, act: str, by: Actor, said: Any, signed: Any) -> None:
    """Do it, if the platform lets ``by``."""
    request = Request.objects.first()
    try:
        if act == "file":
            wanted = need(fields=said, pledge_signed=signed)
            actions.file_request(wanted, consumer=cast.education, by=by, at=NOON)
        elif request is None:
            return
        elif act == "approve":
            narrowing = Narrowing(fields=said) if said else None
            actions.decide(request, "approved", narrowing=narrowing, by=by, at=NOON)
        elif act == "refuse":
            actions.decide(request, "refused", reason="无关", ground="no_duty", by=by, at=NOON)
        elif act == "send_back":
            actions.send_back(request, missing="场景", by=by, at=NOON)
        elif act == "supplement":
            added = Supplement(str(request.uuid), "核验", "《法》", Particulars(), said)
            actions.supplement(request, added, by=by, at=NOON)
        else:
            actions.withdraw(request, reason="不用了", by=by, at=NOON)
    except GuantongError:
        pass


def demand_lawful(cast: Cast, grant: Grant) -> None:
    request = Request.objects.get(uuid=grant.request)
    steps = {step.kind: step for step in request.steps.all()}
    assert {kind: step.decision for kind, step in steps.items()} == {
        "consumer": "approved", "provider": "approved", "bureau": "approved"
    }  # fmt: skip
    assert (steps["consumer"].decided_by, steps["provider"].decided_by) == ("文批", "蒋批")
    assert steps["bureau"].decided_by == "田批"
    assert request.pledge == grant.terms["agreement"] != ""
    assert set(grant.terms["fields"]) <= set(request.fields)
    assert request.state == "granted"

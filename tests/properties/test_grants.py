"""No sequence of acts ends in a grant that lacks an approval or the pledge, or that gives more than was asked."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.cast import NOON, Cast, assemble, need, publish_permits

from guantong.evidence.agreements import check_agreement, digest_of
from guantong.identity.actions import register_person
from guantong.journal.types import SYSTEM, Actor
from guantong.kit import canonical
from guantong.kit.errors import GuantongError
from guantong.kit.suites import VerifyKey
from guantong.sharing import actions
from guantong.sharing.agreements.keys import node_key
from guantong.sharing.models import Agreement, Grant, Request
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


def keyring() -> dict[str, VerifyKey]:
    key = node_key().public
    return {key.ref: key}


def demand_lawful(cast: Cast, grant: Grant) -> None:
    request = Request.objects.get(uuid=grant.request)
    steps = {step.kind: step for step in request.steps.all()}
    assert {kind: step.decision for kind, step in steps.items()} == {
        "consumer": "approved", "provider": "approved", "bureau": "approved"
    }  # fmt: skip
    assert (steps["consumer"].decided_by, steps["provider"].decided_by) == ("文批", "蒋批")
    assert steps["bureau"].decided_by == "田批"
    agreement = Agreement.objects.get(digest=grant.terms["agreement"])
    body = check_agreement(bytes(agreement.statement), keyring(), bytes(agreement.document))
    assert digest_of(canonical.dumps(body["pledge"])) == request.pledge
    assert set(grant.terms["fields"]) <= set(request.fields)
    assert request.state == "granted"


# What may become of a grant: (act, who, what is said).
lives = st.lists(
    st.one_of(
        st.tuples(st.just("narrow"), st.sampled_from(PEOPLE), fields),
        st.tuples(st.just("limit"), st.sampled_from(PEOPLE), st.integers(1, 20_000)),
        st.tuples(st.just("mask"), st.sampled_from(PEOPLE), st.sampled_from(["none", "null", "keep_tail:2"])),
        st.tuples(st.just("shorten"), st.sampled_from(PEOPLE), st.integers(1, 800)),
        st.tuples(
            st.sampled_from(["suspend", "resume", "return", "fulfil", "revoke"]),
            st.sampled_from(PEOPLE),
            st.none(),
        ),
        st.tuples(st.just("renew"), st.sampled_from(PEOPLE), st.integers(1, 400)),
        st.tuples(st.sampled_from(["approve", "refuse"]), st.sampled_from(PEOPLE), st.none()),
        st.tuples(st.just("wait"), st.just("node"), st.integers(1, 200)),
    ),
    max_size=16,
)
# The right people have their turns often, or nothing would happen.
likely = {"narrow": "jiang", "suspend": "jiang", "resume": "jiang", "renew": "xu", "return": "xu"}


@pytest.mark.django_db
def test_no_grant_gives_more_than_was_asked_nor_comes_back() -> None:
    cast = assemble()
    publish_permits(cast)
    actors = {name: cast.as_actor(getattr(cast, name)) for name in ("luo", "jiang", "xu", "tian", "gao")}
    actors |= {
        "wen": actors["luo"],
        "stranger": Actor("person", "stranger", "路人", ""),
        "node": Actor("node", "510000", "上级节点", "510000"),
    }
    lived: list[str] = []

    @settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(lives, st.booleans())
    @example([("suspend", "jiang", None), ("revoke", "tian", None), ("resume", "jiang", None)], False)
    @example([("return", "xu", None), ("renew", "xu", 30), ("resume", "jiang", None)], False)
    def hold(walk: list[tuple[str, str, Any]], is_likely: bool) -> None:
        with transaction.atomic():
            wanted = need(fields=ITEMS[:3], days=365)
            first = actions.file_request(wanted, consumer=cast.education, by=actors["xu"], at=NOON)
            for who in ("jiang", "tian"):
                actions.decide(first, "approved", by=actors[who], at=NOON)
            at, before = NOON, Grant.objects.get()
            for act, who, said in walk:
                at += timedelta(days=said if act == "wait" else 0)
                live(cast, act, actors[likely.get(act, who) if is_likely else who], said, at=at)
                after = Grant.objects.get(pk=before.pk)
                demand_less(before, after)
                demand_ends_when_granted(after)
                lived.append(after.state)
                before = after
            transaction.set_rollback(True)

    hold()
    assert {"active", "suspended", "ended", "revoked"} <= set(lived), "every state was reached"


def live(cast: Cast, act: str, by: Actor, said: Any, *, at: datetime) -> None:
    grant = Grant.objects.order_by("pk")[0]
    waiting = Request.objects.exclude(renews="").filter(state="waiting").first()
    narrowings = {
        "narrow": lambda: Narrowing(fields=said),
        "limit": lambda: Narrowing(per_day=said),
        "mask": lambda: Narrowing(masks={"id_number": said}),
        "shorten": lambda: Narrowing(days=said),
    }
    try:
        if act in narrowings:
            actions.narrow(grant, narrowings[act](), reason="少", by=by, at=at)
        elif act in {"suspend", "resume", "revoke"}:
            getattr(actions, act)(grant, reason="因为", by=by, at=at)
        elif act in {"return", "fulfil"}:
            actions.give_back(grant, fulfilled=act == "fulfil", by=by, at=at)
        elif act == "renew":
            actions.renew(grant, days=said, consumer=cast.education, by=by, at=at)
        elif act == "wait":
            actions.keep_in_grace(by=by, at=at)
        elif waiting and act == "approve":
            actions.decide(waiting, "approved", by=by, at=at)
        elif waiting:
            actions.decide(waiting, "refused", reason="无关", ground="no_duty", by=by, at=at)
    except GuantongError:
        pass


def demand_less(before: Grant, after: Grant) -> None:
    """No act gives items, calls or characters that were not given; nothing comes back from the end."""
    assert set(after.terms["fields"]) <= set(before.terms["fields"])
    assert after.terms["per_day"] <= before.terms["per_day"]
    shown = {"null": 0, "keep_tail:2": 2, "keep_tail:4": 4, None: 9}
    if "id_number" in after.terms["fields"]:
        masks = [shown[each.terms["masks"].get("id_number")] for each in (after, before)]
        assert masks[0] <= masks[1] <= 4
    if before.is_over:
        assert (after.state, after.revision) == (before.state, before.revision)
    assert after.revision - before.revision in {0, 1}


def demand_ends_when_granted(grant: Grant) -> None:
    """Its end is no later than the days that approved requests give it, and the grace while one waits."""
    granted = Request.objects.filter(state="granted", decided_at__lte=grant.not_after)
    days = sum(request.days for request in granted)
    is_waiting = Request.objects.filter(renews=grant.code, state="waiting").exists()
    slack = timedelta(days=14 if is_waiting or granted.count() > 1 else 7)
    assert grant.not_after <= NOON + timedelta(days=days) + slack
    if not Request.objects.exclude(renews="").exists():
        assert grant.not_after <= NOON + timedelta(days=365)

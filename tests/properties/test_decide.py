"""Whatever the bundle and the call: what decide allows, an independent reading of the rules allows too."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway import cast

from guantong.bundle.types import Application, Bundle, Grant
from guantong.gateway.call import Call, Consumer
from guantong.gateway.decide import Allow, decide
from guantong.kit import clock

KEYS = cast.Keys()
AT = datetime(2026, 11, 22, 8, tzinfo=UTC)
ITEMS = cast.PERSON_ITEMS
FIELDS = st.lists(st.sampled_from([*cast.PERSON_ITEMS, "nonsense"]), unique=True, max_size=4)
moments = st.integers(-3, 3).map(lambda hours: clock.rfc3339(AT + timedelta(hours=hours)))


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual] * 6 + list(others))


grants = st.builds(
    cast.grant,
    resource=mostly(cast.PERSONS, cast.RESIDENCE, "x"),
    provider_node=mostly(cast.NATION, cast.CITY),
    consumer_node=mostly(cast.CITY, cast.PROVINCE),
    consumer=mostly(cast.EDUCATION, cast.HOUSING),
    applications=mostly([cast.ENROLMENT], [], ["other"]),
    modes=mostly(["query", "verify"], ["query"], ["verify"], []),
    fields=FIELDS,
    masks=st.dictionaries(
        st.sampled_from([*cast.PERSON_ITEMS]), st.sampled_from(["null", "hash"]), max_size=2
    ),
    per_second=mostly(10, 0, 1),
    per_day=mostly(10, 0, 1),
    not_before=mostly("2020-01-01T00:00:00Z", clock.rfc3339(AT)) | moments,
    not_after=mostly("2099-01-01T00:00:00+08:00", clock.rfc3339(AT)) | moments,
    state=mostly("active", "suspended", "revoked"),
)
applications = st.builds(
    Application,
    id=st.just(cast.ENROLMENT),
    name=st.just("入学一件事"),
    organisation=mostly(cast.EDUCATION, cast.HOUSING),
    node=mostly(cast.CITY, cast.PROVINCE),
    keys=st.just([]),
    clearance=st.integers(0, 4),
    active=mostly(True, False),
)
calls = st.builds(
    cast.call,
    consumer=st.builds(
        Consumer,
        mostly(cast.CITY, cast.PROVINCE, "999999"),
        mostly(cast.EDUCATION, cast.HOUSING),
        mostly(cast.ENROLMENT, "other"),
    ),
    resource=mostly(cast.PERSONS, cast.RESIDENCE, "x"),
    grant=mostly(cast.G_PERSONS, cast.G_RESIDENCE, "x"),
    purpose=mostly(cast.PURPOSE, "curiosity", ""),
    mode=st.sampled_from(["query", "verify"]),
    keys=mostly({"id_number": "1"}, {"name": "a", "born_on": "b"}, {"name": "a"}, {}),
    fields=FIELDS,
    claims=FIELDS.map(lambda names: dict.fromkeys(names, "x")),
)
bundles = st.builds(
    lambda application, grant: cast.bundle(
        KEYS, applications={application.id: application}, grants={grant.id: grant}
    ),
    applications,
    grants,
)


def lawful(bundle: Bundle, call: Call) -> bool:
    """The rules read once more, independently and in no order."""
    grant: Grant | None = bundle.grants.get(call.grant)
    application = bundle.applications.get(call.consumer.application)
    resource = bundle.resources.get(call.resource)
    if grant is None or application is None or resource is None:
        return False
    asked = list(call.fields if call.mode == "query" else call.claims)
    return all([
        grant.state == "active",
        clock.parse(grant.not_before) <= AT < clock.parse(grant.not_after),
        grant.resource == call.resource == resource.code,
        grant.provider_node == resource.node,
        grant.consumer == call.consumer.organisation == application.organisation,
        grant.consumer_node == call.consumer.node == application.node,
        call.consumer.node in bundle.nodes,
        application.active,
        application.id in grant.applications,
        grant.purpose == call.purpose,
        call.mode in grant.modes,
        asked,
        set(asked) <= set(grant.fields),
        set(asked) <= set(resource.items),
        all(item.level <= application.clearance for name, item in resource.items.items() if name in asked),
        sorted(call.keys) in [sorted(lookup) for lookup in resource.lookups],
    ])  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(bundle=bundles, call=calls)
def test_decide_allows_exactly_what_is_lawful(bundle: Bundle, call: Call) -> None:
    assert isinstance(decide(bundle, call, at=AT), Allow) == lawful(bundle, call)


def drawn_bundle(draw: random.Random) -> Bundle:
    """A bundle whose one application and one grant fit each other more often than not."""

    def some(usual: Any, *others: Any) -> Any:
        return usual if draw.random() < 0.95 else draw.choice(others)

    near = [clock.rfc3339(AT + timedelta(seconds=shift)) for shift in (-1, 0, 1)]
    grant = cast.grant(
        resource=some(cast.PERSONS, cast.RESIDENCE, "x"),
        provider_node=some(cast.NATION, cast.CITY),
        consumer_node=some(cast.CITY, cast.PROVINCE),
        consumer=some(cast.EDUCATION, cast.HOUSING),
        applications=some([cast.ENROLMENT], [], ["other"]),
        modes=some(["query", "verify"], ["query"], ["verify"], []),
        fields=draw.sample([*ITEMS, "nonsense"], draw.randrange(len(ITEMS) + 1)),
        not_before=some("2020-01-01T00:00:00Z", *near),
        not_after=some("2099-01-01T00:00:00+08:00", *near),
        state=some("active", "suspended", "revoked"),
    )
    application = Application(
        id=cast.ENROLMENT, name="", organisation=some(cast.EDUCATION, cast.HOUSING), keys=[],
        node=some(cast.CITY, cast.PROVINCE), clearance=draw.randrange(5), active=some(True, False),
    )  # fmt: skip
    return cast.bundle(KEYS, applications={application.id: application}, grants={grant.id: grant})


def drawn_call(draw: random.Random) -> Call:
    """A call that is right in most of its parts."""

    def some(usual: Any, *others: Any) -> Any:
        return usual if draw.random() < 0.95 else draw.choice(others)

    names = draw.sample([*ITEMS, "nonsense"] if draw.random() < 0.2 else [*ITEMS], draw.randrange(4))
    return cast.call(
        consumer=Consumer(
            some(cast.CITY, cast.PROVINCE, "999999"),
            some(cast.EDUCATION, cast.HOUSING),
            some(cast.ENROLMENT, "other"),
        ),
        resource=some(cast.PERSONS, cast.RESIDENCE, "x"),
        grant=some(cast.G_PERSONS, cast.G_RESIDENCE, "x"),
        purpose=some(cast.PURPOSE, "curiosity", ""),
        mode=draw.choice(["query", "verify"]),
        keys=some({"id_number": "1"}, {"name": "a", "born_on": "b"}, {"name": "a"}, {}),
        fields=names,
        claims=dict.fromkeys(names, "x"),
    )


def test_of_a_million_calls_none_is_allowed_without_a_grant_and_none_above_its_clearance() -> None:
    seed = random.SystemRandom().randrange(2**32)
    draw = random.Random(seed)
    pool = [drawn_call(draw) for _ in range(5_000)]
    allowed = 0
    for _ in range(1_000):
        bundle = drawn_bundle(draw)
        for call in draw.sample(pool, 1_000):
            verdict = decide(bundle, call, at=AT)
            is_allowed = isinstance(verdict, Allow)
            assert is_allowed == lawful(bundle, call), f"seed {seed}: {call}"
            allowed += is_allowed
    assert allowed > 10_000, "many of them were right in every part"


@settings(max_examples=500, deadline=None)
@given(grant=grants, call=calls)
def test_nothing_beyond_the_grant_is_ever_allowed(grant: Grant, call: Call) -> None:
    verdict = decide(cast.bundle(KEYS, grants={grant.id: grant}), call, at=AT)
    if isinstance(verdict, Allow):
        assert verdict.grant is grant
        assert set(verdict.fields) <= set(grant.fields)
        assert set(verdict.masks) == set(verdict.fields)
        assert verdict.max_rows <= grant.max_rows
        assert verdict.condition == tuple(grant.condition)
    else:
        assert 400 <= verdict.reason.status < 500
        assert verdict.reason.sentence("zh")
        assert verdict.reason.sentence("en")
        assert verdict.rule


@given(clearance=st.integers(0, 4), field=st.sampled_from([*cast.PERSON_ITEMS]))
def test_no_grant_overrides_a_label(clearance: int, field: str) -> None:
    bundle = cast.bundle(KEYS, grants={cast.G_PERSONS: cast.grant(fields=[*cast.PERSON_ITEMS])})
    application = msgspec.structs.replace(bundle.applications[cast.ENROLMENT], clearance=clearance)
    bundle = msgspec.structs.replace(bundle, applications={application.id: application})
    verdict = decide(bundle, cast.call(fields=[field]), at=AT)
    assert isinstance(verdict, Allow) == (cast.PERSON_ITEMS[field].level <= clearance)

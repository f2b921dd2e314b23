"""Secrets and keys overlap when they change: declared, shown, ended early or by their time, in bundle, file and record."""

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.cast import NOON, Cast, assemble
from tests.identity.test_application_secrets import held

from guantong.bundle.overlaps import Overlaps
from guantong.bundle.types import Bundle
from guantong.federation.actions.publishing import compile_bundle
from guantong.identity import actions
from guantong.identity.actions.credentials import MOST_FORMER
from guantong.identity.errors import (
    ApplicationKeysFull,
    ApplicationKeyStays,
    ApplicationOfAnother,
    ApplicationWrong,
    FormerSecretsFull,
    OverlapWrong,
)
from guantong.identity.models import FormerSecret
from guantong.journal.models import Entry
from guantong.journal.types import SYSTEM
from guantong.kit import clock
from guantong.kit.shared_secrets import FILE, digest_of
from guantong.kit.suites import INTERNATIONAL, NATIONAL, VerifyKey
from guantong.site.node import node_settings

pytestmark = [pytest.mark.django_db, pytest.mark.control]
WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests() -> None:
    (node_settings().key_folder / FILE).unlink(missing_ok=True)


def compiled() -> Bundle:
    return compile_bundle(node_settings(), sequence=1, by=SYSTEM, at=NOON)


def believed(bundle: Bundle) -> list[str]:
    """The digests of the secrets that prove the one window at noon."""
    with clock.frozen(NOON):
        return Overlaps().digests(bundle.applications["one-window"], bundle)


def issued(cast: Cast, **how: int) -> str:
    return actions.issue_secret(cast.counter, by=cast.as_actor(cast.xu), at=NOON, **how)


def test_a_new_secret_leaves_the_old_one_good_for_a_week() -> None:
    cast = assemble()
    first, second = issued(cast), issued(cast)
    (former,) = FormerSecret.objects.all()
    assert (former.digest, former.until, former.issued_at) == (digest_of(first), NOON + WEEK, NOON)
    until = clock.rfc3339(NOON + WEEK)
    assert held() == {"one-window": second, f"one-window until {until}": first}
    bundle = compiled()
    assert believed(bundle) == [digest_of(second), digest_of(first)]
    with clock.frozen(NOON + WEEK):
        assert Overlaps().digests(bundle.applications["one-window"], bundle) == [digest_of(second)]
    entry = Entry.objects.get(act="application.secret_renewed")
    assert until in json.dumps(entry.details)


def test_it_ends_by_its_time() -> None:
    cast = assemble()
    first, second = issued(cast), issued(cast)
    assert actions.end_overlaps(by=SYSTEM, at=NOON + WEEK - timedelta(seconds=1)) == 0
    assert first in held().values()
    assert actions.end_overlaps(by=SYSTEM, at=NOON + WEEK) == 1
    assert held() == {"one-window": second}
    assert believed(compiled()) == [digest_of(second)]
    assert Entry.objects.filter(act="application.former_secret_expired").count() == 1
    assert actions.end_overlaps(by=SYSTEM, at=NOON + WEEK) == 0


def test_it_can_be_ended_early_by_who_keeps_the_application() -> None:
    cast = assemble()
    issued(cast)
    second = issued(cast, overlap_days=30)
    former = FormerSecret.objects.get()
    for by in (cast.as_actor(cast.luo), cast.as_actor(cast.gao), SYSTEM):
        with pytest.raises(ApplicationOfAnother):
            actions.end_former_secret(former, by=by, at=NOON)
    actions.end_former_secret(former, by=cast.as_actor(cast.xu), at=NOON)
    assert (held(), believed(compiled())) == ({"one-window": second}, [digest_of(second)])
    assert Entry.objects.filter(act="application.former_secret_ended").count() == 1


def test_a_second_renewal_ends_nothing_that_a_program_still_uses_and_there_is_an_end_to_it() -> None:
    cast = assemble()
    given = [issued(cast, overlap_days=n) for n in (0, 7, 3, 5)]
    assert set(believed(compiled())) == set(map(digest_of, given))
    with pytest.raises(FormerSecretsFull):
        issued(cast)
    assert FormerSecret.objects.count() == MOST_FORMER
    issued(cast, overlap_days=0)
    assert digest_of(given[-1]) not in believed(compiled())
    for wrong in (-1, 31):
        with pytest.raises(OverlapWrong):
            issued(cast, overlap_days=wrong)


def test_taking_the_secret_away_takes_former_ones_too() -> None:
    cast = assemble()
    issued(cast)
    issued(cast)
    actions.revoke_secret(cast.counter, by=cast.as_actor(cast.xu), at=NOON)
    assert (held(), believed(compiled()), FormerSecret.objects.count()) == ({}, [], 0)


def test_an_application_that_is_switched_off_has_none() -> None:
    cast = assemble()
    issued(cast)
    issued(cast)
    cast.counter.refresh_from_db()
    cast.counter.is_active = False
    cast.counter.save()
    assert not [name for name in compiled().applications if " until " in name]


def test_a_gateway_that_knows_no_overlaps_reads_the_bundle_and_believes_the_present_secret_alone() -> None:
    cast = assemble()
    issued(cast)
    second = issued(cast)
    bundle = compiled()
    written = msgspec.to_builtins(bundle)["applications"]
    # The application as bundles had it when the first secret was given out; what it does not know, it refuses.
    known = ["id", "name", "organisation", "node", "keys", "clearance", "active", "secret", "rid"]
    before = msgspec.defstruct("Before", [(name, Any, None) for name in known], forbid_unknown_fields=True)
    read = {name: msgspec.convert(one, before) for name, one in written.items()}
    (entry,) = [one for name, one in read.items() if name.startswith("one-window until ")]
    assert (entry.active, entry.keys, entry.rid) == (False, [], None), "it opens nothing by itself"
    assert read["one-window"].secret == digest_of(second)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(
            {**written["one-window"], "former": []}, before
        )  # so would a field of its own have been


@pytest.mark.parametrize("kind", [INTERNATIONAL, NATIONAL], ids=["international", "national"])
def test_two_keys_are_good_until_one_is_taken_away(kind: type) -> None:
    cast = assemble()
    by = cast.as_actor(cast.xu)
    coming = kind.generate("one-window").public.to_text()
    former = cast.counter.public_key
    actions.add_key(cast.counter, coming, by=by, at=NOON)
    assert compiled().applications["one-window"].keys == [former, coming]
    with pytest.raises(ApplicationKeysFull):
        actions.add_key(cast.counter, INTERNATIONAL.generate("third").public.to_text(), by=by, at=NOON)
    actions.drop_key(cast.counter, VerifyKey.from_text(former).key_id, by=by, at=NOON)
    cast.counter.refresh_from_db()
    assert (cast.counter.public_keys, cast.counter.second_key_at) == ([coming], None)
    assert compiled().applications["one-window"].keys == [coming]
    with pytest.raises(ApplicationKeyStays):
        actions.drop_key(cast.counter, VerifyKey.from_text(coming).key_id, by=by, at=NOON)
    acts = set(Entry.objects.values_list("act", flat=True))
    assert {"application.key_added", "application.key_dropped"} <= acts


def test_keys_that_are_none_or_known_or_anothers_to_add() -> None:
    cast = assemble()
    by = cast.as_actor(cast.xu)
    for wrong in ("", "x", cast.counter.public_key):
        with pytest.raises(ApplicationWrong):
            actions.add_key(cast.counter, wrong, by=by, at=NOON)
    for other in (cast.as_actor(cast.luo), cast.as_actor(cast.gao), SYSTEM):
        with pytest.raises(ApplicationOfAnother):
            actions.add_key(cast.counter, "x", by=other, at=NOON)
        with pytest.raises(ApplicationOfAnother):
            actions.drop_key(cast.counter, "x", by=other, at=NOON)

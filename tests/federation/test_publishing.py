"""From the paperwork to the bundle; keys on disk."""

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from guantong.bundle.depot import ACCEPTED, OFFERED
from guantong.bundle.sealing import open_bundle, seal
from guantong.bundle.types import Bundle
from guantong.evidence.policy import read_policy
from guantong.federation import keys, keyset
from guantong.federation.actions import joining, publishing
from guantong.federation.cards import read_card
from guantong.federation.models import Node, PublishedBundle
from guantong.identity.models import Application
from guantong.journal.models import Alert
from guantong.journal.types import SYSTEM
from guantong.kit import clock, key_files
from guantong.kit.key_files import KeyExposed
from guantong.kit.settings import Settings
from guantong.kit.suites import INTERNATIONAL, VerifyKey
from guantong.sharing import actions as sharing
from guantong.sharing.models import Grant
from guantong.site.node import node_settings
from tests.cast import NODE, NOON, assemble, need, publish_permits
from tests.federation import test_messages as town
from tests.federation.test_messages import card

pytestmark = pytest.mark.django_db


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A node folder of its own, so that no other test's bundles lie in it."""
    own = Settings(node=NODE, home=tmp_path, development=True).completed()
    keys.make_keys(own)
    return own


def publish(settings: Settings) -> Bundle:
    publishing.publish_bundle(settings, because="test", by=SYSTEM, at=NOON)
    key = keys.node_key(settings).public
    raw = (settings.bundle_folder / OFFERED).read_bytes()
    return open_bundle(raw, {key.ref: key}, node=NODE, floor=-1)


def granted() -> Grant:
    cast = assemble()
    publish_permits(cast)
    asked = sharing.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    for person in (cast.jiang, cast.tian):
        sharing.decide(asked, "approved", by=cast.as_actor(person), at=NOON)
    return Grant.objects.get()


def test_a_grant_comes_into_the_bundle_with_all_that_it_needs(settings: Settings) -> None:
    grant = granted()
    bundle = publish(settings)
    assert bundle.grants[grant.code].fields == ["residence_division", "valid_to"]
    assert bundle.applications["one-window"].node == NODE
    assert bundle.resources[grant.resource].lookups == [["id_number"]]
    assert publish(settings).sequence == bundle.sequence + 1


def test_a_revoked_grant_is_in_the_next_bundle_as_revoked(settings: Settings) -> None:
    cast_grant = granted()
    sharing.revoke(cast_grant, reason="x", by=SYSTEM, at=NOON)
    assert publish(settings).grants[cast_grant.code].state == "revoked"


def test_after_an_older_database_was_restored_sequences_go_on_above_the_depot(settings: Settings) -> None:
    assemble()
    for _ in range(3):
        publish(settings)
    (settings.bundle_folder / OFFERED).rename(settings.bundle_folder / ACCEPTED)
    PublishedBundle.objects.all().delete()
    assert publish(settings).sequence == 4


def test_a_forged_bundle_in_the_depot_does_not_drive_the_sequence_up(settings: Settings) -> None:
    assemble()
    bundle = publish(settings)
    forged = replace(bundle, sequence=10**9)
    stranger = INTERNATIONAL.generate("x/node")
    (settings.bundle_folder / ACCEPTED).write_bytes(seal(forged, stranger))
    assert publish(settings).sequence == 2


def test_one_grant_that_does_not_compile_stops_no_other(settings: Settings) -> None:
    good = granted()
    for number, wrong in enumerate(({"fields": "all"}, {"resource_content": {"code": 1}}), start=1):
        Grant.objects.create(
            **{
                field.attname: getattr(good, field.attname)
                for field in Grant._meta.concrete_fields
                if field.name not in {"id", "code", "terms"}
            },
            code=f"BAD{number}",
            terms={**good.terms, **wrong, "code": f"BAD{number}"},
        )
    assert set(publish(settings).grants) == {good.code}
    assert {alert.details["grant"] for alert in Alert.objects.all()} == {"BAD1", "BAD2"}


def test_an_application_switched_off_is_told_to_the_data_plane(settings: Settings) -> None:
    granted()
    Application.objects.update(is_active=False)
    assert publish(settings).applications["one-window"].active is False


def test_a_key_that_others_can_read_is_not_used(settings: Settings) -> None:
    path = settings.key_folder / "node.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(KeyExposed):
        keys.node_key(settings)


def test_a_key_is_written_once_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.key"
    with pytest.raises(ZeroDivisionError):
        key_files.write_secret(path, lambda: str(1 / 0))
    assert list(tmp_path.iterdir()) == []
    key_files.write_secret(path, lambda: "first")
    key_files.write_secret(path, lambda: "second")
    assert path.read_text() == "first\n"
    assert list(tmp_path.iterdir()) == [path]


def test_who_witnesses_whom_follows_the_tree(tmp_path: Path) -> None:
    town.tree()
    joining.establish(node_settings(), by=SYSTEM, at=NOON)
    keyset.write_keyset(tmp_path)
    assert "witness 510000" in (tmp_path / "511600.policy").read_text()
    assert "witness 000000" in (tmp_path / "510000.policy").read_text()
    assert "witness 510000" in (tmp_path / "000000.policy").read_text()


def test_policies_list_the_further_keys_of_logs_and_witnesses(tmp_path: Path) -> None:
    town.tree()
    joining.establish(node_settings(), by=SYSTEM, at=NOON)
    province = Node.objects.get(code="510000")
    name = read_card(province.card.encode()).name
    further = [INTERNATIONAL.generate(f"{name}/log"), INTERNATIONAL.generate_witness(f"{name}/witness")]
    texts = [key.public.to_text() for key in further]
    later = clock.rfc3339(NOON + timedelta(hours=1))
    known = read_card(province.card.encode())
    same = {field: getattr(known, field) for field in ("log_key", "witness_key")}
    raw = card(town.PROVINCE, parent="000000", issued_at=later, further_keys=texts, **same)
    joining.receive_cards([raw.decode()], sender="510000", by=SYSTEM, at=NOON)
    keyset.write_keyset(tmp_path)
    own = read_policy((tmp_path / "511600.policy").read_text())
    assert set(own.witnesses) == {"510000", "510000.1"}
    assert own.is_met_by({further[1].public.ref})
    assert own.is_met_by({VerifyKey.from_text(known.witness_key).ref})
    assert set(read_policy((tmp_path / "510000.policy").read_text()).log(f"{name}/log")) == {
        further[0].public.ref,
        VerifyKey.from_text(known.log_key).ref,
    }
    settings = dataclasses.replace(node_settings(), home=tmp_path)
    keyset.write_log_files(settings)
    asked = [
        line.split()
        for line in (tmp_path / "log/policy").read_text().splitlines()
        if line.startswith("witness")
    ]
    assert [len(words) for words in asked] == [4, 3]  # only the present key is asked for
    assert texts[0] in (tmp_path / "log/known-logs").read_text()
    assert (tmp_path / "log/followed").read_text() == ""  # the parent is not the root of the tree

"""From the paperwork to the bundle; keys on disk."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from guantong.bundle.depot import ACCEPTED, OFFERED
from guantong.bundle.sealing import open_bundle, seal
from guantong.bundle.types import Bundle
from guantong.federation import keys, keyset
from guantong.federation.actions import joining, publishing
from guantong.federation.models import PublishedBundle
from guantong.identity.models import Application
from guantong.journal.models import Alert
from guantong.journal.types import SYSTEM
from guantong.kit import key_files
from guantong.kit.key_files import KeyExposed
from guantong.kit.settings import Settings
from guantong.kit.suites import INTERNATIONAL
from guantong.sharing import actions as sharing
from guantong.sharing.models import Grant
from guantong.site.node import node_settings
from tests.cast import NODE, NOON, assemble, need, publish_permits
from tests.federation import test_messages as town

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
    key_files.load_key.cache_clear()
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

"""Secrets and requester identifiers of applications: shown once, kept as digests, taken away."""

import json
import multiprocessing
import stat
from pathlib import Path

import pytest
from tests.cast import NOON, Cast, assemble

from guantong.federation.actions.publishing import compile_bundle
from guantong.identity import actions
from guantong.identity.errors import ApplicationOfAnother, RidTaken, RidWrong
from guantong.identity.models import Application
from guantong.journal.models import Entry
from guantong.journal.types import SYSTEM
from guantong.kit.shared_secrets import FILE, digest_of, drop, follow
from guantong.kit.suites import INTERNATIONAL
from guantong.site.node import node_settings

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests() -> None:
    (node_settings().key_folder / FILE).unlink(missing_ok=True)


def held() -> dict[str, str]:
    path = node_settings().key_folder / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return json.loads(path.read_text())


def second(cast: Cast) -> Application:
    key = INTERNATIONAL.generate("police-desk").public.to_text()
    return actions.register_application(
        "police-desk", "户政系统", organisation=cast.police, public_key=key, clearance=2, by=SYSTEM, at=NOON
    )


def test_a_secret_is_given_once_and_kept_as_a_digest() -> None:
    cast = assemble()
    by = cast.as_actor(cast.xu)
    secret = actions.issue_secret(cast.counter, by=by, at=NOON)
    cast.counter.refresh_from_db()
    assert (cast.counter.secret, cast.counter.secret_issued_by) == (digest_of(secret), "许数")
    assert held() == {"one-window": secret}
    assert len(secret) == 43
    compiled = compile_bundle(node_settings(), sequence=1, by=SYSTEM, at=NOON).applications["one-window"]
    assert (compiled.secret, compiled.rid) == (digest_of(secret), cast.counter.rid)
    assert secret not in json.dumps(list(Entry.objects.values()), default=str)


def test_without_overlap_a_new_secret_ends_the_old_one_and_none_is_left_after_taking_it_away() -> None:
    cast = assemble()
    by = cast.as_actor(cast.xu)
    first = actions.issue_secret(cast.counter, by=by, at=NOON)
    other = actions.issue_secret(second(cast), by=cast.as_actor(cast.luo), at=NOON)
    again = actions.issue_secret(cast.counter, overlap_days=0, by=by, at=NOON)
    assert first != again
    assert held() == {"one-window": again, "police-desk": other}
    assert actions.revoke_secret(cast.counter, by=by, at=NOON).secret == ""
    assert held() == {"police-desk": other}
    kinds = set(Entry.objects.values_list("act", flat=True))
    assert {"application.secret_issued", "application.secret_renewed", "application.secret_revoked"} <= kinds


def test_others_and_programs_cannot() -> None:
    cast = assemble()
    for by in (cast.as_actor(cast.luo), cast.as_actor(cast.tian), cast.as_actor(cast.gao), SYSTEM):
        with pytest.raises(ApplicationOfAnother):
            actions.issue_secret(cast.counter, by=by, at=NOON)
        with pytest.raises(ApplicationOfAnother):
            actions.name_requester(cast.counter, "rid-of-mine", by=by, at=NOON)


def test_a_requester_identifier_is_drawn_and_can_be_named() -> None:
    cast = assemble()
    by = cast.as_actor(cast.xu)
    assert cast.counter.rid.endswith("@511600")
    assert len(cast.counter.rid) == 43
    rid = "7e0c3c9e-5a10-4f3c-9d3e-000000000001@gasz"
    assert actions.name_requester(cast.counter, rid, by=by, at=NOON).rid == rid
    again = actions.register_application(
        "one-window", "换名", organisation=cast.education, public_key=cast.counter.public_key, clearance=3,
        by=SYSTEM, at=NOON,
    )  # fmt: skip
    assert again.rid == rid
    with pytest.raises(RidTaken):
        actions.name_requester(second(cast), rid, by=cast.as_actor(cast.luo), at=NOON)
    for wrong in ("", "a b c d", "abc\r\n", "名" * 8, "x" * 101):
        with pytest.raises(RidWrong):
            actions.name_requester(cast.counter, wrong, by=by, at=NOON)


def _keep(folder: str, name: str) -> None:
    for n in range(20):
        follow(Path(folder), f"{name}-{n}", name)
        follow(Path(folder), f"{name}-{n}", f"{name} again", former=f"{name}-{n} before")
        drop(Path(folder), [f"{name}-{n - 1} before"])


def test_several_processes_keep_secrets_at_once(tmp_path: Path) -> None:
    several = [multiprocessing.Process(target=_keep, args=(str(tmp_path), f"p{n}")) for n in range(4)]
    for each in several:
        each.start()
    for each in several:
        each.join()
    assert len(json.loads((tmp_path / FILE).read_text())) == 84

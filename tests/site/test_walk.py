"""The guided walk: what is done follows the database; nothing of it outside development."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.cast import NODE, NOON, PERMITS, Cast, assemble, need, publish_permits

from guantong.kit.settings import Settings
from guantong.sharing import actions
from guantong.site import walk
from guantong.site.node import node_settings

pytestmark = pytest.mark.django_db

GUIDE: dict[str, Any] = {
    "item": "512B0156000000",
    "item_name": "随迁子女入学",
    "node": NODE,
    "purpose_text": "核验居住情况",
    "legal_basis": "《义务教育法》第十二条",
    "application": "one-window",
    "requester": "xu",
    "clerk": "li",
    "auditor": "gao",
    "citizen": "qian",
    "people": {"luo": {"name": "罗数", "node": NODE, "role": "data_officer"}},
    "needs": [
        {
            "resource": PERMITS,
            "name": "居住证信息",
            "node": NODE,
            "mode": "query",
            "fields": ["residence_division"],
            "officer": "luo",
            "approver": "jiang",
            "bureau": "tian",
        }
    ],
}


@pytest.fixture
def settings_with_guide() -> Any:
    settings = node_settings()
    written = {
        "walk.json": GUIDE,
        "log-ins.json": {"luo": {"password": "luo-password-1", "name": "罗数", "node": NODE}},
    }
    for name, content in written.items():
        (settings.home / name).write_text(json.dumps(content), encoding="utf-8")
    yield settings
    for name in written:
        (settings.home / name).unlink()


def done(settings: Settings) -> list[bool | None]:
    return [step.is_done for step in walk.steps(settings)]


def test_steps_are_done_as_the_database_says(settings_with_guide: Settings) -> None:
    cast: Cast = assemble()
    assert done(settings_with_guide) == [False] * 7 + [None]
    publish_permits(cast)
    assert done(settings_with_guide) == [True, True] + [False] * 5 + [None]
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    assert done(settings_with_guide)[2:4] == [True, False]
    actions.decide(asked, "approved", by=cast.as_actor(cast.jiang), at=NOON)
    assert done(settings_with_guide)[3] is False
    actions.decide(asked, "approved", by=cast.as_actor(cast.tian), at=NOON)
    assert done(settings_with_guide)[3:6] == [True, True, False]


def test_a_door_knows_the_password_of_this_nodes_log_ins_only(settings_with_guide: Settings) -> None:
    assemble()
    luo, jiang, tian = walk.steps(settings_with_guide)[0].rows[0].doors
    assert (luo.name, luo.password, luo.url) == ("罗数", "luo-password-1", f"/find/{PERMITS}/")
    assert (jiang.password, tian.password) == ("", "")


def test_the_request_comes_filled_in(settings_with_guide: Settings) -> None:
    assemble()
    (door,) = walk.steps(settings_with_guide)[2].rows[0].doors
    assert "wanted=residence_division" in door.url
    assert "purpose=512B0156000000" in door.url


def test_outside_development_there_is_nothing_to_walk_and_no_log_in(settings_with_guide: Settings) -> None:
    real = replace(settings_with_guide, development=False)
    assert walk.steps(real) == []
    assert walk.log_ins(real) == {}
    assert walk.families(real) == []
    assert walk.item(real) == ""


def test_a_guide_that_cannot_be_read_is_no_guide(settings_with_guide: Settings) -> None:
    (settings_with_guide.home / "walk.json").write_text("{}")
    assert walk.steps(settings_with_guide) == []

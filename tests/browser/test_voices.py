"""Corrections, disputes, notices and to-dos in real Chromium: sound in both languages at any width."""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from guantong.kit import clock
from guantong.sharing import actions
from tests.browser.test_catalogue import pictured
from tests.cast import PERMITS, Cast
from tests.dispatch.test_chromium import faults_of, in_chromium, visit
from tests.sharing.test_voices import answered, furnished, refused, reported

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def staged() -> tuple[Cast, dict[str, dict[str, str]]]:
    """A correction that runs, one that was rejected, a dispute that waits for its decision; the pages, by visitor."""
    cast = furnished()
    at = clock.now()
    running, rejected = reported(cast), reported(cast)
    answered(rejected, cast, "rejected", "与原始档案一致")
    dispute = actions.raise_dispute(refused(cast), words="属于法定职责", by=cast.as_actor(cast.xu), at=at)
    actions.speak(dispute, "said", words="数据不相关", by=cast.as_actor(cast.jiang), at=at)
    actions.speak(dispute, "taken_up", words="协商不成", by=cast.as_actor(cast.xu), at=at)
    return cast, {
        "xu": {
            "form": f"/share/corrections/file?resource={PERMITS}",
            "rejected": f"/share/corrections/{rejected.uuid}/",
            "corrections": "/share/corrections/",
            "notices": "/notices/",
            "choices": "/notices/choices/",
            "todo": "/todo/",
        },
        "luo": {"answering": f"/share/corrections/{running.uuid}/"},
        "tian": {
            "ruling": f"/share/disputes/{dispute.uuid}/",
            "disputes": "/share/disputes/",
            "todo-bureau": "/todo/",
        },
    }


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_of_correcting_and_disputing_is_sound(live_server: LiveServer, language: str) -> None:
    _cast, pages = staged()
    faults: dict[str, Any] = {}
    complaints: list[str] = []

    def look(browser: Browser) -> None:
        for who, paths in pages.items():
            page = visit(browser, live_server.url, who, language, complaints)
            for name, path in paths.items():
                answer = page.goto(live_server.url + path)
                assert answer is not None
                assert answer.status == 200, path
                for folded in page.locator("main details").all():
                    folded.evaluate("each => each.open = true")
                if found := faults_of(page):
                    faults[name] = found
                pictured(page, f"voice-{name}", language)

    in_chromium(look)
    assert (json.dumps(faults, ensure_ascii=False, indent=1), complaints) == ("{}", [])

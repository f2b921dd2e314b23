"""Corrections, disputes, notices and to-dos in real Chromium: sound in both languages at any width."""

import pytest
from pytest_django.live_server_helper import LiveServer

from guantong.kit import clock
from guantong.sharing import actions
from tests.browser.looking import look_at_all
from tests.cast import PERMITS, Cast
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
    look_at_all(live_server.url, pages, language, "voice")

"""Looks at many pages as many people, and says what is wrong with each."""

import json
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Browser

from tests.browser.test_catalogue import pictured
from tests.dispatch.test_chromium import faults_of, in_chromium, visit


def look_at_all(url: str, pages: Mapping[str, Mapping[str, str]], language: str, name: str) -> None:
    """Open every page of ``pages`` (who → name → path) with all that is folded unfolded; none may have a fault."""
    faults: dict[str, Any] = {}
    complaints: list[str] = []

    def look(browser: Browser) -> None:
        for who, paths in pages.items():
            page = visit(browser, url, who, language, complaints)
            for each, path in paths.items():
                answer = page.goto(url + path)
                assert answer is not None
                assert answer.status == 200, path
                for folded in page.locator("main details").all():
                    folded.evaluate("each => each.open = true")
                if found := faults_of(page):
                    faults[each] = found
                pictured(page, f"{name}-{each}", language)

    in_chromium(look)
    assert (json.dumps(faults, ensure_ascii=False, indent=1), complaints) == ("{}", [])

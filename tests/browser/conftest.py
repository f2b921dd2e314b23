"""Real Chromium, and visitors who sign in with it at the nodes of the told town."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from examples.guangan.story import Story
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser a module: Playwright keeps an event loop running for as long as it lives, and other tests have theirs."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path, "Chromium is missing: sh deploy/servers.sh"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Reader:
    """Someone at a browser window. ``complaints`` is what the browser said against our pages."""

    context: BrowserContext
    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str, status: int = 200) -> Page:
        response = self.page.goto(self.address + path)
        assert response is not None
        assert response.status == status, (path, response.status)
        return self.page


@dataclass
class Town:
    """The told town, and readers in it."""

    story: Story
    chromium: Browser
    readers: list[Reader] = field(default_factory=list)
    sessions: dict[str, Any] = field(default_factory=dict)

    def reader(
        self, username: str = "", *, language: str = "zh", node: str = "511600", **window: Any
    ) -> Reader:
        """A new window, signed in as ``username``; ``window`` as Playwright's ``new_context`` takes it."""
        address = self.story.town.url(node)
        window.setdefault("viewport", {"width": 1280, "height": 900})
        # Without motion, colours are what they will be as soon as they are asked for.
        context = self.chromium.new_context(
            storage_state=self.sessions.get(username), reduced_motion="reduce", **window
        )
        if language == "en":
            context.add_cookies([{"name": "django_language", "value": "en", "url": address}])
        page = context.new_page()
        reader = Reader(context, page, address)
        page.on("console", lambda message: _listen(reader, message))
        page.on("pageerror", lambda error: reader.complaints.append(str(error)))
        self.readers.append(reader)
        if username and username not in self.sessions:
            self._sign_in(reader, username)
            self.sessions[username] = context.storage_state()
        return reader

    def _sign_in(self, reader: Reader, username: str) -> None:
        who = self.story.town.log_in(username)
        page = reader.open("/sign-in/")
        page.locator("#id_username").fill(username)
        page.locator("#id_password").fill(who["password"])
        page.locator("#id_password").press("Enter")
        page.wait_for_url(reader.address + "/")

    def rows(self, username: str, path: str) -> list[dict[str, Any]]:
        """A list of the pages as JSON."""
        page = self.story.town.visitor(username).get(f"{path}?format=json")
        rows: list[dict[str, Any]] = page.json()["rows"]
        return rows


def _listen(reader: Reader, message: ConsoleMessage) -> None:
    # A page that answers 4xx on purpose is no fault of the page.
    if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
        reader.complaints.append(message.text)


@pytest.fixture(scope="module")
def shared_town(told: Story, chromium: Browser) -> Town:
    return Town(told, chromium)


@pytest.fixture
def town(shared_town: Town) -> Iterator[Town]:
    """The town; afterwards no page may have drawn a complaint from the browser (scripts, content policy)."""
    yield shared_town
    complaints = [complaint for reader in shared_town.readers for complaint in reader.complaints]
    for reader in shared_town.readers:
        reader.context.close()
    shared_town.readers.clear()
    assert complaints == []

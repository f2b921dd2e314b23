"""Someone at a browser without JavaScript: pages, forms, cookies. Everything goes over HTTP as a person's would."""

import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True)
class Page:
    """What came back: where we ended up, the status, the text."""

    url: str
    status: int
    text: str

    @property
    def path(self) -> str:
        """The path and query of the address we ended up at."""
        parts = urllib.parse.urlsplit(self.url)
        return parts.path

    def json(self) -> Any:
        """The text as JSON."""
        return json.loads(self.text)


class Visitor:
    """One visitor with a cookie jar of their own."""

    def __init__(self, address: str, name: str = "") -> None:
        self.address, self.name = address, name
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)

    def get(self, path: str) -> Page:
        """Open a page; refusals come back as pages too."""
        return self._open(urllib.request.Request(self.address + path))  # noqa: S310 - our own address

    def raw(self, path: str) -> bytes:
        """Download a file."""
        with self._opener.open(self.address + path, timeout=60) as reply:
            return bytes(reply.read())

    def post(self, path: str, fields: dict[str, Any] | None = None, *, source: str | None = None) -> Page:
        """Fill in and send the form at ``path`` that the page ``source`` (default: ``path``) shows."""
        shown = self.get(source or path)
        token = _TOKEN.search(shown.text)
        if token is None:
            raise AssertionError(f"no form on {shown.url} ({shown.status}): {shown.text[:2000]}")
        values = {"csrfmiddlewaretoken": token[1], **(fields or {})}
        body = urllib.parse.urlencode(values, doseq=True).encode()
        headers = {"Referer": shown.url}
        return self._open(urllib.request.Request(self.address + path, data=body, headers=headers))  # noqa: S310

    def sign_in(self, username: str, password: str) -> None:
        """Sign in; AssertionError if the page comes back."""
        page = self.post("/sign-in/", {"username": username, "password": password})
        if page.path == "/sign-in/":
            raise AssertionError(f"{username} cannot sign in")

    def _open(self, request: urllib.request.Request) -> Page:
        try:
            with self._opener.open(request, timeout=60) as reply:
                return Page(reply.url, reply.status, reply.read().decode())
        except urllib.error.HTTPError as error:
            return Page(str(error.url), error.code, error.read().decode(errors="replace"))

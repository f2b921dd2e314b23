"""A department's own system at the signed door: what it sends, and that it believes only the node's signed answers."""

import json
import secrets
from typing import Any

from django.conf import settings
from django.test import Client

from guantong.kit import clock, http_signatures
from guantong.kit.doorkeeper import check_answer
from guantong.kit.http_signatures import Request, Response, content_digest
from guantong.kit.suites import SigningKey

API = "/api/sharing/v1"


class System:
    """One application with its key."""

    def __init__(self, key: SigningKey, keyid: str) -> None:
        self.key, self.keyid = key, keyid
        self.client = Client()

    def headers(self, method: str, path: str, body: bytes, **changes: Any) -> dict[str, str]:
        """The fields that sign a call; ``changes`` go to the signature."""
        address = f"http://testserver{path}"
        found = {"content-digest": content_digest(body)} if body or method != "GET" else {}
        covered = ["@method", "@path", *(["@query"] if "?" in path else []), *found]
        given = {
            "created": clock.millis() // 1000,
            "keyid": self.keyid,
            "nonce": secrets.token_urlsafe(18),
            **changes,
        }
        components = given.pop("components", covered)
        return found | http_signatures.sign(Request(method, address, found), components, self.key, **given)

    def call(self, method: str, path: str, said: Any = None, **changes: Any) -> tuple[int, dict[str, Any]]:
        """Status and JSON of an answer, once its signature by the node fits it and this very call."""
        body = said if isinstance(said, bytes) else b"" if said is None else json.dumps(said).encode()
        headers = changes.pop("headers", None) or self.headers(method, API + path, body, **changes)
        answer = self.client.generic(
            method, API + path, body, content_type="application/json", headers=headers
        )
        asked = Request(
            method, f"http://testserver{API}{path}", {"content-type": "application/json", **headers}
        )
        shown = Response(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, asked)
        http_signatures.check_content_digest(answer.content, answer.headers["content-digest"])
        node = SigningKey.from_text((settings.NODE.key_folder / "node.key").read_text().strip())
        if "signature" in headers:
            check_answer(shown, node.public, settings.NODE.node)
        assert not answer.cookies
        found: dict[str, Any] = answer.json()
        return answer.status_code, found

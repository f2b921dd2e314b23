"""Notices read, chosen, mailed through a real SMTP server and posted to a real receiver; each once, and honest about it."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from tests.cast import NOON, Cast, assemble

from guantong.federation.keys import node_key
from guantong.journal.types import SYSTEM, Subject
from guantong.kit import clock, http_signatures
from guantong.kit.http_components import Request
from guantong.kit.settings import Settings
from guantong.notices import actions, posting, queries
from guantong.notices.errors import WebhookNotAllowed
from guantong.notices.models import Delivery, Notice
from guantong.site.node import node_settings

pytestmark = pytest.mark.django_db


class Smtp(socketserver.ThreadingTCPServer):
    """Enough of RFC 5321 to take mail in; ``refuse`` is answered to DATA's end instead of 250."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[Any] = []
        self.refuse = b""


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Smtp)
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go\r\n")
                raw = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    raw += part
                if not server.refuse:
                    server.mails.append(message_from_bytes(raw, policy=policy.default))
                self.wfile.write(server.refuse or b"250 ok\r\n")
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.heard.append((self.path, headers, body))  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def told(cast: Cast, once: str, organisation: str = "") -> Notice:
    with transaction.atomic():
        return actions.tell(
            organisation or cast.education.code, "request_granted", {"number": f"SQ{once}"},
            permission="request:file", subject=Subject("request", "x"), once=once, by=SYSTEM, at=NOON,
        )  # fmt: skip


def chosen(cast: Cast, **changes: Any) -> None:
    values = {
        "language": "zh",
        "mail": "xu@example.cn",
        "by_mail": ["request"],
        "webhook": "",
        "by_webhook": [],
    }
    actions.choose(cast.xu, **{**values, **changes}, by=cast.as_actor(cast.xu), at=NOON)


def sent(settings: Settings, *, after: timedelta = timedelta()) -> int:
    return posting.post(settings=settings, key=node_key(settings), by=SYSTEM, at=NOON + after)


def test_many_notices_are_one_mail_and_none_is_sent_twice() -> None:
    cast = assemble()
    chosen(cast)
    for n in range(3):
        told(cast, str(n))
    told(cast, "theirs", cast.police.code)
    with serving(Smtp()) as server:
        settings = mailing(server)
        assert (sent(settings), sent(settings), len(server.mails)) == (3, 0, 1)
        told(cast, "0")
        assert sent(settings) == 0
        mail = server.mails[0]
    text = mail.get_content()
    assert all(f"申请 SQ{n} 已授权" in text for n in range(3))
    assert mail["To"] == "xu@example.cn"
    assert "3 条通知" in mail["Subject"]
    assert {each.state for each in Delivery.objects.all()} == {"sent"}


def mailing(server: Smtp, **changes: Any) -> Settings:
    values = {
        "mail_host": "127.0.0.1", "mail_port": server.server_address[1], "mail_security": "none",
        "mail_from": "node@example.cn", **changes,
    }  # fmt: skip
    return replace(node_settings(), **values)


def test_a_server_that_is_down_or_refuses_is_tried_again_later_each_time() -> None:
    cast = assemble()
    chosen(cast)
    told(cast, "1")
    with serving(Smtp()) as server:
        settings = mailing(server)
        server.refuse = b"451 xu@example.cn is busy\r\n"
        assert sent(settings) == 0
        row = Delivery.objects.get()
        assert (row.state, row.attempts, row.failure) == ("waiting", 1, "SMTP 451")
        server.refuse = b""
        assert sent(settings) == 0
        assert sent(settings, after=timedelta(minutes=2)) == 1
    told(cast, "2")
    assert sent(settings) == 0
    assert "Refused" in Delivery.objects.get(state="waiting").failure
    for n in range(12):
        sent(settings, after=timedelta(days=1 + n))
    assert Delivery.objects.get(notice__once__endswith="/2").state == "failed"
    actions.try_again(cast.xu, by=cast.as_actor(cast.xu), at=NOON)
    assert Delivery.objects.get(notice__once__endswith="/2").state == "waiting"


def test_a_webhook_is_signed_by_the_node_and_says_the_sentence_only(settings: Any) -> None:
    cast = assemble()
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), _Hook)) as server:
        server.heard, server.status = [], 503
        origin = f"http://127.0.0.1:{server.server_address[1]}"
        settings.NODE = replace(node_settings(), notice_webhooks=f"https://elsewhere.example, {origin}")
        chosen(cast, by_mail=[], webhook=f"{origin}/told?by=guantong", by_webhook=["request"])
        notice = told(cast, "1")
        assert sent(settings.NODE) == 0
        assert Delivery.objects.get().failure == "HTTP 503"
        server.status = 204
        assert sent(settings.NODE, after=timedelta(minutes=5)) == 1
        (_, first, _), (path, headers, body) = server.heard
    assert path == "/told?by=guantong"
    assert headers["idempotency-key"] == first["idempotency-key"] == f'"{notice.uuid}/{cast.xu.uuid}"'
    key = node_key(node_settings())
    http_signatures.check_content_digest(body, headers["content-digest"])
    verified = http_signatures.verify(
        Request("POST", f"{origin}{path}", headers), lambda found: key.public if found == key.name else None,
        required=posting.SIGNED, at=int(clock.now().timestamp()), window_s=60,
    )  # fmt: skip
    assert verified.keyid == key.name
    assert set(json.loads(body)) == {"id", "kind", "code", "at", "zh", "en", "link"}


def test_nothing_goes_to_an_address_that_no_operator_allowed(settings: Any) -> None:
    cast = assemble()
    for address in (
        "http://127.0.0.1:8000/",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "https://a@b.cn/",
    ):
        with pytest.raises(WebhookNotAllowed):
            chosen(cast, webhook=address, by_webhook=["request"])
    settings.NODE = replace(node_settings(), notice_webhooks="https://hooks.example")
    chosen(cast, by_mail=[], webhook="https://hooks.example/x", by_webhook=["request"])
    told(cast, "1")
    settings.NODE = node_settings()
    assert sent(settings.NODE) == 0
    row = Delivery.objects.get()
    assert (row.state, row.failure) == ("failed", "webhook_not_allowed")


def test_the_page_shows_the_unread_first_and_the_navigation_counts_them() -> None:
    cast = assemble()
    notices = [told(cast, str(n)) for n in range(3)]
    client = Client()
    client.force_login(cast.xu)
    assert queries.unread_count(cast.xu) == 3
    client.post("/notices/mark", {"notice": [notices[2].pk, "x", "9" * 30]})
    rows = client.get("/notices/?format=json").json()["rows"]
    assert [row["unread"] for row in rows] == [1, 1, 0]
    assert client.get(f"/notices/{notices[1].uuid}").status_code == 302
    assert queries.unread_count(cast.xu) == 1
    client.post("/notices/mark", {"act": "all"})
    assert queries.unread_count(cast.xu) == 0
    told(cast, "new")
    assert queries.unread_count(cast.xu) == 1
    assert client.get("/notices/?unread=1&format=json").json()["total"] == 1
    assert client.get("/notices/?kind=dispute&format=json").json()["total"] == 0
    assert queries.unread_count(cast.luo) == 0
    other = Client()
    other.force_login(cast.luo)
    assert other.get(f"/notices/{notices[0].uuid}").status_code == 404

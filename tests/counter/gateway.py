"""A real HTTP server that stands in for a gateway: it checks signatures, signs receipts, and obeys the test."""

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from guantong.kit import canonical, clock, envelope, http_signatures
from guantong.kit.http_signatures import Request, Response
from guantong.kit.suites import SigningKey

Answer = dict[str, Any]


class Refusal(Exception):
    """What the stand-in says instead of an answer."""

    def __init__(
        self, status: int, code: str, zh: str = "不行。", en: str = "No.", node: str = "511600"
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.zh, self.en, self.node = status, code, zh, en, node


class StandIn:
    """``answers`` maps a resource to what it says to given keys; it may raise a Refusal."""

    def __init__(self, node_key: SigningKey, application_key: SigningKey) -> None:
        self.node_key = node_key
        self.application_key = application_key
        self.provider_key = node_key
        self.answers: dict[str, Callable[[dict[str, Any]], Answer]] = {}
        """The resource ``-`` stands for any call without a grant."""
        self.asked: list[dict[str, Any]] = []
        self.count: Counter[str] = Counter()
        self.delay_s = 0.0
        self.spoil: Callable[[dict[str, Any]], None] = lambda _: None
        self.proof: tuple[int, bytes] = (
            404,
            b'{"error":{"code":"not_in_log_yet","message":{"zh":"","en":""}}}',
        )
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path.startswith("/v1/proofs/"):
            return self.proof
        asked = json.loads(body)
        self.asked.append({**asked, "path": path})
        self.count[asked["trace"]] += 1
        time.sleep(self.delay_s)
        call = uuid.uuid4().hex
        try:
            answer = self.answers["-" if asked["grant"] == "-" else asked["resource"]](asked)
        except Refusal as no:
            said = {
                "error": {"code": no.code, "message": {"zh": no.zh, "en": no.en}},
                "call": call,
                "node": no.node,
                "receipt": self.receipt(asked, call, decision="refuse") if no.status == 403 else None,
            }
            return no.status, canonical.dumps(said)
        salt = "00" * 16
        digest = envelope.digest(bytes.fromhex(salt) + canonical.dumps(answer))
        receipt = self.receipt(asked, call, decision="allow", answer=digest)
        named = envelope.digest(canonical.dumps(receipt))
        said = {
            "call": call,
            "answer": answer,
            "salt": salt,
            "receipt": receipt,
            "countersign": self.receipt(
                asked, call, decision="allow", provider_receipt=named, role="consumer"
            ),
            "hops": [],
        }
        self.spoil(said)
        return 200, canonical.dumps(said)

    def receipt(self, asked: dict[str, Any], call: str, **more: Any) -> dict[str, Any]:
        body = {
            "call": call,
            "trace": asked["trace"],
            "role": "provider",
            "node": "511600",
            "provider": {"node": "511600", "organisation": "P-1"},
            "at": clock.rfc3339(clock.now()),
            "resource": asked["resource"],
            "grant": asked["grant"],
            "purpose": asked["purpose"],
            "case": asked["case"],
            "fields": asked.get("fields") or list(asked.get("claims", {})),
            **more,
        }
        return canonical.loads(envelope.seal("guantong/receipt@v1", body, self.provider_key))


def _handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, stand_in.url + self.path, headers)
            http_signatures.check_content_digest(body, headers["content-digest"])
            http_signatures.verify(
                request,
                lambda keyid: (
                    stand_in.application_key.public if keyid == stand_in.application_key.name else None
                ),
                required=("@method", "@path", "content-digest"),
                at=clock.millis() // 1000,
            )
            status, said = stand_in.reply(self.path, body)
            answer = {"content-digest": http_signatures.content_digest(said)}
            answer |= http_signatures.sign(
                Response(status, answer, request),
                ("@status", "content-digest", "@method;req", "@path;req", "signature;req"),
                stand_in.node_key,
                created=clock.millis() // 1000,
                keyid="511600",
            )
            self.send_response(status)
            for name, value in {**answer, "content-length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = _serve  # noqa: N815 - the server's own names

        def log_message(self, *_: object) -> None:
            pass

    return Handler

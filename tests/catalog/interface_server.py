"""A department's own HTTP interface, as small as it can be: residence permits by number, a token wanted."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

PERMITS = {
    "510602199001010018": {"area": "511602", "until": "2030-01-01", "phone": "13800000000"},
    "510602199001010026": {"area": "511622", "until": "2031-01-01", "phone": "13900000000"},
}


class Handler(BaseHTTPRequestHandler):
    """``/permits/<number>`` and ``/health``, for whoever shows the token."""

    def do_GET(self) -> None:
        number = self.path.rpartition("/")[2]
        found = {"id": number, **PERMITS[number]} if number in PERMITS else None
        if self.headers.get("x-token") != "inside":
            self._answer(401, {"code": 401})
        elif self.path == "/base/health":
            self._answer(200, {"status": "up"})
        elif self.path.startswith("/base/permits/"):
            self._answer(200, {"code": 0, "secret": "internal", "data": [found] if found else []})
        else:
            self._answer(404, {"code": 404})

    def _answer(self, status: int, said: object) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def serving() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/base"
        finally:
            server.shutdown()
            thread.join()

"""A department's own interface: a small HTTP server that remembers what reached it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from tests.gateway.town import Quiet, listening, until

PERSON = {
    "sfzh": "511602199001011234", "xm": "张三", "csrq": "1990-01-01", "dh": "13812345678", "csd": "511602",
    "income": 12345678901234567890.125, "secret": "never",
}  # fmt: skip


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Department:
    """What it heard, and how it behaves: ``status`` other than 200 is answered at once, ``hangs`` never."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    status: int = 200
    hangs: bool = False
    body: bytes | None = None
    media_type: str = "application/json; charset=utf-8"
    broken_off: int = 0
    people: list[dict[str, Any]] = field(default_factory=lambda: [PERSON])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.broken_off += 1
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode()))
        self.seen.append(Seen(scope["method"], scope["raw_path"].decode(), query, headers, bytes(body)))
        if self.hangs:
            await asyncio.Event().wait()
        said = {"code": 0, "message": "ok", "internal": "secret", "data": self.people}
        text = json.dumps(said, ensure_ascii=False).replace(
            "1.2345678901234567e+19", "12345678901234567890.125"
        )
        answer = self.body if self.body is not None else text.encode()
        told = [(b"content-type", self.media_type.encode()), (b"x-total", b"1"), (b"set-cookie", b"a=b")]
        await send({"type": "http.response.start", "status": self.status, "headers": told})
        await send({"type": "http.response.body", "body": answer})


@contextlib.asynccontextmanager
async def open_for_business() -> AsyncIterator[Department]:
    department = Department()
    place = listening()
    department.url = f"http://127.0.0.1:{place.getsockname()[1]}"
    config = uvicorn.Config(
        department, http="httptools", lifespan="off", log_level="critical", timeout_graceful_shutdown=1
    )
    server = Quiet(config)
    running = asyncio.create_task(server.serve(sockets=[place]))
    try:
        await until(lambda: server.started)
        yield department
    finally:
        server.should_exit = True
        server.force_exit = True
        await running

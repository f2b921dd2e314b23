"""The baseline: the smallest raw ASGI application, on the very server that the gateway runs on."""

import sys
from typing import Any

import uvicorn

BODY = b'{"hello":"world"}'


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await receive()
        headers = [(b"content-length", str(len(BODY)).encode()), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    uvicorn.run(
        hello, port=int(sys.argv[1]), loop="uvloop", http="httptools", lifespan="off",
        log_level="warning", access_log=False, server_header=False,
    )  # fmt: skip

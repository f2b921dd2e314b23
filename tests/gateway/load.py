"""Clients that call all the time, while something happens to what they call."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from tests.gateway import cast
from tests.gateway.town import Town, query, signed, until


class Caller:
    """A client that keeps its connection as long as it is let, and never tries a call twice."""

    def __init__(self, town: Town, **asked: Any) -> None:
        self._town = town
        self._asked = asked
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.answered: list[str] = []
        self.failed: list[str] = []
        self.goodbyes = 0

    async def call(self) -> None:
        port = self._town.city.settings.gateway_port
        body = json.dumps(query(**self._asked), ensure_ascii=False).encode()
        request = signed(
            "POST", f"{self._town.city.url}/v1/query", body, self._town.keys.application, keyid=cast.ENROLMENT
        )
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        head = ["POST /v1/query HTTP/1.1", f"host: 127.0.0.1:{port}", f"content-length: {len(body)}", *lines]
        try:
            reader, writer = self._streams or await asyncio.open_connection("127.0.0.1", port)
            self._streams = reader, writer
            writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
            told = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            headers = dict(line.split(": ", 1) for line in told.split("\r\n")[1:] if line)
            answer = json.loads(await reader.readexactly(int(headers["content-length"])))
        except (OSError, asyncio.IncompleteReadError) as fault:
            self.failed.append(repr(fault))
            self.close()
            return
        if told.split()[1] == "200":
            self.answered.append(answer["call"])
        else:
            self.failed.append(answer["error"]["code"])
        if headers.get("connection") == "close":
            self.goodbyes += 1
            self.close()

    async def call_until(self, is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            await self.call()
        self.close()

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
        self._streams = None


async def under_load(
    town: Town, what: Callable[[list[Caller]], Any], callers: list[Caller] | None = None
) -> list[Caller]:
    """Do ``what`` while the callers call (by default eight, for the school's question); who they were."""
    is_over = asyncio.Event()
    callers = callers or [Caller(town) for _ in range(8)]
    tasks = [asyncio.create_task(caller.call_until(is_over)) for caller in callers]
    try:
        await what(callers)
    finally:
        is_over.set()
        await asyncio.gather(*tasks)
    return callers


async def more(callers: list[Caller], count: int = 200) -> None:
    """Return when that many more calls were answered."""
    wanted = sum(len(one.answered) for one in callers) + count
    await until(lambda: sum(len(one.answered) for one in callers) >= wanted)

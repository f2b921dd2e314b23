"""The courier against real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from guantong.courier.client import Courier, SyncCourier, origin_of
from guantong.courier.errors import DestinationNotAllowed, PeerAnswerTooLarge, PeerTimedOut, PeerUnreachable

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def peer(handler: Handler) -> AsyncIterator[str]:
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        await handler(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        server.close()
        await server.wait_closed()


def answering(raw: bytes) -> Handler:
    async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        if b"Connection: close" in raw:
            writer.close()

    return handler


async def test_a_peer_answers() -> None:
    reply_bytes = b"HTTP/1.1 201 Created\r\nX-Seen: yes\r\nContent-Length: 2\r\n\r\nok"
    async with peer(answering(reply_bytes)) as url, Courier([url]) as courier:
        reply = await courier.send("POST", url + "/a", headers={"X-A": "b"}, body=b"body")
    assert (reply.status, reply.body, reply.headers["x-seen"]) == (201, b"ok", "yes")


async def test_the_synchronous_courier_answers_alike() -> None:
    async with peer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) as url:
        with SyncCourier([url]) as courier:
            reply = await asyncio.to_thread(courier.send, "GET", url)
    assert reply.body == b"ok"


async def test_a_redirect_is_not_followed() -> None:
    raw = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    async with peer(answering(raw)) as url, Courier([url]) as courier:
        assert (await courier.send("GET", url)).status == 302


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "https://127.0.0.1:8/",
        "http://127.0.0.1:8@evil.example/",
        "http://user:pass@127.0.0.1:8/",
        "file:///etc/passwd",
        "ftp://127.0.0.1:8/",
        "not an address",
        "http://[::1]:8/",
    ],
)
async def test_other_destinations_are_refused(url: str) -> None:
    async with Courier(["http://127.0.0.1:8"]) as courier:
        with pytest.raises(DestinationNotAllowed):
            await courier.send("GET", url)


def test_spellings_of_one_origin_are_one() -> None:
    assert origin_of("http://Example.org:80/x?y") == origin_of("http://example.org")
    assert origin_of("http://0x7f.1:8/") == "http://127.0.0.1:8"


async def test_nobody_listens() -> None:
    async with Courier(["http://127.0.0.1:1"]) as courier:
        with pytest.raises(PeerUnreachable) as caught:
            await courier.send("GET", "http://127.0.0.1:1/", peer="510000")
    assert "510000" in caught.value.sentence("zh")


async def test_a_peer_that_hangs_up_is_unreachable() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with peer(hang_up) as url, Courier([url]) as courier:
        with pytest.raises(PeerUnreachable):
            await courier.send("GET", url)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_a_peer_that_hangs_times_out(start: bytes) -> None:
    async with peer(answering(start)) as url, Courier([url]) as courier:
        with pytest.raises(PeerTimedOut):
            await courier.send("GET", url, timeout_s=0.2)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + b"x" * 9999,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 9999,
    ],
)
async def test_an_answer_too_large_is_cut_off(raw: bytes) -> None:
    async with peer(answering(raw)) as url, Courier([url], max_body=1000) as courier:
        with pytest.raises(PeerAnswerTooLarge):
            await courier.send("GET", url)

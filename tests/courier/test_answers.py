"""What peers may answer, on connections that are used again: whole, broken, endless, split, late, and too much."""

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from guantong.courier import client
from guantong.courier.client import Courier
from guantong.courier.errors import PeerAnswerTooLarge, PeerTimedOut, PeerUnreachable

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """A server that answers the nth request with the nth of ``answers``, whichever connection it comes on."""

    hangs = False

    def __init__(self, *answers: bytes | list[bytes], closes: bool = False) -> None:
        self.answers = list(answers)
        self.closes = closes
        self.heard: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self.heard.append(head + await reader.readexactly(int(length or 0)))
            answer = self.answers.pop(0) if self.answers else b""
            for part in answer if isinstance(answer, list) else [answer]:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            if self.hangs:
                await asyncio.Event().wait()
            if self.closes or not answer:
                break
        writer.close()


@contextlib.asynccontextmanager
async def open_peer(peer: Peer, *, secure: ssl.SSLContext | None = None) -> AsyncIterator[Courier]:
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):  # the courier has gone
            await peer.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=secure)
    port = server.sockets[0].getsockname()[1]
    peer.url = f"{'https' if secure else 'http'}://127.0.0.1:{port}"
    try:
        async with Courier([peer.url], timeout_s=5, max_body=1000) as courier:
            yield courier
    finally:
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):  # closed by the courier already
                await writer.wait_closed()
        server.close()
        await server.wait_closed()


async def test_a_connection_is_used_again() -> None:
    peer = Peer(*[OK] * 5)
    async with open_peer(peer) as courier:
        for _ in range(5):
            assert (await courier.send("POST", peer.url + "/a?b=c", body=b"body")).body == b"ok"
    assert (peer.connections, len(peer.heard)) == (1, 5)
    head = peer.heard[0].decode().split("\r\n")
    assert head[0] == "POST /a?b=c HTTP/1.1"
    assert {"user-agent: guantong", f"host: {peer.url[7:]}", "content-length: 4"} <= set(head)


async def test_many_at_once_have_a_connection_each() -> None:
    peer = Peer(*[OK] * 20)
    async with open_peer(peer) as courier:
        await asyncio.gather(*(courier.send("GET", peer.url) for _ in range(10)))
        await asyncio.gather(*(courier.send("GET", peer.url) for _ in range(10)))
    assert peer.connections == 10


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        ([OK[:9], OK[9:20], OK[20:]], b"ok"),
        (
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", b"3\r\nxyz\r\n0\r\n\r\n"],
            b"okxyz",
        ),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", OK], b"ok"),
        ([b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK], b"ok"),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
        ([b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n"], b""),
    ],
)
async def test_an_answer_in_any_pieces_is_read(raw: list[bytes], body: bytes) -> None:
    peer = Peer(raw, OK)
    async with open_peer(peer) as courier:
        assert (await courier.send("GET", peer.url)).body == body
        assert (await courier.send("GET", peer.url)).body == b"ok", "and the connection is good for the next"
    assert peer.connections == 1


async def test_what_comes_behind_a_body_is_no_header() -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: early\r\n\r\n2\r\nok\r\n0\r\nX: late\r\nY: z\r\n\r\n"
    peer = Peer(raw, OK)
    async with open_peer(peer) as courier:
        reply = await courier.send("GET", peer.url)
        assert (reply.body, reply.headers["x"], "y" in reply.headers) == (b"ok", "early", False)
        assert (await courier.send("GET", peer.url)).body == b"ok"


async def test_an_answer_may_last_as_long_as_its_connection() -> None:
    peer = Peer([b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall", b" of it"], OK, closes=True)
    async with open_peer(peer) as courier:
        assert (await courier.send("GET", peer.url)).body == b"all of it"
        assert (await courier.send("GET", peer.url)).body == b"ok"
    assert peer.connections == 2


async def test_the_answer_to_a_head_request_has_no_body() -> None:
    peer = Peer(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nX: y\r\n\r\n", OK)
    async with open_peer(peer) as courier:
        reply = await courier.send("HEAD", peer.url)
        assert (reply.status, reply.body, reply.headers["x"]) == (200, b"", "y")
        assert (await courier.send("GET", peer.url)).body == b"ok"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n X: y\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200",
        b"\x00" * 100,
    ],
)
async def test_what_is_no_whole_answer_is_none(raw: bytes) -> None:
    peer = Peer(raw, closes=True)
    async with open_peer(peer) as courier:
        with pytest.raises(PeerUnreachable):
            await courier.send("POST", peer.url, body=b"x")
    assert len(peer.heard) == 1, "and it is not asked twice"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(20_000)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + b"x" * 255 + b"\r\n" + b"ff\r\n" * 9,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"ff\r\n" + b"x" * 255 + b"\r\n") * 9,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
    ],
)
async def test_an_endless_answer_is_cut_off(raw: bytes) -> None:
    peer = Peer(raw, closes=True)
    async with open_peer(peer) as courier:
        with pytest.raises((PeerAnswerTooLarge, PeerUnreachable)):
            await courier.send("GET", peer.url)


async def test_what_nobody_asked_for_poisons_nothing() -> None:
    """A second answer in the same breath, or later, is not taken for the answer to the next request."""
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    peer = Peer(OK + evil, OK)
    async with open_peer(peer) as courier:
        assert (await courier.send("GET", peer.url)).body == b"ok"
        assert (await courier.send("GET", peer.url)).body == b"ok"
    assert peer.connections == 2
    late = Peer([OK, evil[:10]], OK)
    async with open_peer(late) as courier:
        assert (await courier.send("GET", late.url)).body == b"ok"
        await asyncio.wait_for(_until_idle_is_gone(courier), 5)
        assert (await courier.send("GET", late.url)).body == b"ok"
    assert late.connections == 2


async def _until_idle_is_gone(courier: Courier) -> None:
    while any(one.is_idle for kept in courier._idle.values() for one in kept):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("method", "heard"), [("GET", 2), ("POST", 1)])
async def test_a_kept_connection_that_closed_is_tried_again_only_where_nothing_changes(
    method: str, heard: int
) -> None:
    peer = Peer(OK, b"", OK)
    async with open_peer(peer) as courier:
        assert (await courier.send("GET", peer.url)).body == b"ok"
        if method == "GET":
            assert (await courier.send(method, peer.url)).body == b"ok"
        else:
            with pytest.raises(PeerUnreachable):
                await courier.send(method, peer.url, body=b"x")
    assert len(peer.heard) == 1 + heard


async def test_a_late_answer_is_not_given_to_the_next_request() -> None:
    gate = asyncio.Event()

    class Slow(Peer):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            await reader.readuntil(b"\r\n\r\n")
            if self.connections == 1:
                await gate.wait()
            writer.write(OK if self.connections > 1 else OK.replace(b"ok", b"no"))
            writer.close()

    peer = Slow()
    async with open_peer(peer) as courier:
        with pytest.raises(PeerTimedOut):
            await courier.send("GET", peer.url, timeout_s=0.1)
        gate.set()
        assert (await courier.send("GET", peer.url)).body == b"ok"
    assert peer.connections == 2


async def test_whoever_stops_waiting_takes_the_connection_along() -> None:
    peer = Peer()
    async with open_peer(peer) as courier:
        peer.hangs = True
        task = asyncio.create_task(courier.send("GET", peer.url))
        while not peer.heard:  # noqa: ASYNC110 - what is waited for happens in the peer
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not courier._idle


class Numbers:
    """A megabyte, in parts."""

    size = 1 << 20
    content_digest = ""

    def __iter__(self) -> Iterator[bytes]:
        return iter([bytes([n]) * 4096 for n in range(256)])

    def close(self) -> None:
        """Nothing to let go of."""


async def test_a_body_in_parts_arrives_whole_and_an_answer_may_be_taken_in_parts() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"z" * 900_000
    peer = Peer(answer, OK)
    taken: list[bytes] = []
    async with open_peer(peer) as courier:
        reply = await courier.send("PUT", peer.url, body=Numbers(), keep=taken.append, max_body=1_000_000)
        assert (reply.body, b"".join(taken)) == (b"", b"z" * 900_000)
        assert (await courier.send("GET", peer.url)).body == b"ok"
    assert peer.heard[0].endswith(b"".join(Numbers()))
    assert peer.connections == 1


async def test_a_peer_that_answers_before_it_has_heard_all_is_believed() -> None:
    class Hasty(Peer):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

    peer = Hasty()
    async with open_peer(peer) as courier:
        assert (await courier.send("PUT", peer.url, body=Numbers())).status == 413


@pytest.mark.parametrize("header", [{"x": "a\r\nhost: evil"}, {"x\n": "y"}, {"x": "a\0b"}])
async def test_a_header_is_one_line(header: dict[str, str]) -> None:
    peer = Peer(OK)
    async with open_peer(peer) as courier:
        with pytest.raises(ValueError, match="one line"):
            await courier.send("GET", peer.url, headers=header)
    assert peer.heard == []


# ── TLS ──


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "peer.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "peer.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / "peer.pem", folder / "peer.key"


async def test_over_tls_only_whom_this_machine_trusts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, key = certificate(tmp_path)
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    secure.load_cert_chain(chain, key)
    peer = Peer(OK, OK, OK)
    async with open_peer(peer, secure=secure) as courier:
        with pytest.raises(PeerUnreachable):
            await courier.send("GET", peer.url)
        assert peer.heard == []
        trusting = ssl.create_default_context(cafile=str(chain))
        monkeypatch.setattr(client, "_tls", lambda: trusting)
        assert (await courier.send("GET", peer.url)).body == b"ok"
        assert (await courier.send("GET", peer.url)).body == b"ok"
        elsewhere = peer.url.replace("127.0.0.1", "localhost")
        courier.allow([elsewhere])
        with pytest.raises(PeerUnreachable):
            await courier.send("GET", elsewhere)
    assert len(peer.heard) == 2

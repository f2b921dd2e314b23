"""Who may hand over what at the office: only signed, only once, only by the way that the grant takes."""

import asyncio
import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.exchange.test_mail import a_way
from tests.exchange.tree import CITY, EDGE, NATION, PROVINCE, Tree, Way

from guantong.bundle.types import Bundle
from guantong.evidence import spool
from guantong.exchange.decide import permit
from guantong.exchange.mail.postings import Posting, posting_of, unpacked
from guantong.exchange.mail.room import Mailroom
from guantong.exchange.mail.server import Office
from guantong.exchange.manifests import Contents, Scribe, name_of
from guantong.exchange.node import Node
from guantong.exchange.receipts import WRITER, Accounts
from guantong.exchange.staging import FolderStore
from guantong.kit import clock, envelope, http_signatures
from guantong.kit.http_signatures import Request
from guantong.kit.suites import INTERNATIONAL, SigningKey


class Counter:
    """The office of one node, spoken to without a network; whoever speaks signs by the key that they have."""

    def __init__(self, tree: Tree, code: str) -> None:
        self.tree, self.code = tree, code
        home = tree.home(code)
        self.accounts = Accounts(home / "spool", node=code, key=tree.keys[code], suite=INTERNATIONAL)
        self.node = Node(
            code=code, key=tree.keys[code], suite=INTERNATIONAL, folder=home / "exchange", subject_key=b"s" * 32,
            addresses=dict, accounts=self.accounts,
        )  # fmt: skip
        self.room = Mailroom(FolderStore(home / "exchange" / "staging"))
        self.bundle: Bundle = tree.bundle(code)
        self.office = Office(self.node, lambda: self.bundle, self.room, url=tree.url(code))

    def ask(
        self, method: str, path: str, body: bytes = b"", *, name: str, key: SigningKey, **changes: Any
    ) -> tuple[int, bytes]:
        request = self.signed(method, path, body, name=name, key=key)
        return self.send(request, path, changes.get("sent", body))

    def signed(self, method: str, path: str, body: bytes, *, name: str, key: SigningKey) -> Request:
        headers = {"content-digest": http_signatures.content_digest(body)}
        request = Request(method, self.tree.url(self.code) + path, headers)
        signature = http_signatures.sign(
            request, ("@method", "@path", "content-digest"), key,
            created=clock.millis() // 1000, keyid=name, nonce=secrets.token_hex(8),
        )  # fmt: skip
        return replace(request, headers={**headers, **signature})

    def send(self, request: Request, path: str, body: bytes) -> tuple[int, bytes]:
        got: list[dict[str, Any]] = []
        scope = {
            "type": "http", "method": request.method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in request.headers.items()],
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            got.append(message)

        asyncio.run(self.office(scope, receive, send))
        return got[0]["status"], got[1]["body"]

    def receipts(self) -> list[dict[str, Any]]:
        return [envelope.read(r.record).body for r in spool.read(self.tree.home(self.code) / "spool", WRITER)]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "tree")


@pytest.fixture
def up(tree: Tree, tmp_path: Path) -> Way:
    way = a_way(tmp_path, "up", CITY, NATION)
    tree.publish(way)
    return way


@pytest.fixture
def province(tree: Tree, up: Way) -> Iterator[Counter]:
    counter = Counter(tree, PROVINCE)
    yield counter
    counter.accounts.close()


def a_posting(tree: Tree, way: Way, key: SigningKey, *, run: str = "", **changes: Any) -> Posting:
    """The first chunk of a run as its provider would post it."""
    allowed = permit(tree.bundle(way.provider), way.job, at=clock.now())
    run = run or f"{clock.millis():013d}-00000000"
    node = changes.pop("node", way.provider)
    scribe = Scribe(allowed, run, "", key=key, suite=INTERNATIONAL, node=node)
    contents = Contents(1, 5, 5, 0, "sha-256:" + "0" * 64, 9, ("5",), "", "")
    raw = scribe.sign(contents, {}, is_ordered=True).raw
    if changes:
        raw = envelope.seal("guantong/manifest@v1", {**envelope.read(raw).body, **changes}, key)
    return posting_of(raw, b"sealed bytes")


def code_of(answer: tuple[int, bytes]) -> str:
    return str(json.loads(answer[1])["error"]["code"])


def test_a_posting_is_taken_once_and_handed_out(tree: Tree, up: Way, province: Counter) -> None:
    posting = a_posting(tree, up, tree.keys[CITY])
    for _ in range(2):
        answer = province.ask("POST", "/v1/postings", posting.packed(), name=CITY, key=tree.keys[CITY])
        assert answer[0] == 200, answer
    # The nation is above the province: the province dials it, and hands nothing out that goes up.
    assert province.room.waiting() == [posting.name]
    stored = province.room.get(posting.name)
    assert stored
    assert unpacked(stored.packed()).sealed == b"sealed bytes"


def test_strangers_and_forgers_are_sent_away(tree: Tree, up: Way, province: Counter) -> None:
    stranger = INTERNATIONAL.generate("stranger.example/node")
    good = a_posting(tree, up, tree.keys[CITY])

    def handed(posting: Posting, name: str = CITY, key: SigningKey = tree.keys[CITY]) -> str:
        answer = province.ask("POST", "/v1/postings", posting.packed(), name=name, key=key)
        assert 400 <= answer[0] < 500, answer
        return code_of(answer)

    assert handed(good, "999999", stranger) == "signature_key_unknown"
    assert handed(good, CITY, stranger) == "signature_wrong"
    # The parent of the province may not hand over what comes from below.
    assert handed(good, NATION, tree.keys[NATION]) == "posting_refused"
    assert handed(a_posting(tree, up, stranger)) == "posting_refused"
    assert handed(a_posting(tree, up, tree.keys[CITY], node=NATION)) == "posting_refused"
    assert handed(a_posting(tree, up, tree.keys[CITY], grant="G-other")) == "posting_refused"
    assert handed(a_posting(tree, up, tree.keys[CITY], resource="R-other")) == "posting_refused"
    odd = envelope.seal("guantong/manifest@v1", {**good.body, "run": "../../../etc"}, tree.keys[CITY])
    packed = len(odd).to_bytes(4) + odd + b"sealed bytes"
    answer = province.ask("POST", "/v1/postings", packed, name=CITY, key=tree.keys[CITY])
    assert code_of(answer) == "posting_misshapen"
    assert province.room.waiting() == []


def test_a_request_counts_once_and_as_it_was_signed(tree: Tree, up: Way, province: Counter) -> None:
    body = a_posting(tree, up, tree.keys[CITY]).packed()
    request = province.signed("POST", "/v1/postings", body, name=CITY, key=tree.keys[CITY])
    assert province.send(request, "/v1/postings", body)[0] == 200
    assert code_of(province.send(request, "/v1/postings", body)) == "signature_replayed"
    fresh = province.signed("POST", "/v1/postings", body, name=CITY, key=tree.keys[CITY])
    assert code_of(province.send(fresh, "/v1/postings", body + b"x")) == "content_digest_wrong"
    with clock.frozen(clock.now() - timedelta(minutes=5)):
        old = province.signed("POST", "/v1/postings", body, name=CITY, key=tree.keys[CITY])
    assert code_of(province.send(old, "/v1/postings", body)) == "signature_expired"


@pytest.mark.parametrize("body", [b"", b"\0\0\0\5{}", b"\xff\xff\xff\xff", b"\0\0\0\2{}x", b"not a posting"])
def test_what_is_no_posting_is_told_so(tree: Tree, province: Counter, body: bytes) -> None:
    answer = province.ask("POST", "/v1/postings", body, name=CITY, key=tree.keys[CITY])
    assert code_of(answer) == "posting_misshapen"


def test_a_revoked_grant_stops_at_every_node(tree: Tree, up: Way, province: Counter) -> None:
    posting = a_posting(tree, up, tree.keys[CITY])
    tree.publish(up, state="revoked")
    province.bundle = tree.bundle(PROVINCE)
    answer = province.ask("POST", "/v1/postings", posting.packed(), name=CITY, key=tree.keys[CITY])
    assert code_of(answer) == "grant_revoked"


def test_only_its_addressee_is_handed_a_posting(tree: Tree, tmp_path: Path) -> None:
    down = a_way(tmp_path, "down", NATION, CITY)
    tree.publish(down)
    province = Counter(tree, PROVINCE)
    posting = a_posting(tree, down, tree.keys[NATION])
    province.room.put(posting)
    got = province.ask("GET", "/v1/postings/next", name=CITY, key=tree.keys[CITY])
    assert unpacked(got[1]).name == posting.name
    said = json.dumps({"posting": str(posting.name)}).encode()
    wrong = province.ask("POST", "/v1/postings/taken", said, name=NATION, key=tree.keys[NATION])
    assert code_of(wrong) == "posting_refused"
    assert province.room.waiting() == [posting.name]
    held = province.ask("POST", "/v1/postings/refused", said, name=CITY, key=tree.keys[CITY])
    assert held[0] == 200
    taken = province.ask("POST", "/v1/postings/taken", said, name=CITY, key=tree.keys[CITY])
    assert (taken[0], province.room.waiting()) == (200, [])
    province.accounts.close()


# ── edges ──


@pytest.fixture
def city(tree: Tree, tmp_path: Path) -> Iterator[Counter]:
    way = a_way(tmp_path, "out", EDGE, NATION)
    secret = a_way(tmp_path, "secret", CITY, NATION)
    tree.publish(way, secret)
    counter = Counter(tree, CITY)
    yield counter
    counter.accounts.close()


def test_a_node_answers_for_its_edge_and_for_nothing_else(tree: Tree, city: Counter) -> None:
    out, secret = tree.ways
    posting = a_posting(tree, out, tree.edge_key)
    answer = city.ask("POST", "/v1/postings", posting.packed(), name=EDGE, key=tree.edge_key)
    assert answer[0] == 200, answer
    (receipt,) = city.receipts()
    assert (receipt["role"], receipt["rows"], receipt["batch"]["chunk"]) == ("provider", 5, 1)
    assert receipt["answer"] == name_of(posting.statement, INTERNATIONAL)
    kept = city.room.get(posting.name)
    assert kept
    assert [signature.key for signature in kept.statement.signatures] == [tree.keys[CITY].public.ref]
    # A source of the node's own is not the edge's to read.
    other = a_posting(tree, secret, tree.edge_key)
    answer = city.ask("POST", "/v1/postings", other.packed(), name=EDGE, key=tree.edge_key)
    assert code_of(answer) == "posting_refused"


def a_report(**changes: Any) -> bytes:
    told = {"at": clock.rfc3339(clock.now()), "version": "0.0.9", "sequence": 0, "taken": 0, "jobs": []}
    return json.dumps({**told, **changes}).encode()


def test_an_edge_is_told_its_orders_and_how_it_differs(tree: Tree, city: Counter) -> None:
    tree.order(tree.ways[0])
    slow = clock.rfc3339(clock.now() - timedelta(minutes=3))
    answer = city.ask("POST", "/v1/edge", a_report(at=slow), name=EDGE, key=tree.edge_key)
    told = json.loads(answer[1])
    assert (answer[0], len(told["orders"]), told["sequence"]) == (200, 1, city.bundle.sequence)
    news = json.loads((tree.home(CITY) / "exchange" / "edges" / f"{EDGE}.json").read_text())
    assert -185_000 < news["skew_ms"] < -175_000
    assert news["version"] == "0.0.9"
    answer = city.ask("POST", "/v1/edge", a_report(taken=1), name=EDGE, key=tree.edge_key)
    assert json.loads(answer[1])["orders"] == []


def test_an_edge_sees_its_own_part_of_the_bundle(tree: Tree, city: Counter) -> None:
    answer = city.ask("GET", "/v1/bundle", name=EDGE, key=tree.edge_key)
    bundle = msgspec.convert(envelope.read(answer[1]).body, Bundle)
    assert (bundle.edge, set(bundle.jobs), set(bundle.bindings)) == (EDGE, {"out"}, {"R-out"})
    assert all(not node.exchange_url for node in bundle.nodes.values())
    # Nodes are no edges, and edges of others are none of ours.
    refused = city.ask("GET", "/v1/bundle", name=PROVINCE, key=tree.keys[PROVINCE])
    assert code_of(refused) == "edge_unknown"


def test_an_edge_states_only_what_is_its_own(tree: Tree, city: Counter) -> None:
    statement = {
        "role": "consumer", "job": "secret", "batch": {"run": "r", "chunks": 1}, "rows": 5, "manifest": "m",
        "declaration": "d", "reason": None, "rule": "",
    }  # fmt: skip
    for body in (statement, {**statement, "job": "out"}, {**statement, "job": "none"}, {"role": "x"}):
        raw = envelope.seal("guantong/edge-statement@v1", body, tree.edge_key)
        answer = city.ask("POST", "/v1/statements", raw, name=EDGE, key=tree.edge_key)
        assert code_of(answer) == "statement_wrong", body
    refusal = {**statement, "role": "provider", "job": "out", "reason": "grant_revoked", "manifest": None}
    raw = envelope.seal("guantong/edge-statement@v1", refusal, tree.edge_key)
    assert city.ask("POST", "/v1/statements", raw, name=EDGE, key=tree.edge_key)[0] == 200
    assert [(r["decision"], r["reason"]) for r in city.receipts()] == [("refuse", "grant_revoked")]


def test_addresses_that_are_none(tree: Tree, province: Counter) -> None:
    assert code_of(province.ask("GET", "/v1/nothing", name=CITY, key=tree.keys[CITY])) == "path_unknown"
    assert (
        code_of(province.ask("GET", "/v1/postings", name=CITY, key=tree.keys[CITY])) == "method_not_allowed"
    )
    assert province.ask("GET", "/health", name=CITY, key=tree.keys[CITY])[0] == 200

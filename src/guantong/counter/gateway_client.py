"""The counter as an application: it asks the node's gateway over HTTP and believes only what is signed."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from guantong.bundle.directory import any_of
from guantong.counter.errors import GatewayAnswerNotTrusted, GatewayRefused, ProofPending
from guantong.courier.client import Reply, SyncCourier
from guantong.evidence.proofs import ProofMalformed, read_proof
from guantong.kit import canonical, clock, envelope, http_signatures
from guantong.kit.errors import GuantongError
from guantong.kit.http_signatures import Request, Response
from guantong.kit.keyrings import NodeKeys
from guantong.kit.suites import INTERNATIONAL, NATIONAL, SigningKey
from guantong.workflow.types import Mode

RECEIPT_KIND: Final = "guantong/receipt@v1"
PASSING: Final = frozenset({429, 500, 502, 503, 504})
"""Statuses that may be over in a moment: the look-up waits. Any other refusal waits for a person."""
NO_GRANT: Final = "-"
"""What stands for the grant of a call that has none; the gateway refuses it and leaves a receipt."""
_SIGNED: Final = ("@method", "@path", "content-digest")
_ANSWER_SIGNED: Final = ("@status", "content-digest", "@method;req", "@path;req", "signature;req")


@dataclass(frozen=True)
class Question:
    """One look-up as it goes to the gateway. ``trace`` stays the same however often it is asked."""

    trace: str
    case: str
    resource: str
    mode: Mode
    grant: str
    purpose: str
    keys: dict[str, str]
    claims: dict[str, str] = field(default_factory=dict)
    fields: list[str] = field(default_factory=list)

    def body(self) -> bytes:
        """The JSON that the gateway takes."""
        asked: dict[str, Any] = {
            "resource": self.resource,
            "grant": self.grant,
            "purpose": self.purpose,
            "case": self.case,
            "trace": self.trace,
            "keys": self.keys,
        }
        asked |= {"claims": self.claims} if self.mode == "verify" else {"fields": self.fields}
        return canonical.dumps(asked)


@dataclass(frozen=True)
class Answered:
    """What came back, with its proofs (envelopes as JSON objects). ``salt`` opens the receipt's digest."""

    call: str
    answer: dict[str, Any]
    salt: str
    receipt: dict[str, Any]
    countersign: dict[str, Any] | None
    hops: list[dict[str, Any]]


@dataclass(frozen=True)
class Failed:
    """Why nothing came back; a refusal leaves a receipt too."""

    error: GuantongError
    status: int
    receipt: dict[str, Any] | None = None
    call: str = ""
    hops: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_passing(self) -> bool:
        """Whether asking again later may help without anybody doing anything."""
        return self.status in PASSING


class GatewayClient:
    """Asks one gateway with one application's key. Safe to use from several threads."""

    def __init__(
        self, url: str, key: SigningKey, node_keys: Callable[[], NodeKeys], *, node: str, timeout_s: float
    ) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._node_keys = node_keys
        self._node = node
        self._courier = SyncCourier([url], timeout_s=timeout_s)

    def ask(self, question: Question) -> Answered | Failed:
        """Ask once. Never raises for what a network or a peer may do: that is a :class:`Failed`."""
        try:
            reply = self._send("POST", f"/v1/{question.mode}", question.body())
            return self._answered(reply) if reply.status == 200 else _failed(reply)
        except GuantongError as error:
            return Failed(error, error.status)

    def proof(self, node: str, record: bytes) -> bytes:
        """The proof file of a record: its inclusion in ``node``'s log, with the signed record inside.

        Raises ProofPending while the receipt is not yet under a witnessed checkpoint.
        """
        try:
            reply = self._send("GET", f"/v1/proofs/{node}/{hashlib.sha256(record).hexdigest()}")
            if reply.status != 200:
                error = _failed(reply).error
                raise ProofPending(why_zh=error.sentence("zh"), why_en=error.sentence("en"))
            return read_proof(reply.body).with_record(record).to_bytes()
        except ProofMalformed as fault:
            raise GatewayAnswerNotTrusted(why=fault.code) from fault

    def close(self) -> None:
        """Close the connections."""
        self._courier.close()

    def _send(self, method: str, path: str, body: bytes = b"") -> Reply:
        url = self._url + path
        headers = {"content-digest": http_signatures.content_digest(body)}
        if body:
            headers["content-type"] = "application/json"
        headers |= http_signatures.sign(
            Request(method, url, headers),
            _SIGNED,
            self._key,
            created=int(clock.now().timestamp()),
            keyid=self._key.name,
            nonce=secrets.token_urlsafe(18),
        )
        reply = self._courier.send(method, url, headers=headers, body=body, peer=self._node)
        self._check_reply(reply, Request(method, url, headers))
        return reply

    def _check_reply(self, reply: Reply, request: Request) -> None:
        """Only this node's gateway can have said this, and in answer to this very request."""
        response = Response(reply.status, reply.headers, request)
        try:
            http_signatures.check_content_digest(reply.body, reply.headers.get("content-digest"))
            http_signatures.verify(
                response,
                lambda keyid: any_of(self._node_keys()) if keyid == self._node else None,
                required=_ANSWER_SIGNED,
                at=int(clock.now().timestamp()),
            )
        except GuantongError as fault:
            raise GatewayAnswerNotTrusted(why=fault.code) from fault

    def _answered(self, reply: Reply) -> Answered:
        said = _object(reply.body)
        try:
            answered = msgspec.convert(said, Answered)
        except msgspec.ValidationError as fault:
            raise GatewayAnswerNotTrusted(why=str(fault)) from fault
        self._check_receipts(answered.receipt, answered.countersign)
        salted = bytes.fromhex(answered.salt) + canonical.dumps(answered.answer)
        if not _names(answered.receipt["body"].get("answer"), salted):
            raise GatewayAnswerNotTrusted(why="the receipt is for another answer")
        return answered

    def _check_receipts(self, receipt: dict[str, Any], countersign: dict[str, Any] | None) -> None:
        """Our own node vouches for the provider's receipt by naming its digest over its own signature."""
        raw, keys = canonical.dumps(receipt), self._node_keys().now()
        try:
            given = envelope.read(raw)
            if countersign is None:
                given.check(keys)
                return
            own = envelope.read(canonical.dumps(countersign))
            own.check(keys)
        except GuantongError as fault:
            raise GatewayAnswerNotTrusted(why=fault.code) from fault
        if given.kind != RECEIPT_KIND or not _names(own.body.get("provider_receipt"), raw):
            raise GatewayAnswerNotTrusted(why="the node countersigned another receipt")


def _names(digest: object, data: bytes) -> bool:
    """Whether ``digest`` is the digest of ``data`` in either suite."""
    return digest in {envelope.digest(data, INTERNATIONAL), envelope.digest(data, NATIONAL)}


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as fault:
        raise GatewayAnswerNotTrusted(why="not JSON") from fault


def _failed(reply: Reply) -> Failed:
    said = _object(reply.body)
    error, receipt, hops = said.get("error"), said.get("receipt"), said.get("hops")
    code, message = "gateway_refused", {"zh": "", "en": ""}
    if isinstance(error, Mapping):
        code = str(error.get("code") or code)
        message |= error.get("message") or {}
    spoken = GatewayRefused(
        code=code,
        said_zh=message["zh"] or f"网关答复 {reply.status}。",
        said_en=message["en"] or f"The gateway answered {reply.status}.",
        node=said.get("node"),
    )
    return Failed(
        spoken,
        reply.status,
        receipt if isinstance(receipt, dict) else None,
        str(said.get("call") or ""),
        [hop for hop in hops if isinstance(hop, dict)] if isinstance(hops, list) else [],
    )

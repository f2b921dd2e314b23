"""One call (调用): what is asked, by whom, under which grant, for which purpose."""

from typing import Any, Literal

import msgspec

KIND = "guantong/call@v1"
Mode = Literal["query", "verify"]
"""The ways of asking that are calls; batches (``batch``) are not."""


class Consumer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks: the application, its organisation and the node that vouches for both."""

    node: str
    organisation: str
    application: str


class Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent to a department's own interface: parameters as the consumer names them, and the body.

    ``body`` is JSON text, or base64 where the operation takes any body; ``type`` its media type. A body that is too large
    to be part of a call is known by its ``digest`` (``sha-256:`` and hexadecimal) alone.
    """

    operation: str
    parameters: dict[str, str]
    body: str = ""
    type: str = ""
    digest: str | msgspec.UnsetType = msgspec.UNSET


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One question. It travels unchanged from the consumer's node, which signs it, to the provider's.

    ``keys`` find the row; ``fields`` are wanted (query) or ``claims`` are to be compared (verify).
    ``sent`` is there if it goes to a department's own interface. ``nonce`` keeps the request's digest, which stands in
    public receipts, from being guessed.
    """

    call: str
    trace: str
    at: str
    nonce: str
    consumer: Consumer
    resource: str
    grant: str
    purpose: str
    case: str
    mode: Mode
    keys: dict[str, str]
    fields: list[str]
    claims: dict[str, str]
    sent: Sent | None = None

    @property
    def wanted(self) -> list[str]:
        """The items that the call is about; claims in the order that they have at every node."""
        return list(self.fields) if self.mode == "query" else sorted(self.claims)

    def as_body(self) -> dict[str, Any]:
        """Plain values, ready for canonical JSON."""
        body: dict[str, Any] = msgspec.to_builtins(self)
        return body

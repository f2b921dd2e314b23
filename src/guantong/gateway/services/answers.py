"""The shape in which a service's answer travels between nodes, and what may be in it.

A node that passes it on has proved who gave it; it still sends no header and no status that it would not make itself.
"""

import base64
import binascii
from typing import Any

MOST_HEADERS = 30
LONGEST_HEADER = 2048

NEVER = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
    "upgrade", "content-length", "content-encoding", "set-cookie", "cookie", "authorization", "host", "signature",
    "signature-input", "content-digest", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
})  # fmt: skip
"""Headers that belong to one connection, to a caller, or to us; none travels through."""

PRIVATE = NEVER | {"x-client-id", "x-timestamp", "x-nonce", "x-signature"}
"""What a caller shows to us is not for the department, whatever an operation declares."""


def is_tellable(name: str, value: str) -> bool:
    """Whether a header may stand in an answer of ours: none of those above, one line of plain ASCII."""
    text = name + value
    return name.lower() not in NEVER and len(text) <= LONGEST_HEADER and text.isascii() and text.isprintable()


def is_given_by_a_service(answer: Any) -> bool:
    """Whether ``answer`` has the shape of a service's: status, told headers, body as text or base64."""
    match answer:
        case {
            "status": int() as status,
            "headers": dict() as headers,
            "body": str() as body,
            "is_base64": bool(),
        } if len(answer) == 4:
            texts = all(isinstance(name, str) and isinstance(value, str) for name, value in headers.items())
            told = (
                texts and len(headers) <= MOST_HEADERS and all(is_tellable(*one) for one in headers.items())
            )
            return told and 200 <= status <= 599 and (not answer["is_base64"] or _is_base64(body))
    return False


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True

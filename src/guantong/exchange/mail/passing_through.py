"""What a node does for an edge of its own: it answers for the chunk, with its receipt and its signature."""

from guantong.exchange.decide import Permit
from guantong.exchange.mail.postings import CLOSING, Posting, posting_of
from guantong.exchange.manifests import KIND, name_of
from guantong.exchange.node import Node
from guantong.exchange.receipts import Deed
from guantong.kit import envelope
from guantong.kit.suites import suite


def countersigned(node: Node, posting: Posting, permit: Permit) -> Posting:
    """The posting under this node's signature; the receipt of its chunk is on disk first.

    What the manifest says stays, and with it its name, to which the sealed chunk is bound.
    """
    body = dict(posting.body)
    if posting.name.chunk != CLOSING:
        deed = Deed(
            role="provider",
            batch={name: body[name] for name in ("job", "run", "chunk", "refused", "size")},
            rows=body["rows"],
            manifest=name_of(posting.statement, suite(body["suite"])),
            declaration=body["declaration"],
        )
        node.accounts.write(permit, deed)
    return posting_of(envelope.seal(KIND, body, node.key), posting.sealed)

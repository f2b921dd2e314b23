"""The proofs of a case: for each receipt one file that the offline verifier takes."""

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from guantong.counter.errors import ReceiptUnknown
from guantong.counter.models import Case, Lookup
from guantong.kit import canonical, envelope

FetchProof = Callable[[str, bytes], bytes]
"""``fetch(node, record)`` gives the proof file; see GatewayClient.proof."""


class CaseReceipt(NamedTuple):
    """One signed receipt of a case. ``digest`` is its name on pages; ``record`` its bytes as signed."""

    lookup: Lookup
    node: str
    role: str
    digest: str
    record: bytes
    body: dict[str, Any]

    @property
    def filename(self) -> str:
        """``query_housing-511600-provider-1a2b3c4d.proof``."""
        head = self.digest.rpartition(":")[2][:8]
        return f"{self.lookup.step}-{self.node}-{self.role}-{head}.proof"


def receipts(case: Case) -> Iterator[CaseReceipt]:
    """Every receipt of a case, in the order of the look-ups: the provider's, this node's, the relays'."""
    for lookup in case.lookups.all():
        for sealed in (lookup.receipt, lookup.countersign, *lookup.hops):
            if sealed:
                record, body = canonical.dumps(sealed), sealed["body"]
                yield CaseReceipt(lookup, body["node"], body["role"], envelope.digest(record), record, body)


def receipt(case: Case, digest: str) -> CaseReceipt:
    """One receipt of a case; raises ReceiptUnknown."""
    found = next((each for each in receipts(case) if each.digest == digest), None)
    if found is None:
        raise ReceiptUnknown(digest=digest)
    return found


def archive(case: Case, fetch: FetchProof) -> bytes:
    """A zip of every proof file of a case; raises ProofPending if one is not ready, and then gives none."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for each in receipts(case):
            packed.writestr(each.filename, fetch(each.node, each.record))
    return buffer.getvalue()

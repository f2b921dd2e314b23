"""From a posted manifest and a sealed chunk to rows, believing nothing that is not signed, in order, and whole."""

from collections.abc import Callable

import polars as pl

from guantong.bundle.deciding import Stopped
from guantong.bundle.types import Bundle
from guantong.exchange.decide import Permit
from guantong.exchange.errors import ChunkDamaged
from guantong.exchange.manifests import KIND, Manifest, declaration
from guantong.exchange.node import Node
from guantong.exchange.outbox import Posted
from guantong.exchange.producing import Parcel
from guantong.exchange.sealing import open_chunk, wrap_for
from guantong.kit import envelope
from guantong.kit.errors import GuantongError
from guantong.kit.suites import VerifyKey


class Unpacker:
    """The receiving end of one run. Before every chunk the bundle of that moment is asked."""

    def __init__(self, node: Node, judge: Callable[[], Permit], bundle: Callable[[], Bundle]) -> None:
        self._node = node
        self._judge = judge
        self._bundle = bundle
        self._wrap = wrap_for(node.suite, node.key.public, own=node.key, keys=node.keys)

    def unpacked(self, posted: Posted, fetch: Callable[[Posted], bytes | None], *, previous: str) -> Parcel:
        """The parcel of ``posted``, which must follow the manifest ``previous``. ChunkDamaged, refusals."""
        permit = self._permit()
        run, chunk = str(posted.body["run"]), int(posted.body["chunk"])
        damaged = ChunkDamaged(run=run, chunk=chunk)
        self._believe(posted, permit, previous, damaged)
        digest = envelope.digest(posted.raw, self._node.suite)
        manifest = Manifest(posted.raw, digest, posted.body)
        body = posted.body
        place, high = tuple(body["place"]), body["watermark"]["high"]
        if not posted.sealed_name:
            return Parcel(manifest, pl.DataFrame(), b"", place, high, 0, 0)
        sealed = fetch(posted)
        if sealed is None:
            raise damaged
        stream = open_chunk(sealed, self._node.suite, self._wrap, manifest=digest, run=run, chunk=chunk)
        if envelope.digest(stream, self._node.suite) != body["digest"]:
            raise damaged
        rows = pl.read_ipc_stream(stream, use_pyarrow=False)
        if rows.height != body["rows"] or rows.columns != [column["name"] for column in body["schema"]]:
            raise damaged
        return Parcel(manifest, rows, b"", place, high, body["read"], body["refused"])

    def _permit(self) -> Permit:
        try:
            return self._judge()
        except Stopped as stop:
            raise stop.reason from None

    def _believe(self, posted: Posted, permit: Permit, previous: str, damaged: ChunkDamaged) -> None:
        """Signed by the provider's node, for this job as we know it, and the next in line."""
        key = VerifyKey.from_text(self._bundle().nodes[permit.resource.node].key)
        try:
            statement = envelope.read(posted.raw)
            statement.check({key.ref: key})
        except GuantongError:
            raise damaged from None
        body = statement.body
        told = (statement.kind, body["job"], body["grant"], body["node"], body["declaration"], body["prev"])
        meant = (
            KIND,
            permit.job.id,
            permit.grant.id,
            permit.resource.node,
            declaration(permit.job, self._node.suite),
            previous or None,
        )
        if told != meant:
            raise damaged

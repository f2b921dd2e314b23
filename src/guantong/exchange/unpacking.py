"""From a posted manifest and a sealed chunk to rows, believing nothing that is not signed, in order, and whole."""

from collections.abc import Callable

import polars as pl

from guantong.bundle.deciding import Stopped
from guantong.bundle.directory import node_ring
from guantong.bundle.types import Bundle
from guantong.exchange.decide import Permit
from guantong.exchange.errors import ChunkDamaged
from guantong.exchange.mail.postings import Posting
from guantong.exchange.manifests import KIND, Manifest, declaration, name_of
from guantong.exchange.node import Node
from guantong.exchange.producing import Parcel
from guantong.exchange.sealing import open_chunk, wrap_for
from guantong.kit import envelope
from guantong.kit.errors import GuantongError
from guantong.kit.suites import Suite, suite


class Unpacker:
    """The receiving end of one run. Before every chunk the bundle of that moment is asked."""

    def __init__(self, node: Node, judge: Callable[[], Permit], bundle: Callable[[], Bundle]) -> None:
        self._node = node
        self._judge = judge
        self._bundle = bundle

    def unpacked(self, posting: Posting, *, previous: str) -> Parcel:
        """The parcel of ``posting``, which must follow the manifest ``previous``. ChunkDamaged, refusals."""
        permit = self._permit()
        name, body = posting.name, posting.body
        damaged = ChunkDamaged(run=name.run, chunk=name.chunk)
        suite = self._suite(posting, damaged)
        self._believe(posting, permit, suite, previous, damaged)
        manifest = Manifest(posting.raw, name_of(posting.statement, suite), body)
        place, high = tuple(body["place"]), body["watermark"]["high"]
        if posting.sealed is None:
            return Parcel(manifest, pl.DataFrame(), b"", place, high, 0, 0)
        wrap = wrap_for(suite, self._node.key.public, own=self._node.key, keys=self._node.keys)
        stream = open_chunk(
            posting.sealed, suite, wrap, manifest=manifest.digest, run=name.run, chunk=name.chunk
        )
        if envelope.digest(stream, suite) != body["digest"]:
            raise damaged
        rows = pl.read_ipc_stream(stream, use_pyarrow=False)
        if rows.height != body["rows"] or rows.columns != [column["name"] for column in body["schema"]]:
            raise damaged
        return Parcel(manifest, rows, b"", place, high, body["read"], body["refused"])

    def _suite(self, posting: Posting, damaged: ChunkDamaged) -> Suite:
        """The suite in which the provider digests and seals: its own, which need not be ours."""
        try:
            return suite(posting.body["suite"])
        except (LookupError, ValueError):
            raise damaged from None

    def _permit(self) -> Permit:
        try:
            return self._judge()
        except Stopped as stop:
            raise stop.reason from None

    def _believe(
        self, posting: Posting, permit: Permit, suite: Suite, previous: str, damaged: ChunkDamaged
    ) -> None:
        """Signed by the provider's node, for this job as we know it, and the next in line."""
        try:
            posting.statement.check(node_ring(self._bundle(), permit.resource.node))
        except GuantongError:
            raise damaged from None
        body = posting.body
        told = (
            posting.statement.kind,
            body["job"],
            body["grant"],
            body["node"],
            body["declaration"],
            body["prev"],
        )
        meant = (
            KIND,
            permit.job.id,
            permit.grant.id,
            permit.resource.node,
            declaration(permit.job, suite),
            previous or None,
        )
        if told != meant:
            raise damaged

"""May this posting pass here? Asked of every one that comes from another place, by the bundle of this moment."""

from collections.abc import Mapping
from dataclasses import dataclass

from guantong.bundle import deciding
from guantong.bundle.deciding import Stopped
from guantong.bundle.directory import node_ring, verify_key
from guantong.bundle.types import Bundle, Grant
from guantong.exchange.decide import Permit, permit
from guantong.exchange.ends import reads_at, whither
from guantong.exchange.errors import PostingRefused
from guantong.exchange.mail.postings import Posting
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.kit.suites import VerifyKey


@dataclass(frozen=True, slots=True)
class Admitted:
    """A posting that may pass. ``permit`` is there if an edge of ours sent it: this node answers for it."""

    posting: Posting
    permit: Permit | None


def admit(bundle: Bundle, posting: Posting, *, sender: str) -> Admitted:
    """The posting, if its signer may send it this way. ``sender`` is the neighbour or edge that handed it over.

    Raises PostingRefused, or what the bundle says of the grant.
    """
    body = posting.body
    grant = bundle.grants.get(str(body["grant"]))
    if grant is None or grant.resource != body["resource"]:
        raise PostingRefused(
            why_zh="授权不在现行配置中", why_en="its grant is not in the present configuration"
        )
    if whither(bundle, body) is None:
        raise PostingRefused(why_zh="去向不明", why_en="its way is not known")
    own = _from_our_edge(bundle, posting, grant, sender)
    if own is None:
        _check_passing(bundle, posting, grant, sender)
    return Admitted(posting, own)


def _from_our_edge(bundle: Bundle, posting: Posting, grant: Grant, sender: str) -> Permit | None:
    edge = bundle.edges.get(sender)
    if edge is None:
        return None
    if bundle.edge:
        raise PostingRefused(why_zh="边缘代理不转发", why_en="edges pass nothing on")
    job = bundle.jobs.get(str(posting.body["job"]))
    if job is None or grant.provider_node != bundle.node or reads_at(bundle, job) != edge.id:
        raise PostingRefused(
            why_zh="该边缘代理不提供这一作业的数据", why_en="this edge does not serve the source of that job"
        )
    _check_signed(posting, _edge_ring(edge.key))
    if posting.body["node"] != bundle.node:
        raise PostingRefused(why_zh="清单所写节点不符", why_en="its manifest names another node")
    try:
        return permit(bundle, job.id, at=clock.now())
    except Stopped as stop:
        raise stop.reason from None


def _check_passing(bundle: Bundle, posting: Posting, grant: Grant, sender: str) -> None:
    """From a neighbour: signed by the grant's provider, from its direction, under a grant in force."""
    provider = grant.provider_node
    if posting.body["node"] != provider:
        raise PostingRefused(why_zh="发送方不是授权的提供方", why_en="it is not from the grant's provider")
    is_from_there = bundle.routes.get(provider) == sender or (bundle.edge and sender == bundle.node)
    if not is_from_there:
        raise PostingRefused(why_zh="来向与路由不符", why_en="it does not come from where its provider is")
    _check_signed(posting, node_ring(bundle, provider))
    try:
        deciding.check_in_force(grant, clock.now())
    except Stopped as stop:
        raise stop.reason from None
    if "batch" not in grant.modes:
        raise PostingRefused(why_zh="授权不含批量方式", why_en="its grant does not allow batches")


def _edge_ring(key: str) -> Mapping[str, VerifyKey]:
    """The key of an edge; none before it has enrolled."""
    if not key:
        return {}
    known = verify_key(key)
    return {known.ref: known}


def _check_signed(posting: Posting, keys: Mapping[str, VerifyKey]) -> None:
    try:
        posting.statement.check(keys)
    except GuantongError as fault:
        raise PostingRefused(why_zh="清单签名有误", why_en="its manifest is not signed rightly") from fault

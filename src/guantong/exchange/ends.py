"""两端: where a job's rows are read and where they are written, as the bundle of this place tells.

A place (处所) is a node, or an edge of it. Only the reading place knows the source's binding, and only the writing
one the target's address; every other place on the way sees a signed manifest and sealed bytes.
"""

from collections.abc import Mapping
from typing import Any, Literal

from guantong.bundle.jobs import Edge, Job
from guantong.bundle.types import Bundle
from guantong.kit.suites import VerifyKey

Part = Literal["whole", "sending", "taking"]


def edge_of(bundle: Bundle, source: str) -> Edge | None:
    """The edge that serves ``source``; None: the node itself does."""
    return next((edge for edge in bundle.edges.values() if source in edge.sources), None)


def reads_at(bundle: Bundle, job: Job) -> str | None:
    """The edge of this node where the rows of ``job`` are read; empty: the node itself; None: another node."""
    grant = bundle.grants.get(job.grant)
    binding = bundle.bindings.get(grant.resource) if grant else None
    if grant is None or binding is None or grant.provider_node != bundle.node:
        return None
    edge = edge_of(bundle, binding.source)
    return edge.id if edge else ""


def writes_at(bundle: Bundle, job: Job) -> str | None:
    """The edge of this node where the rows of ``job`` are written; empty: the node itself; None: another node."""
    target = bundle.targets.get(job.target)
    if target is None or target.node != bundle.node:
        return None
    edge = edge_of(bundle, target.source)
    return edge.id if edge else ""


def part_of(bundle: Bundle, job: Job) -> Part | None:
    """Which part of a run is this place's; None: only to pass it on."""
    match reads_at(bundle, job) == bundle.edge, writes_at(bundle, job) == bundle.edge:
        case True, True:
            return "whole"
        case True, False:
            return "sending"
        case False, True:
            return "taking"
    return None


def whither(bundle: Bundle, body: Mapping[str, Any]) -> str | None:
    """The next place on the way of a posting whose manifest says ``body``: a node's code or an edge's.

    Empty if it is to be applied here; None if the way is not known (any more).
    """
    grant = bundle.grants.get(str(body.get("grant")))
    if grant is None:
        return None
    if bundle.edge:
        job = bundle.jobs.get(str(body.get("job")))
        return "" if job and writes_at(bundle, job) == bundle.edge else bundle.node
    if grant.consumer_node != bundle.node:
        return bundle.routes.get(grant.consumer_node)
    target = bundle.targets.get(str(body.get("target")))
    if target is None:
        return None
    edge = edge_of(bundle, target.source)
    return edge.id if edge else ""


def opener(bundle: Bundle, job: Job) -> VerifyKey:
    """The key of whoever opens the chunks of ``job``: the consumer's node, or the edge that it named."""
    target = bundle.targets[job.target]
    return VerifyKey.from_text(target.reader or bundle.nodes[target.node].key)

"""What a node keeps for its edges: their bundles, their orders, what they tell of themselves, their statements.

An edge's bundle is cut out of the node's: the jobs that are read or written there, and what those need to know.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from guantong import __version__
from guantong.bundle import sealing
from guantong.bundle.directory import verify_key
from guantong.bundle.jobs import Edge, Job
from guantong.bundle.types import Bundle
from guantong.exchange.decide import as_declared
from guantong.exchange.ends import reads_at, writes_at
from guantong.exchange.errors import EdgeUnknown, StatementWrong
from guantong.exchange.node import Node
from guantong.exchange.progress import progress_path
from guantong.exchange.receipts import Count, Deed, Short
from guantong.exchange.sealing import wrap_for
from guantong.kit import clock, envelope
from guantong.kit.durable import replace_news
from guantong.kit.errors import GuantongError

STATEMENT = "guantong/edge-statement@v1"
MOST_JOBS = 1000


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an edge tells: its clock, its version, its bundle, the orders it has taken, how its jobs get on."""

    at: Short
    version: Short
    sequence: int
    taken: Count
    jobs: Annotated[list[dict[str, Any]], msgspec.Meta(max_length=MOST_JOBS)]


class Answer(msgspec.Struct, frozen=True):
    """What it hears: the bundle's newest sequence, new orders (signed), the salts of hashing masks (sealed)."""

    sequence: int
    version: str
    orders: list[str]
    salts: dict[str, str]


class Statement(Deed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an edge did that this node must answer for: a run applied, or a chunk refused by its rules."""

    job: Short


class Desk:
    """One node's dealings with its edges; each call is one edge's, known by its signature."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def report(self, bundle: Bundle, edge_id: str, body: bytes) -> dict[str, Any]:
        """Take in how an edge is; what it should know. EdgeUnknown, StatementWrong."""
        edge = _edge(bundle, edge_id)
        try:
            told = msgspec.json.decode(body, type=Report)
            skew_ms = round((clock.parse(told.at) - clock.now()).total_seconds() * 1000)
        except (msgspec.MsgspecError, ValueError) as fault:
            raise StatementWrong from fault
        mine = {job.id: job for job in bundle.jobs.values() if _is_at(bundle, job, edge)}
        for facts in told.jobs:
            job = mine.get(str(facts.get("job")))
            if job is not None:
                self._keep_progress(job, facts)
        self._keep_news(edge, told, skew_ms, sorted(mine))
        waiting = self._orders(edge, told.taken)
        answer = Answer(bundle.sequence, __version__, waiting, self._salts(bundle, edge, mine))
        return dict(msgspec.to_builtins(answer))

    def bundle_for(self, bundle: Bundle, edge_id: str) -> bytes:
        """The edge's own bundle, sealed by the node. EdgeUnknown."""
        return sealing.seal(cut_for(bundle, _edge(bundle, edge_id)), self._node.key)

    def take_statement(self, bundle: Bundle, edge_id: str, raw: bytes) -> None:
        """Write the receipt that a statement calls for; the same one again changes nothing. StatementWrong."""
        edge = _edge(bundle, edge_id)
        told = _stated(raw, edge)
        job = bundle.jobs.get(told.job)
        if job is None or bundle.grants.get(job.grant) is None:
            raise StatementWrong
        place = reads_at(bundle, job) if told.role == "provider" else writes_at(bundle, job)
        if place != edge.id:
            raise StatementWrong
        accounts, run = self._node.accounts, str(told.batch.get("run", ""))
        if told.role == "consumer" and told.reason is None and accounts.has_closed(job.id, run):
            return
        batch = {**told.batch, "job": job.id, "edge": edge.id}
        accounts.write(as_declared(bundle, job), msgspec.structs.replace(told, batch=batch))

    def _orders(self, edge: Edge, taken: int) -> list[str]:
        """The orders after number ``taken``; those up to it have reached the edge and need not wait."""
        folder = orders_of(self._node.folder, edge.id)
        files = sorted(folder.glob("*.order")) if folder.is_dir() else []
        for file in files:
            if int(file.stem) <= taken:
                file.unlink(missing_ok=True)
        return [file.read_text("utf-8") for file in files if int(file.stem) > taken]

    def _salts(self, bundle: Bundle, edge: Edge, jobs: Mapping[str, Job]) -> dict[str, str]:
        """The salts of grants whose masks hash, for the edge's eyes only: a person has one pseudonym everywhere."""
        node = self._node
        wrap = wrap_for(node.suite, verify_key(edge.key), own=node.key, keys=node.keys)
        grants = {job.grant for job in jobs.values() if reads_at(bundle, job) == edge.id}
        return {
            grant: base64.b64encode(wrap.wrap(node.mask_salt(grant))).decode()
            for grant in sorted(grants)
            if _hashes(bundle, grant)
        }

    def _keep_progress(self, job: Job, facts: Mapping[str, Any]) -> None:
        part = "sending" if facts.get("part") == "sending" else "whole"
        replace_news(
            progress_path(self._node.folder / "progress", job.id, part), json.dumps(facts, ensure_ascii=False)
        )

    def _keep_news(self, edge: Edge, told: Report, skew_ms: int, jobs: list[str]) -> None:
        folder = self._node.folder / "edges"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        active = [str(facts["job"]) for facts in told.jobs if facts.get("state") == "running"]
        news = {
            "seen_at": clock.rfc3339(clock.now()),
            "skew_ms": skew_ms,
            "version": told.version,
            "sequence": told.sequence,
            "jobs": [job for job in jobs if job in active],
        }
        replace_news(folder / f"{edge.id}.json", json.dumps(news, ensure_ascii=False))


def cut_for(bundle: Bundle, edge: Edge) -> Bundle:
    """What ``edge`` may know of its node's bundle."""
    jobs = {name: job for name, job in bundle.jobs.items() if _is_at(bundle, job, edge)}
    grants = {job.grant: bundle.grants[job.grant] for job in jobs.values() if job.grant in bundle.grants}
    resources = {
        g.resource: bundle.resources[g.resource] for g in grants.values() if g.resource in bundle.resources
    }
    people = {g.consumer for g in grants.values()} | {r.provider for r in resources.values()}
    applications = {job.application for job in jobs.values()}
    targets = {job.target for job in jobs.values()}
    nodes = {bundle.node} | {n for g in grants.values() for n in (g.provider_node, g.consumer_node)}
    return msgspec.structs.replace(
        bundle,
        edge=edge.id,
        edges={edge.id: edge},
        jobs=jobs,
        grants=grants,
        resources=resources,
        routes={},
        nodes={
            code: msgspec.structs.replace(node, gateway_url="", log_url="", exchange_url="")
            for code, node in bundle.nodes.items()
            if code in nodes
        },
        organisations={name: o for name, o in bundle.organisations.items() if name in people},
        applications={name: a for name, a in bundle.applications.items() if name in applications},
        targets={name: t for name, t in bundle.targets.items() if name in targets},
        bindings={
            name: binding
            for name, binding in bundle.bindings.items()
            if name in resources and binding.source in edge.sources
        },
    )


def orders_of(folder: Path, edge: str) -> Path:
    """Where the orders for an edge lie below ``folder`` (``<home>/exchange``) until the edge has them."""
    return folder / "edges" / edge / "orders"


def _is_at(bundle: Bundle, job: Job, edge: Edge) -> bool:
    return edge.id in {reads_at(bundle, job), writes_at(bundle, job)}


def _hashes(bundle: Bundle, grant: str) -> bool:
    found = bundle.grants.get(grant)
    resource = bundle.resources.get(found.resource) if found else None
    masks = (
        {*(found.masks.values() if found else ()), *(i.mask for i in resource.items.values())}
        if resource
        else set()
    )
    return any(mask.startswith("hash") for mask in masks)


def _edge(bundle: Bundle, edge_id: str) -> Edge:
    edge = bundle.edges.get(edge_id)
    if edge is None:
        raise EdgeUnknown(edge=edge_id)
    return edge


def _stated(raw: bytes, edge: Edge) -> Statement:
    key = verify_key(edge.key)
    try:
        statement = envelope.read(raw)
        statement.check({key.ref: key})
        if statement.kind != STATEMENT:
            raise StatementWrong
        return msgspec.convert(statement.body, Statement)
    except (GuantongError, msgspec.ValidationError) as fault:
        raise StatementWrong from fault

"""Edges: declared by a person, enrolled once with a token that only its digest is kept of, watched, retired."""

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from django.db import transaction

from guantong.bundle import enrolment
from guantong.dispatch import edge_news, link_news, queries
from guantong.dispatch.errors import (
    EdgeInUse,
    EdgeStateWrong,
    EdgeWrong,
    EnrolmentRefused,
    EnrolmentUnreadable,
    NotYourEdge,
    TokenExpired,
    TooManyAttempts,
)
from guantong.dispatch.models import Edge, EdgeState
from guantong.dispatch.types import EdgeDeclaration
from guantong.identity.models import Organisation
from guantong.journal.actions import enqueue, raise_alert, record
from guantong.journal.models import Alert
from guantong.journal.types import Actor, Subject
from guantong.kit import clock
from guantong.kit.suites import BadKey, VerifyKey

TOKEN_LASTS = timedelta(hours=24)
MOST_ATTEMPTS = 5
# Neither 0 and O nor 1 and I: a person reads the token off one screen and types it at another.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@transaction.atomic
def declare_edge(
    declaration: EdgeDeclaration, *, organisation: Organisation, by: Actor, at: datetime
) -> Edge:
    """Declare an edge of ``organisation``. It takes part once it has enrolled."""
    _demand_owner(organisation.code, organisation.node, by)
    _demand_free(declaration.sources)
    edge = Edge.objects.create(
        code=f"QZ{organisation.node}-{secrets.token_hex(4)}",
        node=organisation.node,
        organisation=organisation.code,
        declared_at=at,
        declared_by=by.name,
        **msgspec.to_builtins(declaration),
    )
    record("edge.declared", by=by, at=at, subject=Subject("edge", edge.code))
    return edge


@transaction.atomic
def change_edge(edge: Edge, declaration: EdgeDeclaration, *, by: Actor, at: datetime) -> Edge:
    """Give the edge another name or other sources."""
    edge = _mine(edge, by)
    _demand_free(declaration.sources, beside=edge)
    edge.name, edge.sources = declaration.name, declaration.sources
    edge.save()
    record(
        "edge.changed",
        by=by,
        at=at,
        subject=Subject("edge", edge.code),
        details={"sources": declaration.sources},
    )
    enqueue("bundle.stale", {"because": "edge.changed"}, by=by, at=at)
    return edge


@transaction.atomic
def renew_token(edge: Edge, *, by: Actor, at: datetime) -> str:
    """Make a token that enrols the edge once within a day; an earlier one is void. It is told here and never again."""
    edge = _mine(edge, by)
    token = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(6))
    edge.token_digest, edge.attempts = enrolment.token_digest(token), 0
    edge.token_expires_at = at + TOKEN_LASTS
    edge.save()
    record("edge.token_renewed", by=by, at=at, subject=Subject("edge", edge.code))
    return token


def enrol_edge(code: str, token: str, key: str, proof: str, *, by: Actor, at: datetime) -> Edge:
    """Take in the key of the edge ``code``, whose operator was told ``token``.

    EnrolmentRefused, TokenExpired, TooManyAttempts, EnrolmentProofWrong or EnrolmentUnreadable. Enrolling again with a
    new token replaces the key, as after a change of machines.
    """
    try:
        public = VerifyKey.from_text(key)
    except BadKey as error:
        raise EnrolmentUnreadable(why="key") from error
    given = enrolment.token_digest(token)
    _demand_token(code, given, at=at)
    enrolment.check(proof, code=code, digest=given, key=public)
    with transaction.atomic():
        edge = Edge.objects.select_for_update().get(code=code)
        if not hmac.compare_digest(edge.token_digest, given):
            raise EnrolmentRefused  # somebody was quicker with the same token
        if public.is_cosigner or Edge.objects.filter(key=key).exclude(pk=edge.pk).exists():
            raise EdgeWrong(
                why_zh="公钥已属他人或类型不符", why_en="the key is another's or of the wrong kind"
            )
        edge.key, edge.state, edge.enrolled_at = key, EdgeState.ACTIVE, at
        edge.token_digest, edge.token_expires_at, edge.told = "", None, []
        edge.save()
        record("edge.enrolled", by=by, at=at, subject=Subject("edge", edge.code), details={"key": public.ref})
        enqueue("bundle.stale", {"because": "edge.enrolled"}, by=by, at=at)
    return edge


@transaction.atomic
def retire_edge(edge: Edge, *, by: Actor, at: datetime) -> Edge:
    """Take the edge out for good; EdgeInUse while active jobs use its sources."""
    edge = _mine(edge, by)
    users = queries.jobs_at(edge.sources)
    if users:
        raise EdgeInUse(edge=edge.code, jobs="、".join(job.code for job in users[:5]))
    edge.state, edge.token_digest, edge.token_expires_at = EdgeState.RETIRED, "", None
    edge.save()
    record("edge.retired", by=by, at=at, subject=Subject("edge", edge.code))
    enqueue("bundle.stale", {"because": "edge.retired"}, by=by, at=at)
    return edge


def watch_edges(folder: Path, *, by: Actor, at: datetime) -> int:
    """Tell a person once of each edge that is silent or whose clock is wrong; how many were told of.

    ``folder`` is ``<home>/exchange``. An edge that is well again may be told of another time.
    """
    told = 0
    for edge in Edge.objects.filter(state=EdgeState.ACTIVE):
        found = edge_news.of(folder, edge, at=at).troubles
        if found == edge.told:
            continue
        with transaction.atomic():
            for trouble in found:
                if trouble not in edge.told:
                    details = {"edge": edge.code, "name": edge.name}
                    raise_alert(f"edge_{trouble}", details, by=by, at=at)
                    told += 1
            Edge.objects.filter(pk=edge.pk).update(told=found)
    return told


def watch_links(folder: Path, *, by: Actor, at: datetime) -> int:
    """Tell a person once of each link to another node that has been stuck for a while; how many were told of.

    ``folder`` is ``<home>/exchange``.
    """
    told = 0
    for link in link_news.of(folder):
        details = {"node": link.peer, "since": link.since, "error": link.error.get("code", "")}
        if link.is_stuck(at) and not Alert.objects.filter(code="link_stuck", details=details).exists():
            with transaction.atomic():
                raise_alert("link_stuck", details, by=by, at=at)
            told += 1
    return told


def _demand_token(code: str, given: str, *, at: datetime) -> None:
    """Refuse a wrong token, and count it; the count stands although the enrolment is refused."""
    with transaction.atomic():
        edge = Edge.objects.select_for_update().filter(code=code).exclude(state=EdgeState.RETIRED).first()
        # An unknown edge takes as long as a known one.
        known = edge.token_digest if edge else ""
        is_right = hmac.compare_digest(known.ljust(64), given)
        if edge and edge.attempts >= MOST_ATTEMPTS:
            raise TooManyAttempts(count=MOST_ATTEMPTS)
        if edge and known and not is_right:
            edge.attempts += 1
            edge.save(update_fields=["attempts"])
    if edge is None or not is_right:
        raise EnrolmentRefused
    if edge.token_expires_at is None or edge.token_expires_at <= at:
        raise TokenExpired(at=clock.rfc3339(edge.token_expires_at) if edge.token_expires_at else "")


def _demand_free(sources: Sequence[str], *, beside: Edge | None = None) -> None:
    if len(set(sources)) != len(sources):
        raise EdgeWrong(why_zh="数据源重复", why_en="a source is named twice")
    others = Edge.objects.exclude(state=EdgeState.RETIRED).exclude(pk=beside.pk if beside else 0)
    for other in others:
        both = sorted(set(other.sources) & set(sources))
        if both:
            raise EdgeWrong(
                why_zh=f"数据源 {'、'.join(both)} 已由前置机 {other.code} 服务",
                why_en=f"{', '.join(both)} is served by the edge {other.code} already",
            )


def _mine(edge: Edge, by: Actor) -> Edge:
    """The edge, locked; NotYourEdge or EdgeStateWrong."""
    edge = Edge.objects.select_for_update().get(pk=edge.pk)
    _demand_owner(edge.organisation, edge.node, by)
    if edge.state == EdgeState.RETIRED:
        raise EdgeStateWrong(edge=edge.code)
    return edge


def _demand_owner(organisation: str, node: str, by: Actor) -> None:
    if by.kind == "person" and by.organisation not in queries.handlers(organisation, node=node):
        raise NotYourEdge

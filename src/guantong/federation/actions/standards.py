"""标准下发: elements and code lists go down to every node below, and on from there; what changed, once.

What a node below was told is noted in the transaction that leaves the message, and the outbox delivers in order: so
each hears of every change, whatever is down meanwhile, and of nothing twice.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime

import msgspec
from django.db import transaction

from guantong.catalog import actions as catalog
from guantong.catalog import queries
from guantong.catalog.types import CodeListTerms, ElementTerms, StandardsTold
from guantong.federation.models import Node, Relation, ToldStandard
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject
from guantong.kit import canonical

MOST_ELEMENTS = 200
MOST_CODES = 20_000
"""A message holds at most so many elements, and lists of so many codes together."""

Term = CodeListTerms | ElementTerms


def tell_standards(*, own: str, by: Actor, at: datetime) -> int:
    """Tell every node below what it has not been told yet; how many messages. The worker calls this."""
    children = list(Node.objects.filter(relation=Relation.CHILD, is_confirmed=True))
    if not children:
        return 0
    terms: list[Term] = [*queries.code_lists_told(own), *queries.elements_told(own)]
    digests = {_key(term): _digest(term) for term in terms}
    count = 0
    for child in children:
        known = {
            (row.kind, row.identifier): row.digest
            for row in ToldStandard.objects.filter(neighbour=child.code)
        }
        fresh = [term for term in terms if known.get(_key(term)) != digests[_key(term)]]
        for batch in _batches(fresh):
            _tell(child, batch, digests, by=by, at=at)
            count += 1
    return count


@transaction.atomic
def _tell(
    child: Node, batch: list[Term], digests: dict[tuple[str, str], str], *, by: Actor, at: datetime
) -> None:
    told = StandardsTold(
        lists=[term for term in batch if isinstance(term, CodeListTerms)],
        elements=[term for term in batch if isinstance(term, ElementTerms)],
    )
    for term in batch:
        kind, identifier = _key(term)
        ToldStandard.objects.update_or_create(
            neighbour=child.code,
            kind=kind,
            identifier=identifier,
            defaults={"digest": digests[_key(term)], "told_at": at},
        )
    message = {"to": child.code, "topic": "standards.told", "payload": msgspec.to_builtins(told)}
    enqueue("node.message", message, by=by, at=at)
    details = {"lists": len(told.lists), "elements": len(told.elements)}
    record("standards.told", by=by, at=at, subject=Subject("node", child.code), details=details)


@transaction.atomic
def learn_standards(told: StandardsTold, *, by: Actor, at: datetime) -> int:
    """Take in what the node above tells; how many. What cannot be had is told to a person and holds up nothing else."""
    for listed in told.lists:
        catalog.take_in_code_list(listed, by=by, at=at)
    return len(told.lists) + sum(catalog.take_in_element(one, by=by, at=at) for one in told.elements)


def _batches(terms: list[Term]) -> Iterator[list[Term]]:
    batch: list[Term] = []
    codes = 0
    for term in terms:
        size = len(term.codes) if isinstance(term, CodeListTerms) else 0
        if batch and (len(batch) == MOST_ELEMENTS or codes + size > MOST_CODES):
            yield batch
            batch, codes = [], 0
        batch.append(term)
        codes += size
    if batch:
        yield batch


def _key(term: Term) -> tuple[str, str]:
    return ("codes" if isinstance(term, CodeListTerms) else "element", term.identifier)


def _digest(term: Term) -> str:
    return "sha-256:" + hashlib.sha256(canonical.dumps(msgspec.to_builtins(term))).hexdigest()

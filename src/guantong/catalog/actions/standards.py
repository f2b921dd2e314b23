"""Data elements: standards taken in, sources claimed, contested and settled."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from guantong.catalog.actions.directories import _revise
from guantong.catalog.actions.drafting import _demand_provider
from guantong.catalog.actions.judging import _judge_anew
from guantong.catalog.errors import NotTheBureau, ReasonMissing
from guantong.catalog.models import (
    Claim,
    CodeList,
    Element,
    ElementUse,
    ListedCode,
    Resource,
)
from guantong.catalog.standards import national
from guantong.catalog.standards.directories import DIRECTORIES
from guantong.catalog.standards.errors import (
    CodesKeptAbove,
    ElementUnknown,
    ElementWrong,
    RevisionTaken,
    SourceTaken,
)
from guantong.identity.models import Division
from guantong.identity.queries import bureaus
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject

LONGEST = 2000


@transaction.atomic
def take_in_codes(
    identifier: str,
    codes: Mapping[str, str],
    *,
    name: str,
    standard: str,
    revision: str,
    note: str = "",
    by: Actor,
    at: datetime,
) -> CodeList:
    """A revision of a code list: new codes begin with it, those it no longer has end before it; nothing is forgotten.

    What says nothing new makes no revision; another wording of one that was taken in is :class:`RevisionTaken`.
    """
    listed, _ = CodeList.objects.get_or_create(
        identifier=identifier,
        defaults={"name": name, "standard": standard, "revision": revision, "note": note},
    )
    if listed.node:
        raise CodesKeptAbove(standard=listed.standard)
    current = {each.code: each for each in listed.codes.filter(until="")}
    ended = [each for code, each in current.items() if codes.get(code) != each.name]
    kept = current.keys() - {each.code for each in ended}
    begun = {code: said for code, said in codes.items() if code not in kept}
    listed.name, listed.standard, listed.note = name, standard, note or listed.note
    if not ended and not begun:
        listed.save()
        return listed
    if listed.codes.filter(since=revision).exists() or listed.codes.filter(until=revision).exists():
        raise RevisionTaken(revision=revision, standard=standard)
    listed.revision = revision
    listed.save()
    for each in ended:
        each.until = revision
    ListedCode.objects.bulk_update(ended, ["until"], batch_size=500)
    ListedCode.objects.bulk_create(
        [ListedCode(code_list=listed, code=code, name=said, since=revision) for code, said in begun.items()],
        batch_size=500,
    )
    told = {"revision": revision, "codes": len(codes), "begun": len(begun), "ended": len(ended)}
    _revise("codes", identifier, 0, "taken_in", told, "", by=by, at=at)
    _judge_anew()
    record("codes.taken_in", by=by, at=at, subject=Subject("codes", identifier), details=told)
    return listed


@transaction.atomic
def load_standards(*, revision: str, by: Actor, at: datetime) -> int:
    """Sex, ethnic and division codes (``revision`` of the latter: the divisions that the node has), and elements; how many."""
    above = set(CodeList.objects.exclude(node="").values_list("identifier", flat=True))
    for identifier, name, standard, of, codes in national.LISTS:
        if identifier in above:
            continue
        take_in_codes(identifier, codes, name=name, standard=standard, revision=of, by=by, at=at)
    divisions = {row.code[:6]: row.name for row in Division.objects.filter(level__lte=4)}
    identifier, name, standard = national.DIVISIONS
    note = "取自本节点的行政区划表；表中的来源和许可见该数据自身的说明。"
    if identifier not in above:
        take_in_codes(
            identifier, divisions, name=name, standard=standard, revision=revision, note=note, by=by, at=at
        )
    lists = {each.identifier: each for each in CodeList.objects.all()}
    for code, name, synonyms, standard, kind, length, listed, level, rule in national.ELEMENTS:
        element, is_new = Element.objects.get_or_create(
            identifier=code,
            defaults={
                "name": name,
                "synonyms": synonyms,
                "standard": standard,
                "type": kind,
                "length": length,
                "code_list": lists.get(listed),
                "level": level,
                "rule": rule,
            },
        )
        if is_new:
            _revise("element", code, 1, "made", DIRECTORIES["element"].texts(element), "", by=by, at=at)
    record("elements.loaded", by=by, at=at, subject=Subject("codes", revision), details={"of": "national"})
    return len(national.ELEMENTS)


@transaction.atomic
def claim(element: str, resource: Resource, *, reason: str = "", by: Actor, at: datetime) -> Claim:
    """Say that an entry is the one source of an element; a second one needs a reason, and is a dispute for the bureau."""
    found = Element.objects.select_for_update(of=("self",)).filter(identifier=element).first()
    if found is None:
        raise ElementUnknown(element=element)
    _demand_provider(by, resource.provider.code)
    if not ElementUse.objects.filter(resource=resource, element=element).exists() or not resource.is_live:
        raise ElementWrong(
            why_zh="该目录未发布，或没有绑定此数据元的信息项",
            why_en="the entry is not published, or none of its items is bound to the element",
        )
    holder = found.claims.filter(state=Claim.State.AUTHORITATIVE).select_related("organisation").first()
    reason = reason.replace("\0", "").strip()[:LONGEST]
    if found.claims.filter(resource=resource, state__in=["authoritative", "disputed"]).exists():
        raise ElementWrong(why_zh="该目录已认领", why_en="the entry has claimed it already")
    if holder is not None and not reason:
        raise SourceTaken(element=found.name, holder=holder.organisation.name)
    made = Claim.objects.create(
        element=found,
        resource=resource,
        organisation=resource.provider,
        state=Claim.State.AUTHORITATIVE if holder is None else Claim.State.DISPUTED,
        reason=reason,
        claimed_by=by.name,
        claimed_at=at,
    )
    act = "element.claimed" if holder is None else "element.disputed"
    _record(act, found, made, by=by, at=at)
    return made


@transaction.atomic
def settle(contested: Claim, *, is_granted: bool, decision: str, by: Actor, at: datetime) -> Claim:
    """The bureau settles a dispute: the challenger becomes the source, or the one that was stays. Reasons are given."""
    element = Element.objects.select_for_update(of=("self",)).get(pk=contested.element_id)
    contested = (
        Claim.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=contested.pk)
    )
    if contested.state != Claim.State.DISPUTED:
        raise ElementWrong(why_zh="该争议已了结", why_en="the dispute is settled")
    of_node = bureaus(contested.resource.node)
    if by.kind == "person" and by.organisation not in of_node:
        raise NotTheBureau
    decision = decision.replace("\0", "").strip()[:LONGEST]
    if not decision:
        raise ReasonMissing
    if is_granted:
        element.claims.filter(state=Claim.State.AUTHORITATIVE).update(
            state=Claim.State.REFUSED, decision=decision, decided_by=by.name, decided_at=at
        )
    contested.state = Claim.State.AUTHORITATIVE if is_granted else Claim.State.REFUSED
    contested.decision, contested.decided_by, contested.decided_at = decision, by.name, at
    contested.save()
    _record("element.settled", element, contested, by=by, at=at)
    return contested


@transaction.atomic
def give_up_claim(held: Claim, *, reason: str, by: Actor, at: datetime) -> Claim:
    """Whoever claimed an element gives the claim up, with a reason; the element is free for another."""
    held = (
        Claim.objects.select_for_update(of=("self",))
        .select_related("organisation", "element")
        .get(pk=held.pk)
    )
    _demand_provider(by, held.organisation.code)
    if held.state not in {Claim.State.AUTHORITATIVE, Claim.State.DISPUTED}:
        raise ElementWrong(why_zh="该认领已了结", why_en="the claim is settled")
    reason = reason.replace("\0", "").strip()[:LONGEST]
    if not reason:
        raise ReasonMissing
    held.state, held.decision, held.decided_by, held.decided_at = Claim.State.GIVEN_UP, reason, by.name, at
    held.save()
    subject = Subject("element", held.element.identifier)
    record("element.given_up", by=by, at=at, subject=subject, details={"resource": held.resource.code})
    return held


def _record(act: str, element: Element, made: Claim, *, by: Actor, at: datetime) -> None:
    subject, details = (
        Subject("element", element.identifier),
        {"resource": made.resource.code, "state": made.state},
    )
    if act == "element.claimed":
        record("element.claimed", by=by, at=at, subject=subject, details=details)
    elif act == "element.disputed":
        record("element.disputed", by=by, at=at, subject=subject, details=details)
    else:
        record("element.settled", by=by, at=at, subject=subject, details=details)

"""Drafts: written, read, thrown away. A pending edit leaves what is live as it is."""

from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction

from guantong.catalog import codes, deadlines, extensions
from guantong.catalog.errors import ContentWrong, NotTheProvider
from guantong.catalog.models import Act, Move, Resource, State
from guantong.catalog.types import ResourceContent
from guantong.identity.errors import OrganisationUnknown
from guantong.identity.queries import organisation
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject

# So that any change fits into one message between nodes.
LARGEST_CONTENT = 200_000


def read_content(values: dict[str, Any]) -> ResourceContent:
    """Untrusted values as checked content, or :class:`ContentWrong`."""
    try:
        content = msgspec.convert(values, ResourceContent).checked()
    except msgspec.ValidationError as error:
        raise ContentWrong(field="content", why_zh=str(error), why_en=str(error)) from error
    if len(msgspec.json.encode(content)) > LARGEST_CONTENT:
        raise ContentWrong(field="content", why_zh="内容过长", why_en="it is too long")
    return content


@transaction.atomic
def draft(content: ResourceContent, *, node: str, by: Actor, at: datetime, batch: str = "") -> Resource:
    """Write a new entry, or a pending edit over a published one, which stays as it is until publication.

    ``batch`` names the import that this is part of, if any.
    """
    content.checked()
    extensions.check(content.extension, extensions.declared())
    provider = organisation(content.provider)
    if provider is None:
        raise OrganisationUnknown(organisation=content.provider)
    _demand_provider(by, content.provider)
    if not Resource.objects.filter(code=content.code).exists():
        # What was coded under an earlier rule keeps its code.
        codes.rule(settings.NODE.catalogue_code_rule).check(content.code)
    resource, _ = Resource.objects.select_for_update().get_or_create(
        code=content.code,
        defaults={"provider": provider, "node": node, "name": content.name, "summary": content.summary},
    )
    if (resource.provider_id, resource.node) != (provider.pk, node):
        raise NotTheProvider
    was = resource.state
    resource.draft = msgspec.to_builtins(content)
    # Whoever submitted an earlier wording has to submit this one again.
    resource.state, resource.submitted_by = _resting_state(resource), ""
    if resource.due_on is None or was in {State.SUBMITTED, State.REVIEWED}:
        resource.due_on = deadlines.due(State.DRAFT, at)
    if resource.live_version == 0:
        _show(resource, content)
    resource.save()
    _note(resource, Act.DRAFTED, was=was, content=resource.draft, by=by, at=at, batch=batch)
    record("resource.drafted", by=by, at=at, subject=Subject("resource", content.code))
    return resource


def _note(
    resource: Resource,
    act: Act,
    *,
    was: str,
    by: Actor,
    at: datetime,
    content: dict[str, Any] | None = None,
    version: int | None = None,
    reason: str = "",
    batch: str = "",
) -> Move:
    """Write a move of an entry down."""
    return Move.objects.create(
        resource=resource,
        act=act,
        was=was,
        content=content,
        version=version,
        reason=reason,
        by_id=by.id,
        by_name=by.name,
        organisation=by.organisation,
        at=at,
        batch=batch,
    )


def _show(resource: Resource, content: ResourceContent) -> None:
    """Repeat of the content what lists and searches need."""
    resource.name, resource.summary = content.name, content.summary
    resource.sharing_type, resource.update_cycle = content.sharing_type, content.update_cycle


def _resting_state(resource: Resource) -> State:
    """The state of an entry that is not under review."""
    if resource.live_version == 0:
        return State.DRAFT
    return State.PUBLISHED if resource.is_live else State.WITHDRAWN


def _demand_provider(by: Actor, provider: str) -> None:
    if by.kind == "person" and by.organisation != provider:
        raise NotTheProvider

"""Searches that people keep, and the notice of new entries that match them."""

import uuid as uuids
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import F
from django.http import QueryDict

from guantong.catalog.search import addresses
from guantong.catalog.search.errors import SavedSearchUnknown, SearchUnreadable
from guantong.catalog.search.models import SavedSearch
from guantong.catalog.search.types import SearchIndex
from guantong.identity.models import Person
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject

MOST_KEPT: Final = 100
_LONGEST: Final = 4_000


def of(person: Person) -> list[SavedSearch]:
    """What a person keeps, by name."""
    return list(SavedSearch.objects.filter(person=person)[:MOST_KEPT])


@transaction.atomic
def keep(person: Person, *, name: str, query: str, tells_news: bool, by: Actor, at: datetime) -> SavedSearch:
    """Keep a search by its address; the same name again replaces it."""
    name = name.replace("\0", "").strip()[:80]
    if not name or len(query) > _LONGEST or SavedSearch.objects.filter(person=person).count() >= MOST_KEPT:
        raise SearchUnreadable(what="name" if not name else "query")
    # Read once, so that what is kept can be asked again, and nothing but the question is kept.
    address = addresses.read_query(QueryDict(query), person)
    kept, _ = SavedSearch.objects.update_or_create(
        person=person,
        name=name,
        defaults={"query": address.query(), "tells_news": tells_news, "news": 0, "kept_at": at},
    )
    record("search.kept", by=by, at=at, subject=Subject("search", str(kept.uuid)))
    return kept


@transaction.atomic
def look(person: Person, uuid: uuids.UUID, *, by: Actor, at: datetime) -> SavedSearch:
    """Open a kept search: what was new in it is seen. Only its owner's own page tells, so the journal has no line."""
    del by
    kept = _own(person, uuid)
    if kept.news:
        SavedSearch.objects.filter(pk=kept.pk).update(news=0, news_at=at)
    return kept


@transaction.atomic
def forget(person: Person, uuid: uuids.UUID, *, by: Actor, at: datetime) -> None:
    """Keep a search no longer."""
    kept = _own(person, uuid)
    record("search.forgotten", by=by, at=at, subject=Subject("search", str(kept.uuid)))
    kept.delete()


def tell_news(index: SearchIndex, fresh: Sequence[int], *, at: datetime) -> int:
    """Count newly published resources into the kept searches that they match; how many searches have news."""
    told = 0
    if not fresh:
        return told
    kept = SavedSearch.objects.filter(tells_news=True, person__is_active=True)
    for each in kept.select_related("person__organisation").iterator(chunk_size=500):
        asked = addresses.read_query(QueryDict(each.query), each.person).asked
        number = index.search(replace(asked, among=tuple(fresh), facets=(), limit=1)).total
        if number:
            SavedSearch.objects.filter(pk=each.pk).update(news=F("news") + number, news_at=at)
            told += 1
    return told


def _own(person: Person, uuid: uuids.UUID) -> SavedSearch:
    kept = SavedSearch.objects.filter(person=person, uuid=uuid).first()
    if kept is None:
        raise SavedSearchUnknown
    return kept

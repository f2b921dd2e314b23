"""A search as an address: every state of the page is one, and every refinement a link to another."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, QueryDict

from guantong.catalog.search.errors import SearchUnreadable
from guantong.catalog.search.folding import LONGEST_QUERY
from guantong.catalog.search.sight import sight_of
from guantong.catalog.search.types import FACETS, Asked, Sort
from guantong.identity.models import Person

PAGE_SIZE: Final = 20
MOST: Final = 1_000
# In an address ``format`` is the form of the answer, so the facet has another word there.
PARAMETERS: Final[Mapping[str, str]] = {facet: "medium" if facet == "format" else facet for facet in FACETS}
_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f]{1,80}")
_REGION: Final = re.compile(r"(?:\d\d){1,3}")
_MOST_CHOSEN: Final = 100


@dataclass(frozen=True)
class Address:
    """What an address asks for; ``asked`` is its question."""

    asked: Asked
    with_drafts: bool

    @property
    def text(self) -> str:
        """The words in the box."""
        return self.asked.text

    @property
    def has_filters(self) -> bool:
        """Whether anything is chosen beside the words."""
        return any(self.asked.chosen.values())

    @property
    def has_sort(self) -> bool:
        """Whether an order was asked for."""
        return self.asked.sort != default_sort(self.text)

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """The chosen values as fields of a form, so that other words keep them."""
        return [(PARAMETERS[facet], value) for facet, values in self.asked.chosen.items() for value in values]

    def query(self, changes: Mapping[str, Sequence[str]] | None = None, *, sort: str | None = None) -> str:
        """The address's parameters with other values of some facets; page and form left out."""
        chosen = {**self.asked.chosen, **(changes or {})}
        given = QueryDict(mutable=True)
        if self.text:
            given["q"] = self.text
        for facet in FACETS:
            given.setlist(PARAMETERS[facet], list(chosen.get(facet, ())))
        if (order := sort or self.asked.sort) != default_sort(self.text):
            given["sort"] = order
        if self.with_drafts:
            given["drafts"] = "1"
        return given.urlencode()


def default_sort(text: str) -> Sort:
    """By relevance where there are words, else the newest first."""
    return "relevance" if text else "updated"


def read(request: HttpRequest) -> Address:
    """The question of a request, for whoever asks; :class:`SearchUnreadable` for a value that cannot be."""
    return read_query(request.GET, request.user)


def read_query(given: QueryDict, viewer: Person | AnonymousUser) -> Address:
    """The question of an address's parameters, for ``viewer``."""
    text = given.get("q", "").replace("\0", " ").strip()[:LONGEST_QUERY]
    with_drafts = given.get("drafts") == "1"
    asked = Asked(
        text=text,
        chosen={facet: _values(given, facet) for facet in FACETS if given.getlist(PARAMETERS[facet])},
        sight=sight_of(viewer, drafts=with_drafts),
        sort=_sort(given.get("sort", ""), text),
        limit=_limit(given.get("limit", "")),
        cursor=given.get("cursor", ""),
    )
    return Address(asked, with_drafts)


def _values(given: QueryDict, facet: str) -> list[str]:
    values = [value for value in dict.fromkeys(given.getlist(PARAMETERS[facet])) if value]
    if len(values) > _MOST_CHOSEN or not all(map(_VALUE.fullmatch, values)):
        raise SearchUnreadable(what=PARAMETERS[facet])
    if facet == "region" and (len(values) > 1 or not all(map(_REGION.fullmatch, values))):
        raise SearchUnreadable(what="region")
    return values


def _sort(word: str, text: str) -> Sort:
    if not word:
        return default_sort(text)
    for sort in get_args(Sort):
        if sort == word:
            found: Sort = sort
            return found
    raise SearchUnreadable(what="sort")


def _limit(text: str) -> int:
    if not text:
        return PAGE_SIZE
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST):
        raise SearchUnreadable(what="limit")
    return int(text)

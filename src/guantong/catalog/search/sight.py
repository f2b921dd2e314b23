"""Who may find what: the words that stand in the index beside each entry, and those that a viewer brings."""

from django.contrib.auth.models import AnonymousUser

from guantong.catalog.search.types import EVERYBODY
from guantong.identity.models import Person
from guantong.identity.queries import may

_WORKS_ON_DRAFTS = ("resource:draft", "resource:submit", "resource:publish")


def sight_of(viewer: Person | AnonymousUser, *, drafts: bool = True) -> tuple[str, ...]:
    """What ``viewer`` may find: what is published; their department's drafts; for a bureau what it is to publish."""
    if not drafts or not isinstance(viewer, Person) or viewer.organisation is None:
        return (EVERYBODY,)
    if not any(may(viewer, permission) for permission in _WORKS_ON_DRAFTS):
        return (EVERYBODY,)
    own = (EVERYBODY, _department(viewer.organisation.code))
    return (*own, _bureau(viewer.organisation.node)) if viewer.organisation.is_bureau else own


def draft_seen_by(provider: str, node: str, state: str) -> tuple[str, ...]:
    """Who may find a draft: its department, and the node's bureau once the department has approved it."""
    return (_department(provider), _bureau(node)) if state == "reviewed" else (_department(provider),)


def _department(code: str) -> str:
    return f"department {code}"


def _bureau(node: str) -> str:
    return f"bureau {node}"

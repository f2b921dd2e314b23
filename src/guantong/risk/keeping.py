"""Who keeps the rules, and the mark by which a wording that was tried is known again when it is saved."""

from hashlib import sha256

import msgspec
from django.conf import settings

from guantong.identity.models import Person
from guantong.identity.queries import may
from guantong.risk.types import AnyRule


def may_keep(person: Person) -> bool:
    """Whether someone may change rules: by ``risk:keep``, of this node's bureau."""
    own = person.organisation
    is_here = own is not None and own.is_bureau and own.node == settings.NODE.node
    return is_here and may(person, "risk:keep")


def mark_of(now: AnyRule | None, then: AnyRule, grant: str = "") -> str:
    """What is tried, from what it is tried, and for whom."""
    said = msgspec.json.encode([now, then, grant])
    return sha256(said).hexdigest()[:32]

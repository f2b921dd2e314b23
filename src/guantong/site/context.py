"""What every page knows."""

from typing import Any

from django.http import HttpRequest

from guantong.identity.models import Person
from guantong.identity.queries import may
from guantong.identity.roles import ROLES
from guantong.site.node import node_settings


class Permissions:
    """``{% if may.case_accept %}`` in a template: the permission ``case:accept`` of the visitor."""

    def __init__(self, person: Any) -> None:
        self._person = person

    def __getitem__(self, name: str) -> bool:
        return may(self._person, name.replace("_", ":", 1) if ":" not in name else name)


def node(request: HttpRequest) -> dict[str, Any]:
    """The node's title and code, the visitor's permissions and roles."""
    settings = node_settings()
    person = request.user
    roles = person.roles if isinstance(person, Person) else []
    return {
        "node_code": settings.node,
        "node_title": settings.title,
        "is_development": settings.development,
        "may": Permissions(person),
        "visitor_roles": [role for role in roles if role in ROLES],
    }

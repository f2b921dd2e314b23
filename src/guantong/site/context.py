"""What every page knows."""

from typing import Any

from django.http import HttpRequest

from guantong import __version__
from guantong.identity.models import Person
from guantong.identity.queries import may
from guantong.identity.roles import ROLES
from guantong.notices.queries import unread_count
from guantong.site.names import Names
from guantong.site.node import node_settings
from guantong.site.todos import count_for

TASKS = ("find", "todo", "share", "serve", "prove", "oversee")


class Permissions:
    """``{% if may.case_accept %}`` in a template: the permission ``case:accept`` of the visitor."""

    def __init__(self, person: Any) -> None:
        self._person = person

    def __getitem__(self, name: str) -> bool:
        return may(self._person, name.replace("_", ":", 1) if ":" not in name else name)


def node(request: HttpRequest) -> dict[str, Any]:
    """The node's title and code, the task the page belongs to, the visitor's permissions, roles and to-dos."""
    settings = node_settings()
    # A page that failed early may have no visitor yet.
    person = getattr(request, "user", None)
    roles = person.roles if isinstance(person, Person) else []
    task = request.path.split("/")[1]
    return {
        "node_code": settings.node,
        "node_title": settings.title,
        "is_development": settings.development,
        "version": __version__,
        "task": task if task in TASKS else "",
        "names": Names(),
        "may": Permissions(person),
        "visitor_roles": [role for role in roles if role in ROLES],
        # Called by the template, so that answers without a page do not count.
        "unread_count": lambda: unread_count(person) if isinstance(person, Person) else 0,
        "todo_count": lambda: count_for(person) if isinstance(person, Person) else 0,
    }

"""The first page, the visitor's to-dos, and signing in."""

from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from guantong.catalog import queries as catalog
from guantong.counter.models import Case
from guantong.federation.cards import read_card
from guantong.federation.models import Node
from guantong.identity.forms import SignInForm
from guantong.identity.models import Person
from guantong.identity.roles import ROLES
from guantong.journal.models import Receipt
from guantong.sharing.models import Grant
from guantong.site import walk
from guantong.site.node import node_settings


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """What this node is, how much of it there is, the tree it belongs to, and where each visitor begins."""
    settings = node_settings()
    nodes = [
        (node, read_card(node.card.encode()).parent)
        for node in Node.objects.filter(is_confirmed=True).order_by("code")
    ]
    steps = walk.steps(settings)
    return render(
        request,
        "site/home.html",
        {
            "level": _level(settings.node),
            "resource_count": catalog.published().count(),
            "grant_count": Grant.objects.filter(state="active").count(),
            "receipt_count": Receipt.objects.count(),
            "case_count": Case.objects.count(),
            "tree": walk.tree(nodes, settings.node),
            "steps": steps,
            "next_step": next((step for step in steps if step.is_done is False), None),
            "families": walk.families(settings),
            "item": walk.item(settings),
        },
    )


def _level(code: str) -> str:
    """Which of the tree's levels a node's division code belongs to."""
    ends = (("000000", "nation"), ("0000", "province"), ("00", "city"))
    return next((level for end, level in ends if code.endswith(end)), "county")


class SignIn(LoginView):
    """The page that asks who someone is; on a development node it offers the demonstration log-ins."""

    template_name = "site/sign_in.html"
    authentication_form = SignInForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the demonstration log-ins of this node and the roles they play."""
        known = walk.log_ins(node_settings())
        people = {
            person.username: person
            for person in Person.objects.filter(username__in=known).select_related("organisation")
        }
        shown = [
            {
                "username": username,
                "password": log_in.password,
                "person": people[username],
                "roles": [role for role in people[username].roles if role in ROLES],
            }
            for username, log_in in known.items()
            if username in people
        ]
        return super().get_context_data(**kwargs, log_ins=shown)

"""The first page and the visitor's to-dos."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from guantong.catalog import queries as catalog
from guantong.catalog.models import Resource
from guantong.counter.models import Case
from guantong.federation.models import Node
from guantong.identity.models import Person
from guantong.identity.queries import may
from guantong.journal.models import Alert, Receipt
from guantong.sharing import queries as sharing
from guantong.sharing.models import Grant


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """What this node is, how much of it there is, and where each kind of visitor begins."""
    context = {
        "resource_count": catalog.published().count(),
        "grant_count": Grant.objects.filter(state="active").count(),
        "receipt_count": Receipt.objects.count(),
        "case_count": Case.objects.count(),
        "nodes": Node.objects.filter(is_confirmed=True).order_by("code"),
    }
    return render(request, "site/home.html", context)


@require_GET
@login_required
def todo(request: HttpRequest) -> HttpResponse:
    """Everything that waits for the visitor."""
    person = request.user
    assert isinstance(person, Person)  # noqa: S101 - login_required has seen to it
    code = person.organisation.code if person.organisation else ""
    drafts = Resource.objects.filter(provider__code=code)
    context: dict[str, QuerySet[Any] | list[Any]] = {
        "steps": sharing.to_decide(code) if may(person, "request:decide") else [],
        "to_submit": drafts.filter(state="draft") if may(person, "resource:submit") else [],
        "to_publish": drafts.filter(state="submitted") if may(person, "resource:publish") else [],
        "cases": Case.objects.filter(state="waiting") if may(person, "case:advance") else [],
        "nodes": Node.objects.filter(is_confirmed=False) if may(person, "node:confirm") else [],
        "alerts": Alert.objects.filter(seen_at__isnull=True)[:20] if may(person, "alert:settle") else [],
    }
    return render(
        request, "site/todo.html", {**context, "is_empty": not any(len(rows) for rows in context.values())}
    )

"""服务接口 on pages: what may be asked of a department's interface, written down or taken in from its document."""

import json
from typing import Any, get_args

import msgspec
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guantong.bundle.services import Method
from guantong.catalog import actions, queries
from guantong.catalog.compiling_views import demand_own
from guantong.catalog.errors import ContentWrong
from guantong.catalog.interfaces import checking, openapi
from guantong.catalog.interfaces.types import OperationContent, ParameterContent, Place
from guantong.catalog.models import Resource
from guantong.catalog.types import ResourceContent
from guantong.identity.models import Person
from guantong.identity.queries import actor, may
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language, telling

SPARE_LINES, MOST_LINES = 3, 64
BODIES, ANSWERS = ("none", "json", "whole"), ("json", "whole")


@require_http_methods(["GET", "POST"])
@login_required
def interface(request: HttpRequest, code: str) -> HttpResponse:
    """The operations of an entry: as they are in force, or as its department is drafting them."""
    resource = queries.by_code(code)
    content, can_edit = _seen(request, resource)
    fault = ""
    if request.method == "POST":
        demand_own(request, "resource:draft", resource)
        name = request.POST.get("name", "").strip()
        if not checking.faults({name: OperationContent("GET", "/")}, set(), []):
            return redirect("operation", code=code, name=name)
        fault = gettext("Lower-case letters, digits and underscores.")
    context = {
        "resource": resource,
        "operations": content.operations,
        "can_edit": can_edit,
        "is_pending": can_edit and bool(resource.draft),
        "unanswered": checking.unanswered(content.operations, content.lookups) if content.operations else [],
        "fault": fault,
    }
    return render(request, "catalog/interface.html", context, status=422 if fault else 200)


@require_GET
@login_required
def take_along(request: HttpRequest, code: str) -> HttpResponse:
    """The operations as JSON, which can be taken in again, here or at another node."""
    content, _ = _seen(request, queries.by_code(code))
    text = json.dumps({"operations": msgspec.to_builtins(content.operations)}, ensure_ascii=False, indent=2)
    answer = HttpResponse(text, content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{code.replace("/", "-")}-interface.json"'
    return answer


@require_POST
@login_required
def take_in(request: HttpRequest, code: str) -> HttpResponse:
    """Read a document, show what it would make, and take what was chosen into the draft."""
    resource = queries.by_code(code)
    person = demand_own(request, "resource:draft", resource)
    content = _content(resource)
    proposed: dict[str, OperationContent] = {}
    fault, text = "", ""
    try:
        text = _document(request)
        proposed = openapi.read(text, content.items)
        if "chosen" in request.POST:
            chosen = {name: each for name, each in proposed.items() if name in request.POST.getlist("take")}
            if not chosen:
                raise ContentWrong(
                    field="operations", why_zh="请至少选择一个操作", why_en="choose at least one operation"
                )
            # What is taken in anew stands in for what was asked in the same way before.
            shapes = {checking.shape_of(each) for each in chosen.values()}
            kept = {
                name: each
                for name, each in content.operations.items()
                if checking.shape_of(each) not in shapes
            }
            _save(content, {**kept, **chosen}, person)
            messages.success(request, gettext("The operations are in the draft. Look at each one."))
            return redirect("interface", code=code)
    except GuantongError as error:
        fault = error.sentence(language())
    taken = request.POST.getlist("take") if "chosen" in request.POST else _useful(proposed)
    context = {"resource": resource, "proposed": proposed, "taken": taken, "text": text, "fault": fault}
    return render(request, "catalog/interface_import.html", context, status=422 if fault else 200)


@require_http_methods(["GET", "POST"])
@login_required
def edit(request: HttpRequest, code: str, name: str) -> HttpResponse:
    """One operation: its path, what it takes, where each item stands in its answer."""
    resource = queries.by_code(code)
    person = demand_own(request, "resource:draft", resource)
    content = _content(resource)
    known = content.operations.get(name)
    operation = known or OperationContent("GET", "/")
    faults: list[str] = []
    spare = SPARE_LINES
    if request.method == "POST":
        if "drop" in request.POST:
            rest = {word: each for word, each in content.operations.items() if word != name}
            return _kept(request, resource, content, rest, person)
        try:
            operation = _typed(request, content)
            if "more" not in request.POST:
                said = checking.faults(
                    {**content.operations, name: operation}, {item.name for item in content.items}, []
                )
                faults = [zh if language() == "zh" else en for zh, en in said]
                if not faults:
                    return _kept(request, resource, content, {**content.operations, name: operation}, person)
        except msgspec.ValidationError as error:
            faults = [str(error)]
        spare += SPARE_LINES if "more" in request.POST else 0
    blank = ParameterContent(where="query")
    context: dict[str, Any] = {
        "resource": resource,
        "name": name,
        "is_known": known is not None,
        "operation": operation,
        "parameters": [*operation.parameters.items(), *[("", blank)] * spare],
        "items": content.items,
        "item_places": [(item, operation.items.get(item.name, "")) for item in content.items],
        "passed": "\n".join(operation.passed),
        "methods": get_args(Method),
        "places": get_args(Place),
        "bodies": BODIES,
        "answers": ANSWERS,
        "faults": faults,
    }
    return render(request, "catalog/operation.html", context, status=422 if faults else 200)


def _kept(
    request: HttpRequest,
    resource: Resource,
    content: ResourceContent,
    operations: dict[str, OperationContent],
    person: Person,
) -> HttpResponse:
    with telling(request, gettext("The draft has been saved.")):
        _save(content, operations, person)
    return redirect("interface", code=resource.code)


def _save(content: ResourceContent, operations: dict[str, OperationContent], person: Person) -> None:
    changed = msgspec.structs.replace(content, operations=operations)
    actions.draft(changed, node=settings.NODE.node, by=actor(person), at=clock.now())


def _typed(request: HttpRequest, content: ResourceContent) -> OperationContent:
    """The form as an operation; msgspec's error for what no operation could be."""
    post = request.POST
    shown = post.get("rows_shown", "")
    lines = min(int(shown), MOST_LINES) if shown.isdecimal() and len(shown) < 4 else 0
    parameters = {}
    for n in range(lines):
        word = post.get(f"p{n}-name", "").strip()
        if word:
            sent = post.get(f"p{n}-sent_as", "").strip()
            parameters[word] = {
                "where": post.get(f"p{n}-where", ""),
                "sent_as": "" if sent == word else sent,
                "item": post.get(f"p{n}-item", ""),
                "required": f"p{n}-required" in post or post.get(f"p{n}-where") == "path",
            }
    places = {item.name: post.get(f"i-{item.name}", "").strip() for item in content.items}
    seconds = post.get("cache_s", "").strip()
    values = {
        "method": post.get("method", ""),
        "path": post.get("path", "").strip(),
        "label": post.get("label", "").strip(),
        "parameters": parameters,
        "items": {name: place for name, place in places.items() if place},
        "passed": [line.strip() for line in post.get("passed", "").splitlines() if line.strip()],
        "rows": post.get("rows", "").strip(),
        "body": post.get("body", ""),
        "answer": post.get("answer", ""),
        "cache_s": int(seconds) if seconds.isdecimal() and len(seconds) < 9 else 0,
    }
    return msgspec.convert(values, OperationContent)


def _document(request: HttpRequest) -> str:
    file = request.FILES.get("document")
    too_large = ContentWrong(
        field="operations", why_zh="文档超过 2 MB", why_en="the document is larger than 2 MB"
    )
    if file is None:
        text = request.POST.get("text", "")
        if len(text) > openapi.LARGEST:
            raise too_large
        return text
    if (file.size or 0) > openapi.LARGEST:
        raise too_large
    return str(file.read(), "utf-8", "replace")


def _useful(proposed: dict[str, OperationContent]) -> list[str]:
    """What is ticked at first: operations that change nothing and answer with items."""
    return [name for name, each in proposed.items() if each.method in checking.SAFE and each.items]


def _content(resource: Resource) -> ResourceContent:
    content = actions.read_content(resource.draft) if resource.draft else resource.latest
    if content is None:
        raise Http404
    return content


def _seen(request: HttpRequest, resource: Resource) -> tuple[ResourceContent, bool]:
    """What the visitor may see of the interface, and whether they may change it."""
    person = request.user
    is_own = (
        isinstance(person, Person)
        and may(person, "resource:draft")
        and person.organisation_id == resource.provider_id
        and resource.node == settings.NODE.node
    )
    if is_own:
        return _content(resource), True
    content = resource.live
    if content is None:
        raise Http404
    return content, False

"""The flows by which requests are approved: looked at, taken along, and replaced by the node's own."""

from typing import get_args

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_GET, require_http_methods

from guantong.identity.models import Person
from guantong.identity.queries import actor, demand, may
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.sharing import flows
from guantong.sharing.errors import FlowUnfit
from guantong.workflow.drawing import svg
from guantong.workflow.models import FlowVersion
from guantong.workflow.queries import specification

LARGEST = 400_000


@require_http_methods(["GET", "POST"])
@login_required
def approval_flows(request: HttpRequest) -> HttpResponse:
    """Both flows as pictures, with their earlier versions; a new one is handed in here."""
    person = _reader(request)
    fault = ""
    if request.method == "POST":
        demand(request.user, "flow:publish")
        try:
            side = _side(request.POST.get("side", ""))
            flow = flows.publish(side, _text(request), by=actor(person), at=clock.now())
        except GuantongError as error:
            fault = error.sentence("en" if get_language() == "en" else "zh")
        else:
            messages.success(request, gettext("Version %(n)s holds for new requests.") % {"n": flow.version})
            return redirect("approval-flows")
    context = {
        "sides": [_shown(side) for side in get_args(flows.Side)],
        "fault": fault,
        "can_publish": may(person, "flow:publish"),
    }
    return render(request, "sharing/flows.html", context, status=422 if fault else 200)


@require_GET
@login_required
def flow_text(request: HttpRequest, side: str, version: int) -> HttpResponse:
    """The BPMN of one version, as a file."""
    _reader(request)
    flow = FlowVersion.objects.filter(name=flows.name_of(_side(side)), version=version).first()
    if flow is None:
        raise Http404
    answer = HttpResponse(flow.bpmn, content_type="application/xml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="request-{side}-v{version}.bpmn"'
    return answer


def _reader(request: HttpRequest) -> Person:
    """Who files or decides requests, and who publishes flows."""
    is_publisher = isinstance(request.user, Person) and may(request.user, "flow:publish")
    return demand(request.user, "flow:publish" if is_publisher else "request:read")


def _shown(side: flows.Side) -> dict[str, object]:
    current = flows.current(side, at=clock.now())
    spec = specification(current)
    english = spec.english if get_language() == "en" else {}
    # The drawing escapes every word that comes from the diagram.
    picture = mark_safe(svg(spec, {}, spec.name, english))  # noqa: S308
    earlier = FlowVersion.objects.filter(name=flows.name_of(side)).order_by("-version")
    return {"side": side, "current": current, "picture": picture, "versions": earlier}


def _side(word: str) -> flows.Side:
    for side in get_args(flows.Side):
        if word == side:
            return side  # type: ignore[no-any-return]
    raise Http404


def _text(request: HttpRequest) -> bytes:
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile) or (file.size or 0) > LARGEST:
        raise FlowUnfit(why_zh="没有文件，或文件超过 400 KB", why_en="there is no file, or it exceeds 400 KB")
    return bytes(file.read())

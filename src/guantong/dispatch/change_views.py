"""Declaring a job, changing one, making another like it, putting it away."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from guantong.dispatch import actions, queries
from guantong.dispatch.forms import JobForm
from guantong.dispatch.models import Job, RunState
from guantong.identity.models import Organisation, Person
from guantong.identity.queries import actor, demand
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.pages.answers import language
from guantong.sharing.models import Grant


@require_http_methods(["GET", "POST"])
@login_required
def declare(request: HttpRequest) -> HttpResponse:
    """The form by which a department declares a job under the grant ``?grant=``, filled in like the job ``?like=``."""
    person = demand(request.user, "job:declare")
    at = clock.now()
    grant = get_object_or_404(queries.batch_grants(_code(person), at=at), code=request.GET.get("grant", ""))
    like = queries.visible_jobs(person).filter(grant=grant, code=request.GET.get("like", "")).first()
    asked = request.POST if request.method == "POST" else None
    form = JobForm(asked, grant=grant, said=queries.declaration_of(like) if like else None)
    if asked is not None and form.is_valid():
        try:
            made = _declared(form, grant, person)
        except GuantongError as error:
            form.add_error(None, error.sentence(language()))
        else:
            messages.success(request, gettext("The job %(code)s has been declared.") % {"code": made.code})
            return redirect("job", code=made.code)
    return _page(request, form, grant, like=like)


@require_http_methods(["GET", "POST"])
@login_required
def change(request: HttpRequest, code: str) -> HttpResponse:
    """The same form for a job that stands; saving it makes a new version."""
    person = demand(request.user, "job:declare")
    found = get_object_or_404(queries.visible_jobs(person).select_related("grant", "target"), code=code)
    asked = request.POST if request.method == "POST" else None
    form = JobForm(asked, grant=found.grant, said=queries.declaration_of(found), job=found)
    if asked is not None and form.is_valid():
        before = found.version
        try:
            changed = _changed(form, found, person)
        except GuantongError as error:
            form.add_error(None, error.sentence(language()))
        else:
            _tell(request, changed, before)
            return redirect("job", code=code)
    return _page(request, form, found.grant, job=found)


@require_http_methods(["GET", "POST"])
@login_required
def retire(request: HttpRequest, code: str) -> HttpResponse:
    """Ask once more, then put the job away."""
    person = demand(request.user, "job:run")
    found = get_object_or_404(queries.visible_jobs(person).select_related("grant", "target"), code=code)
    if request.method == "POST":
        actions.retire_job(found, by=actor(person), at=clock.now())
        messages.success(request, gettext("The job has been retired."))
        return redirect("job", code=code)
    context = {"job": found, "open_run": queries.open_run(found), "followers": found.followers.all()}
    return render(request, "dispatch/job_retire.html", context)


@transaction.atomic
def _declared(form: JobForm, grant: Grant, person: Person) -> Job:
    """Target and job, or neither."""
    return actions.declare_job(
        form.declaration(_target(form, grant, person)), by=actor(person), at=clock.now()
    )


@transaction.atomic
def _changed(form: JobForm, found: Job, person: Person) -> Job:
    said = form.declaration(_target(form, found.grant, person))
    return actions.change_job(found, said, by=actor(person), at=clock.now())


def _target(form: JobForm, grant: Grant, person: Person) -> str:
    """The code of the chosen target, or of the one that is declared with the job."""
    fresh = form.new_target()
    if fresh is None:
        return str(form.cleaned_data["target"])
    owner = Organisation.objects.get(code=grant.consumer)
    return actions.declare_target(fresh, organisation=owner, by=actor(person), at=clock.now()).code


def _tell(request: HttpRequest, changed: Job, before: int) -> None:
    if changed.version == before:
        messages.info(request, gettext("Nothing was changed."))
        return
    messages.success(request, gettext("Version %(n)s is in force.") % {"n": changed.version})
    run = queries.open_run(changed)
    if run is not None and run.state == RunState.RUNNING:
        messages.warning(
            request,
            gettext(
                "The run under way began under the old version; its next chunk obeys the new one or it starts over."
            ),
        )
    elif run is not None:
        messages.warning(request, gettext("The open run starts over under the new version."))


def _page(
    request: HttpRequest, form: JobForm, grant: Grant, *, job: Job | None = None, like: Job | None = None
) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "grant": grant,
        "job": job,
        "like": like,
        "open_run": queries.open_run(job) if job else None,
        "wanted": form["wanted"].value() or [],
        "key": form["key"].value() or [],
        "items": [
            {**item, "column": request.POST.get(f"column-{item['name']}", item["name"])}
            for item in form.items
        ],
    }
    return render(request, "dispatch/job_form.html", context, status=422 if form.is_bound else 200)


def _code(person: Person) -> str:
    return person.organisation.code if person.organisation else ""

"""Addresses of dispatch."""

from django.urls import path

from guantong.dispatch import (
    alert_views,
    calendar_views,
    change_views,
    edge_views,
    refused_views,
    target_views,
    views,
    watching,
)

urlpatterns = [
    path("share/jobs/", views.jobs, name="jobs"),
    path("share/jobs/declare", change_views.declare, name="job-form"),
    path("share/jobs/alerts/", alert_views.alerts, name="job-alerts"),
    path("share/jobs/<str:code>/", views.job, name="job"),
    path("share/jobs/<str:code>/change", change_views.change, name="job-change"),
    path("share/jobs/<str:code>/retire", change_views.retire, name="job-retire"),
    path("share/jobs/<str:code>/progress", views.progress, name="job-progress"),
    path("share/jobs/<str:code>/runs/<str:run>/refused", refused_views.refused, name="run-refused"),
    path("share/jobs/<str:code>/runs/<str:run>/rows", refused_views.rows, name="run-rows"),
    path("share/jobs/<str:code>/resend", refused_views.resend, name="job-resend"),
    path("share/jobs/<str:code>/orders/<str:verb>", views.order, name="job-order"),
    path("share/targets/", target_views.targets, name="targets"),
    path("share/targets/<str:code>/", target_views.target, name="target"),
    path("share/targets/<str:code>/retire", target_views.retire, name="target-retire"),
    path("share/calendar/", calendar_views.calendar, name="calendar"),
    path("share/calendar/note", calendar_views.note, name="calendar-note"),
    path("share/calendar/forget", calendar_views.forget, name="calendar-forget"),
    path("share/calendar/quiet", calendar_views.set_quiet, name="quiet-set"),
    path("share/calendar/quiet/<int:number>/drop", calendar_views.drop_quiet, name="quiet-drop"),
    path("share/edges/", edge_views.edges, name="edges"),
    path("share/edges/add", edge_views.add_edge, name="edge-form"),
    path("share/edges/<str:code>/", edge_views.edge, name="edge"),
    path("share/edges/<str:code>/change", edge_views.change_edge, name="edge-change"),
    path("share/edges/<str:code>/token", edge_views.renew_token, name="edge-token"),
    path("share/edges/<str:code>/retire", edge_views.retire_edge, name="edge-retire"),
    path("exchange/edges/enrol", edge_views.enrol, name="edge-enrol"),
    path("oversee/flows/", watching.flows, name="flows"),
    path("oversee/reconciliation/", watching.reconciliation, name="reconciliation"),
]

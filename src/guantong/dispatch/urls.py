"""Addresses of dispatch."""

from django.urls import path

from guantong.dispatch import edge_views, views, watching

urlpatterns = [
    path("share/jobs/", views.jobs, name="jobs"),
    path("share/jobs/declare", views.declare, name="job-form"),
    path("share/jobs/<str:code>/", views.job, name="job"),
    path("share/jobs/<str:code>/progress", views.progress, name="job-progress"),
    path("share/jobs/<str:code>/runs/<str:run>/refused", views.refused, name="run-refused"),
    path("share/jobs/<str:code>/orders/<str:verb>", views.order, name="job-order"),
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

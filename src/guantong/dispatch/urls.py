"""Addresses of dispatch."""

from django.urls import path

from guantong.dispatch import views, watching

urlpatterns = [
    path("share/jobs/", views.jobs, name="jobs"),
    path("share/jobs/declare", views.declare, name="job-form"),
    path("share/jobs/<str:code>/", views.job, name="job"),
    path("share/jobs/<str:code>/progress", views.progress, name="job-progress"),
    path("share/jobs/<str:code>/runs/<str:run>/refused", views.refused, name="run-refused"),
    path("share/jobs/<str:code>/orders/<str:verb>", views.order, name="job-order"),
    path("oversee/flows/", watching.flows, name="flows"),
    path("oversee/reconciliation/", watching.reconciliation, name="reconciliation"),
]

"""Addresses of the catalogue."""

from django.urls import path, re_path

from guantong.catalog import views

_CODE = r"(?P<code>\d+/\d+)"

urlpatterns = [
    path("find/", views.search, name="find"),
    path("find/drafts/", views.drafts, name="drafts"),
    re_path(rf"^find/{_CODE}/$", views.detail, name="resource"),
    re_path(rf"^find/{_CODE}/(?P<verb>submit|publish|withdraw)$", views.act, name="resource-act"),
]

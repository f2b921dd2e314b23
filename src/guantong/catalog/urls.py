"""Addresses of the catalogue."""

from django.urls import path, re_path

from guantong.catalog import compiling_views, views
from guantong.catalog.types import CODE_SHAPE

_CODE = rf"(?P<code>{CODE_SHAPE})"

urlpatterns = [
    path("find/", views.search, name="find"),
    path("find/drafts/", compiling_views.drafts, name="drafts"),
    path("find/drafts/together", compiling_views.together, name="drafts-together"),
    re_path(rf"^find/{_CODE}/$", views.detail, name="resource"),
    re_path(rf"^find/{_CODE}/changes$", compiling_views.changes, name="resource-changes"),
    re_path(rf"^find/{_CODE}/undo$", compiling_views.undo, name="resource-undo"),
    re_path(
        rf"^find/{_CODE}/(?P<verb>submit|approve|return|publish|withdraw)$",
        compiling_views.act,
        name="resource-act",
    ),
]

"""Addresses of linking."""

from django.urls import path, re_path

from guantong.catalog.links import views
from guantong.catalog.types import CODE_SHAPE

_CODE = rf"(?P<code>{CODE_SHAPE})"

urlpatterns = [
    path("find/links/", views.links, name="links"),
    path("find/without-data/", views.without_data, name="without-data"),
    re_path(rf"^find/{_CODE}/link$", views.edit, name="link-edit"),
    re_path(rf"^find/{_CODE}/link/check$", views.check, name="link-check"),
    re_path(rf"^find/{_CODE}/link/remove$", views.remove, name="link-remove"),
    re_path(rf"^find/{_CODE}/link/history$", views.history, name="link-history"),
]

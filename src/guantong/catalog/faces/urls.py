"""Addresses of the machine faces. They are stable: what stands here is promised to programs elsewhere."""

from django.urls import path, re_path

from guantong.catalog.faces import api, feeds
from guantong.catalog.types import CODE_SHAPE

_CODE = rf"(?P<code>{CODE_SHAPE})"
_FORM = r"(?P<form>ttl|jsonld)"
_API = "api/catalog/v1"

urlpatterns = [
    path(f"{_API}/", api.root, name="api"),
    path(f"{_API}/openapi.json", api.described, name="api-openapi"),
    path(f"{_API}/entries", api.entries, name="api-entries"),
    path(f"{_API}/changes", api.changes, name="api-changes"),
    re_path(rf"^{_API}/entries/{_CODE}$", api.entry, name="api-entry"),
    re_path(rf"^{_API}/entries/{_CODE}/items$", api.items, name="api-items"),
    re_path(rf"^{_API}/entries/{_CODE}/versions$", api.versions, name="api-versions"),
    re_path(rf"^{_API}/entries/{_CODE}/versions/(?P<number>[0-9]{{1,9}})$", api.version, name="api-version"),
    path("dcat/", feeds.negotiated, name="dcat-negotiated"),
    re_path(rf"^dcat/catalogue\.{_FORM}$", feeds.catalogue, name="dcat"),
    re_path(rf"^find/{_CODE}\.{_FORM}$", feeds.face, name="resource-face"),
]

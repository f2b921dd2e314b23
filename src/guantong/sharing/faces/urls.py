"""Addresses of the machine face. They are stable: what stands here is promised to programs elsewhere."""

from django.urls import path

from guantong.sharing.faces import api
from guantong.sharing.faces.admitting import door

_API = "api/sharing/v1"

urlpatterns = [
    path(f"{_API}/openapi.json", api.described, name="sharing-openapi"),
    path(f"{_API}/pledge", api.pledge, name="sharing-pledge"),
    path(f"{_API}/requests", door(GET=api.requests, POST=api.file), name="sharing-requests"),
    path(f"{_API}/requests/<uuid:uuid>", door(GET=api.request), name="sharing-request"),
    path(f"{_API}/requests/<uuid:uuid>/supplement", door(POST=api.supplement), name="sharing-supplement"),
    path(f"{_API}/requests/<uuid:uuid>/withdraw", door(POST=api.withdraw), name="sharing-withdraw"),
    path(f"{_API}/grants", door(GET=api.grants), name="sharing-grants"),
    path(f"{_API}/grants/<str:code>", door(GET=api.grant), name="sharing-grant"),
]

"""Addresses of the catalogue."""

from django.urls import path, re_path

from guantong.catalog import (
    compiling_views,
    dictionary_views,
    directory_views,
    editing_views,
    import_views,
    list_views,
    need_views,
    reverse_views,
    standard_views,
    views,
)
from guantong.catalog.interfaces import views as interfaces
from guantong.catalog.types import CODE_SHAPE

_CODE = rf"(?P<code>{CODE_SHAPE})"

urlpatterns = [
    path("find/", views.search, name="find"),
    path("find/drafts/", compiling_views.drafts, name="drafts"),
    path("find/drafts/together", compiling_views.together, name="drafts-together"),
    path("find/import/", import_views.imports, name="imports"),
    path("find/import/template", import_views.template, name="import-template"),
    path("find/import/<uuid:uuid>/", import_views.batch, name="import"),
    path("find/import/<uuid:uuid>/marked", import_views.marked, name="import-marked"),
    path("find/new/", editing_views.new, name="resource-new"),
    path("find/fields/", editing_views.fields, name="fields"),
    path("find/reverse/", reverse_views.reverse, name="reverse"),
    path("find/elements/", standard_views.elements, name="elements"),
    path("find/elements/<str:identifier>/", standard_views.element, name="element"),
    path("find/elements/<str:identifier>/claim", standard_views.claim, name="element-claim"),
    path("find/claims/<int:number>/settle", standard_views.settle, name="claim-settle"),
    path("find/claims/<int:number>/give-up", standard_views.give_up, name="claim-give-up"),
    path("find/codes/", standard_views.code_lists, name="code-lists"),
    path("find/codes/<str:identifier>/", standard_views.code_list, name="code-list"),
    path("find/conformance/", standard_views.conformances, name="conformances"),
    path("find/dictionary/", dictionary_views.dictionary, name="dictionary"),
    path("find/directories/<slug:kind>/", directory_views.listings, name="listings"),
    path("find/directories/<slug:kind>/new", directory_views.edit_listing, name="listing-new"),
    path("find/directories/<slug:kind>/import", directory_views.import_listings, name="listings-import"),
    path("find/directories/<slug:kind>/<str:identifier>/", directory_views.listing, name="listing"),
    path(
        "find/directories/<slug:kind>/<str:identifier>/edit",
        directory_views.edit_listing,
        name="listing-edit",
    ),
    re_path(
        r"^find/directories/(?P<kind>[a-z]+)/(?P<identifier>[^/]+)/(?P<verb>retire|restore|merge)$",
        directory_views.change_state,
        name="listing-state",
    ),
    path("find/duties/", list_views.duties, name="duties"),
    path("find/updated", list_views.told_updated, name="told-updated"),
    path("find/needs/<int:number>/", need_views.need, name="need"),
    re_path(
        r"^find/needs/(?P<number>[0-9]{1,18})/(?P<verb>answer|route|judge|drop)$",
        need_views.act,
        name="need-act",
    ),
    path("find/export", import_views.export, name="entries-export"),
    re_path(rf"^find/{_CODE}/$", views.detail, name="resource"),
    re_path(rf"^find/{_CODE}/changes$", compiling_views.changes, name="resource-changes"),
    re_path(rf"^find/{_CODE}/conformance$", standard_views.conformance, name="conformance"),
    re_path(rf"^find/{_CODE}/edit$", editing_views.edit, name="resource-edit"),
    re_path(rf"^find/{_CODE}/interface$", interfaces.interface, name="interface"),
    re_path(rf"^find/{_CODE}/interface\.json$", interfaces.take_along, name="interface-json"),
    re_path(rf"^find/{_CODE}/interface/import$", interfaces.take_in, name="interface-import"),
    re_path(rf"^find/{_CODE}/interface/(?P<name>[a-z][a-z0-9_]{{0,63}})$", interfaces.edit, name="operation"),
    re_path(rf"^find/{_CODE}/undo$", compiling_views.undo, name="resource-undo"),
    re_path(
        rf"^find/{_CODE}/(?P<verb>submit|approve|return|publish|withdraw)$",
        compiling_views.act,
        name="resource-act",
    ),
]

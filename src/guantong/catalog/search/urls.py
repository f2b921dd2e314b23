"""Addresses of searching."""

from django.urls import path

from guantong.catalog.search import views

urlpatterns = [
    path("find/", views.search, name="find"),
    path("find/suggest", views.suggest, name="find-suggest"),
    path("find/saved/", views.saved, name="saved-searches"),
    path("find/saved/keep", views.keep, name="saved-search-keep"),
    path("find/saved/<uuid:uuid>/", views.open_saved, name="saved-search"),
    path("find/saved/<uuid:uuid>/forget", views.forget, name="saved-search-forget"),
]

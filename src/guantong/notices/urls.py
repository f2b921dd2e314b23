"""Addresses of notices."""

from django.urls import path

from guantong.notices import views

urlpatterns = [
    path("notices/", views.notices, name="notices"),
    path("notices/mark", views.mark, name="notices-mark"),
    path("notices/choices/", views.choices, name="notice-choices"),
    path("notices/<uuid:uuid>", views.follow, name="notice"),
]

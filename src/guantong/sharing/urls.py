"""Addresses of sharing."""

from django.urls import path

from guantong.sharing import views

urlpatterns = [
    path("share/", views.requests, name="share"),
    path("share/request", views.file_request, name="request-form"),
    path("share/requests/<uuid:uuid>/", views.request_detail, name="request"),
    path("share/requests/<uuid:uuid>/decide", views.decide, name="request-decide"),
    path("share/grants/", views.grants, name="grants"),
    path("share/grants/<str:code>/", views.grant_detail, name="grant"),
    path("share/grants/<str:code>/revoke", views.revoke, name="grant-revoke"),
]

"""Addresses of the counter."""

from django.urls import path

from guantong.counter import views

urlpatterns = [
    path("serve/", views.items, name="serve"),
    path("serve/needs", views.declare_needs, name="items-needs"),
    path("serve/items/<str:code>/declare", views.declare, name="item-declare"),
    path("serve/items/<str:code>/", views.item, name="item"),
    path("serve/items/<str:code>/apply", views.apply, name="apply"),
    path("serve/cases/", views.cases, name="cases"),
    path("serve/cases/<uuid:uuid>/", views.case, name="case"),
    path("serve/cases/<uuid:uuid>/progress", views.progress, name="case-progress"),
    path("serve/cases/<uuid:uuid>/retry", views.retry, name="case-retry"),
    path("serve/cases/<uuid:uuid>/withdraw", views.withdraw, name="case-withdraw"),
    path("serve/cases/<uuid:uuid>/admit", views.admit, name="case-admit"),
    path("serve/cases/<uuid:uuid>/proofs.zip", views.proofs, name="case-proofs"),
    path("serve/cases/<uuid:uuid>/proofs/<str:digest>.proof", views.proof, name="case-proof"),
    path("serve/certificates/", views.find_certificate, name="certificates"),
    path("serve/certificates/<str:identifier>/", views.certificate, name="certificate"),
    path("serve/certificates/<str:identifier>/signed", views.signed_certificate, name="certificate-signed"),
]

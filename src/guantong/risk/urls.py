"""Addresses of risk."""

from django.urls import path

from guantong.risk import rule_views, views

urlpatterns = [
    path("oversee/risk/", views.findings, name="findings"),
    path("oversee/risk/rules/", rule_views.rules, name="risk-rules"),
    path("oversee/risk/rules/<str:code>/", rule_views.rule, name="risk-rule"),
    path("oversee/risk/exemptions/", rule_views.exemptions, name="risk-exemptions"),
    path("oversee/risk/exemptions/<int:number>/end", rule_views.end_exemption, name="risk-exemption-end"),
    path("oversee/risk/<uuid:number>/", views.finding, name="finding"),
    path("oversee/risk/<uuid:number>/calls", views.calls, name="finding-calls"),
    path("oversee/risk/<uuid:number>/suspend", views.suspend, name="finding-suspend"),
    path("oversee/risk/<uuid:number>/<str:verb>", views.act, name="finding-act"),
]

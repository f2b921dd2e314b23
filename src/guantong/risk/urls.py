"""Addresses of risk."""

from django.urls import path

from guantong.risk import exemption_views, file_views, rule_views, views

urlpatterns = [
    path("oversee/risk/", views.findings, name="findings"),
    path("oversee/risk/rules/", rule_views.rules, name="risk-rules"),
    path("oversee/risk/rules/file", file_views.export, name="risk-rules-file"),
    path("oversee/risk/rules/take-in", file_views.take_in, name="risk-rules-take-in"),
    path(
        "oversee/risk/rules/otherwise/<int:number>/end", rule_views.end_for_grant, name="risk-grant-rule-end"
    ),
    path("oversee/risk/rules/<str:code>/<int:number>/restore", rule_views.restore, name="risk-rule-restore"),
    path("oversee/risk/rules/<str:code>/", rule_views.rule, name="risk-rule"),
    path("oversee/risk/exemptions/", exemption_views.exemptions, name="risk-exemptions"),
    path(
        "oversee/risk/exemptions/<int:number>/end", exemption_views.end_exemption, name="risk-exemption-end"
    ),
    path("oversee/risk/<uuid:number>/", views.finding, name="finding"),
    path("oversee/risk/<uuid:number>/calls", views.calls, name="finding-calls"),
    path("oversee/risk/<uuid:number>/suspend", views.suspend, name="finding-suspend"),
    path("oversee/risk/<uuid:number>/<str:verb>", views.act, name="finding-act"),
]

"""Addresses of sharing."""

from django.urls import path, re_path

from guantong.sharing import application_views as applications
from guantong.sharing import flow_views, form_views, grant_views, request_views, views
from guantong.sharing.voices import views as voices

_REQUEST = r"share/requests/(?P<uuid>[0-9a-f-]{36})"

urlpatterns = [
    path("share/", views.requests, name="share"),
    path("share/request", form_views.file_request, name="request-form"),
    path("share/basket", form_views.basket, name="basket"),
    path("share/requests/<uuid:uuid>/", request_views.request_detail, name="request"),
    path("share/requests/<uuid:uuid>/decide", request_views.decide, name="request-decide"),
    path("share/requests/<uuid:uuid>/supplement", request_views.supplement, name="request-supplement"),
    path("share/requests/<uuid:uuid>/withdraw", request_views.withdraw, name="request-withdraw"),
    re_path(
        rf"^{_REQUEST}/steps/(?P<position>[0-9]{{1,2}})/(?P<verb>extend|urge)$",
        request_views.tend_step,
        name="request-step",
    ),
    path("share/papers/<uuid:uuid>", request_views.paper, name="paper"),
    path("share/corrections/", voices.corrections, name="corrections"),
    path("share/corrections/file", voices.file_correction, name="correction-form"),
    path("share/corrections/<uuid:uuid>/", voices.correction, name="correction"),
    re_path(
        r"^share/corrections/(?P<uuid>[0-9a-f-]{36})/(?P<verb>answer|add|judge|withdraw)$",
        voices.correction_act,
        name="correction-act",
    ),
    path("share/disputes/", voices.disputes, name="disputes"),
    path("share/disputes/<uuid:uuid>/", voices.dispute, name="dispute"),
    path("share/disputes/<uuid:uuid>/speak", voices.dispute_act, name="dispute-act"),
    re_path(
        r"^share/(?P<kind>request|correction)s/(?P<uuid>[0-9a-f-]{36})/dispute$",
        voices.raise_dispute,
        name="dispute-raise",
    ),
    path("share/applications/", applications.applications, name="applications"),
    path("share/applications/register", applications.register, name="application-register"),
    path("share/applications/<str:code>/", applications.application, name="application"),
    re_path(
        r"^share/applications/(?P<code>[^/]{1,64})/(?P<verb>secret|end-former|revoke-secret|add-key|drop-key|rid)$",
        applications.act,
        name="application-act",
    ),
    path("share/flows/", flow_views.approval_flows, name="approval-flows"),
    path("share/flows/<str:side>/<int:version>", flow_views.flow_text, name="approval-flow"),
    path("share/grants/", views.grants, name="grants"),
    path("share/grants/<str:code>/", views.grant_detail, name="grant"),
    path("share/grants/<str:code>/revoke", views.revoke, name="grant-revoke"),
    re_path(
        r"^share/grants/(?P<code>[^/]{1,64})/(?P<verb>narrow|suspend|resume|return|renew|paper|sids)$",
        grant_views.act,
        name="grant-act",
    ),
    path("share/grants/<str:code>/sandbox", grant_views.sandbox, name="grant-sandbox"),
    re_path(
        r"^share/grants/(?P<code>[^/]{1,64})/agreement\.(?P<kind>pdf|json)$",
        grant_views.agreement,
        name="grant-agreement",
    ),
    path("share/grants/<str:code>/papers/<int:number>", grant_views.agreement_paper, name="grant-paper"),
]

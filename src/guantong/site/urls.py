"""Every address of the control plane."""

from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, include, path

from guantong.site.lineage.views import lineage
from guantong.site.own import views as own
from guantong.site.record import views as record
from guantong.site.record.chains import grant_receipts
from guantong.site.views import home, oversee, todos, verifying

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("sign-in/", home.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("language/", include("django.conf.urls.i18n")),
    path("todo/", todos.todo, name="todo"),
    path("todo/calendar.ics", todos.calendar, name="todo-calendar"),
    path("todo/calendar", todos.calendar_token, name="todo-token"),
    path("", include("guantong.notices.urls")),
    path("prove/", record.receipts, name="prove"),
    path("prove/check/", verifying.check, name="check"),
    path("prove/check/keys.zip", verifying.keys, name="check-keys"),
    path("prove/check/guantong-verify.pyz", verifying.verifier, name="check-verifier"),
    path("prove/export", record.export, name="record-export"),
    path("prove/grants/<str:code>/", grant_receipts, name="grant-receipts"),
    path("prove/readings/", record.readings, name="readings"),
    path("prove/mine/", own.looked_at, name="looked-at"),
    path("prove/mine/taken", own.taken, name="own-taken"),
    path("prove/mine/<str:digest>/proof", own.own_proof, name="own-proof"),
    path("prove/receipts/<str:digest>/", record.receipt, name="receipt"),
    path("prove/receipts/<str:digest>/proof", record.proof, name="receipt-proof"),
    path("find/lineage/", lineage, name="lineage"),
    path("oversee/", oversee.overview, name="oversee"),
    path("oversee/journal/", record.journal, name="journal"),
    path("oversee/nodes/<str:code>/confirm", oversee.confirm_node, name="node-confirm"),
    path("oversee/nodes/<str:code>/reject", oversee.reject_node, name="node-reject"),
    path("oversee/messages/", oversee.outgoing, name="outgoing"),
    path("oversee/messages/<int:number>/<str:verb>", oversee.settle_message, name="message-settle"),
    path("oversee/alerts/<str:digest>/settle", oversee.settle, name="alert-settle"),
    path("", include("guantong.catalog.search.urls")),
    path("", include("guantong.catalog.links.urls")),
    path("", include("guantong.catalog.faces.urls")),
    path("", include("guantong.catalog.urls")),
    path("", include("guantong.sharing.faces.urls")),
    path("", include("guantong.sharing.urls")),
    path("", include("guantong.dispatch.urls")),
    path("", include("guantong.risk.urls")),
    path("", include("guantong.counter.urls")),
    path("", include("guantong.federation.urls")),
]

handler400 = "guantong.site.views.failures.bad_request"
handler403 = "guantong.site.views.failures.forbidden"
handler404 = "guantong.site.views.failures.unknown"
handler500 = "guantong.site.views.failures.accident"

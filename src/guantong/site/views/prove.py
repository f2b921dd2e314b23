"""可举证: who looked at one's own data."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from guantong.identity.queries import demand
from guantong.journal.models import Receipt
from guantong.kit import clock
from guantong.pages.lists import answer_list
from guantong.site.node import node_settings
from guantong.site.subjects import subject_of


@require_GET
@login_required
def looked_at(request: HttpRequest) -> HttpResponse:
    """谁看过我的数据: the look-ups of the visitor's own records that went through this node."""
    person = demand(request.user, "subject:own")
    rows = Receipt.objects.none()
    if person.resident_id:
        # A call within the node leaves one receipt, the provider's; one that goes out, the consumer's.
        rows = Receipt.objects.filter(subject=subject_of(person.resident_id, node_settings()))
    columns = {
        "at": lambda r: clock.rfc3339(r.at),
        "consumer": lambda r: r.consumer_organisation,
        "resource": lambda r: r.resource,
        "fields": lambda r: "、".join(r.fields),
        "purpose": lambda r: r.purpose,
        "decision": lambda r: r.decision,
    }
    return answer_list(request, rows, template="site/looked_at.html", columns=columns)

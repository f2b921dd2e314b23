"""The words for corrections, disputes and notices; part of :data:`guantong.site.words.KINDS`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

VOICES: Final[Mapping[str, Mapping[str, "StrOrPromise"]]] = {
    "correction": {
        "waiting": pgettext_lazy("correction", "being looked into"),
        "returned": pgettext_lazy("correction", "more is asked for"),
        "corrected": pgettext_lazy("correction", "put right at its source"),
        "rejected": pgettext_lazy("correction", "not accepted"),
        "closed": pgettext_lazy("correction", "judged"),
        "withdrawn": pgettext_lazy("correction", "withdrawn"),
    },
    "correction_kind": {
        "catalogue": pgettext_lazy("correction", "the entry"),
        "resource": pgettext_lazy("correction", "the data set"),
        "authorisation": pgettext_lazy("correction", "the grant"),
        "use": pgettext_lazy("correction", "the use"),
        "content": pgettext_lazy("correction", "a value"),
    },
    "dispute": {
        "open": pgettext_lazy("dispute", "open"),
        "settled": pgettext_lazy("dispute", "settled"),
        "ruled": pgettext_lazy("dispute", "decided"),
        "carried_out": pgettext_lazy("dispute", "carried out"),
        "withdrawn": pgettext_lazy("dispute", "withdrawn"),
    },
    "dispute_stage": {
        "talk": _("The parties talk"),
        "authority": _("The bureau of the provider's node decides"),
        "superior": _("The node above both decides"),
    },
    "dispute_side": {
        "asker": _("the asking side"),
        "provider": _("the providing side"),
        "authority": _("the bureau of the provider's node"),
        "superior": _("the node above both"),
    },
    "dispute_act": {
        "raised": pgettext_lazy("statement", "raised it"),
        "said": pgettext_lazy("statement", "says"),
        "conceded": pgettext_lazy("statement", "gives in"),
        "settled": pgettext_lazy("statement", "agrees"),
        "taken_up": pgettext_lazy("statement", "takes it further"),
        "ruled": pgettext_lazy("statement", "decides"),
        "carried_out": pgettext_lazy("statement", "has carried it out"),
        "withdrawn": pgettext_lazy("statement", "withdraws"),
    },
    "dispute_about": {
        "request": _("the refusal of a request"),
        "narrowing": _("the narrowing of a request"),
        "correction": _("the rejection of a correction"),
    },
    "ruling": {
        "asker": _("for the asking side"),
        "provider": _("for the providing side"),
    },
    "delivery": {
        "waiting": pgettext_lazy("delivery", "waits to be sent"),
        "sent": pgettext_lazy("delivery", "sent"),
        "failed": pgettext_lazy("delivery", "failed"),
    },
    "way_out": {
        "mail": _("e-mail"),
        "webhook": _("webhook"),
    },
    "todo": {
        "steps": _("Requests to decide"),
        "late": _("Decisions that are late"),
        "to_supplement": _("Requests to complete"),
        "corrections": _("Corrections to answer"),
        "late_corrections": _("Corrections that are late"),
        "corrections_own": _("Corrections to follow up"),
        "disputes": _("Disputes"),
        "to_approve": _("Entries to review"),
        "to_publish": _("Entries to review and publish"),
        "to_submit": _("Drafts to submit"),
        "to_answer": _("Needs to answer"),
        "to_send": _("Needs to send on"),
        "to_judge": _("Entries that may meet our needs"),
        "updates": _("Data to be updated"),
        "cases": _("Cases that wait"),
        "nodes": _("Nodes to confirm"),
        "findings": _("Alerts of use"),
        "alerts": _("Alerts to settle"),
    },
    "notice_kind": {
        "request": _("requests and approvals"),
        "grant": _("grants and agreements"),
        "correction": _("corrections"),
        "dispute": _("disputes"),
        "other": _("everything else"),
    },
}

VOICE_ACTS: Final[Mapping[str, "StrOrPromise"]] = {
    "request.approved": _("approved a request"),
    "request.filed": _("filed a request"),
    "request.returned": _("sent a request back once"),
    "request.supplemented": _("added to a request"),
    "request.withdrawn": _("withdrew a request"),
    "request.extended": _("put a decision off"),
    "request.urged": _("urged a decision"),
    "request.reopened": _("opened a request again"),
    "request.escalated": _("a decision was late"),
    "request.followed": _("heard how a request fared"),
    "request.received": _("received a request"),
    "request.refused": _("did not approve a request"),
    "correction.filed": _("reported something wrong"),
    "correction.received": _("took a correction in"),
    "correction.corrected": _("answered that it was put right"),
    "correction.rejected": _("did not accept a correction"),
    "correction.returned": _("asked for more on a correction"),
    "correction.followed": _("heard of an answer to a correction"),
    "correction.added": _("added to a correction"),
    "correction.judged": _("judged an answer"),
    "correction.withdrawn": _("withdrew a correction"),
    "correction.reopened": _("opened a correction again"),
    "dispute.raised": _("raised a dispute"),
    "dispute.received": _("took a dispute in"),
    "dispute.followed": _("heard of a dispute"),
    "dispute.said": _("stated a case"),
    "dispute.conceded": _("gave in"),
    "dispute.settled": _("settled a dispute"),
    "dispute.taken_up": _("took a dispute further"),
    "dispute.ruled": _("decided a dispute"),
    "dispute.carried_out": _("carried a decision out"),
    "dispute.withdrawn": _("withdrew a dispute"),
    "voice.escalated": _("reported a late answer"),
    "notices.chosen": _("chose how to be told"),
    "notices.retried": _("had notices sent again"),
    "calendar.opened": _("let a calendar read to-dos"),
    "calendar.closed": _("lets no calendar read to-dos any more"),
    "case.overridden": _("admitted a case on its proof"),
}

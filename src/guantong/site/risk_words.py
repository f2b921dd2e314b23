"""The words for alerts of use; part of :data:`guantong.site.words.KINDS` and of the acts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guantong.risk.forms import LABELS

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

RISKS: Final[Mapping[str, Mapping[str, "StrOrPromise"]]] = {
    "finding": {
        "open": pgettext_lazy("finding", "waiting"),
        "new": pgettext_lazy("finding", "new"),
        "seen": pgettext_lazy("finding", "being looked into"),
        "false": pgettext_lazy("finding", "false alarm"),
        "confirmed": pgettext_lazy("finding", "true"),
        "all": pgettext_lazy("finding", "all"),
    },
    "severity": {
        "high": pgettext_lazy("severity", "high"),
        "medium": pgettext_lazy("severity", "medium"),
        "low": pgettext_lazy("severity", "low"),
    },
    "risk-scope": {
        "grant": _("Grant"),
        "application": _("Application"),
        "organisation": _("Organisation"),
        "subject": _("Person looked up"),
    },
    "risk-by": {
        "grant": pgettext_lazy("looked up by", "one grant"),
        "application": pgettext_lazy("looked up by", "one application"),
        "case": pgettext_lazy("looked up by", "one case"),
        "grants": pgettext_lazy("looked up by", "different grants"),
        "organisations": pgettext_lazy("looked up by", "different organisations"),
    },
    "risk-coming": {
        "new": pgettext_lazy("rule", "new"),
        "changed": pgettext_lazy("rule", "changed"),
        "same": pgettext_lazy("rule", "as in force"),
    },
    "risk-number": LABELS,
    "risk-window": {
        "hour": pgettext_lazy("window", "an hour"),
        "day": pgettext_lazy("window", "a day"),
        "week": pgettext_lazy("window", "seven days"),
    },
    "risk-field": {
        "window": pgettext_lazy("risk", "Time looked at"),
        "metric": pgettext_lazy("risk", "What is counted"),
        "part": pgettext_lazy("risk", "What is counted"),
        "what": pgettext_lazy("risk", "What is counted"),
        "by": pgettext_lazy("risk", "Looked up by"),
        "reasons": pgettext_lazy("risk", "Refused because"),
    },
    "risk-metric": {
        "calls": _("Calls"),
        "rows": _("Rows"),
        "known": _("Different persons"),
        "missed": _("Look-ups that found nobody"),
        "plain": _("Calls without a case"),
        "refused": _("Refused calls"),
        "steps": _("Longest run of keys"),
        "crowded": _("Persons of one case"),
        "fields": _("Items"),
        "shapes": _("Kinds of case numbers"),
    },
    "risk-kind": {
        "volume": _("volume"),
        "share": _("share of calls"),
        "odd_hours": _("hours of use"),
        "harvest": _("different persons"),
        "sequence": _("order of keys"),
        "case_reuse": _("persons of a case"),
        "novel": _("something new"),
        "refused": _("reasons of refusals"),
        "targets": _("what was refused"),
        "change": _("lasting change"),
        "awake": _("use after silence"),
        "repeated": _("one person, again and again"),
        "followed": _("one person, from many sides"),
        "unused": _("no use"),
    },
    "risk-rule": {
        "volume": _("Raises an alert when more is used than a floor, and more than so many times the usual."),
        "share": _("Raises an alert when a part of the calls is far larger than usual, and beyond what chance explains."),
        "odd_hours": _("Learns at which hours of working days and days off a grant is used, and raises an alert at others."),
        "harvest": _("Raises an alert when many different persons are looked up, hardly one twice and without cases."),
        "sequence": _("Raises an alert when keys follow one another, as the gateway noticed. No key is kept for it."),
        "case_reuse": _("Raises an alert when one case number is used for far more persons than a case usually has."),
        "novel": _("Raises an alert when something is used that was never used before."),
        "refused": _("Raises an alert when calls are refused because they go beyond the grant."),
        "targets": _("Raises an alert when many different resources or grants are tried in vain."),
        "change": _("Raises an alert when the use is a multiple of what it was, for days on end."),
        "awake": _("Raises an alert when much is used again after a long silence."),
        "repeated": _("Raises an alert when one person is looked up again and again by one grant, application or case."),
        "followed": _(
            "Raises an alert when one person is looked up from many sides without a case in common: somebody may be followed."
        ),
        "unused": _("Lists grants that nobody has used for the node's setting of days; the consumer is told besides."),
    },
}  # fmt: skip

RISK_ACTS: Final[Mapping[str, "StrOrPromise"]] = {
    "risk.raised": _("raised an alert of use"),
    "risk.looked_at": _("looks into an alert of use"),
    "risk.false": _("found an alert of use to be false"),
    "risk.confirmed": _("found an alert of use to be true"),
    "risk.grant_suspended": _("suspended a grant from an alert"),
    "risk.exemption_ended": _("ended an exception of a rule"),
    "risk.rules_shipped": _("took in rules of alerts"),
    "risk.rule_changed": _("changed a rule of alerts"),
    "risk.grant_rule_changed": _("set a rule of alerts otherwise for a grant"),
    "risk.grant_rule_ended": _("took back what a grant had otherwise in a rule of alerts"),
}

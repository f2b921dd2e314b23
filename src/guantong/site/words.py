"""The words that pages use for codes: one table a kind, so that a code reads the same on every page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Words = Mapping[str, "StrOrPromise"]

KINDS: Final[Mapping[str, Words]] = {
    "resource": {
        "draft": pgettext_lazy("entry", "draft"),
        "submitted": pgettext_lazy("entry", "under review"),
        "published": pgettext_lazy("entry", "published"),
        "withdrawn": pgettext_lazy("entry", "withdrawn"),
    },
    "request": {
        "waiting": pgettext_lazy("request", "being decided"),
        "granted": pgettext_lazy("request", "granted"),
        "refused": pgettext_lazy("request", "not approved"),
    },
    "step": {
        "": pgettext_lazy("step", "to be decided"),
        "approved": pgettext_lazy("step", "approved"),
        "refused": pgettext_lazy("step", "not approved"),
    },
    "decider": {
        "provider": _("The providing department decides"),
        "bureau": _("The data bureau decides"),
    },
    "grant": {
        "active": pgettext_lazy("grant", "in force"),
        "expired": pgettext_lazy("grant", "expired"),
        "revoked": pgettext_lazy("grant", "revoked"),
    },
    "sharing": {
        "unconditional": _("unconditional sharing"),
        "conditional": _("conditional sharing"),
        "not_shared": _("not shared"),
    },
    "cycle": {
        "real_time": _("real time"),
        "daily": _("daily"),
        "weekly": _("weekly"),
        "monthly": _("monthly"),
        "quarterly": _("quarterly"),
        "yearly": _("yearly"),
        "irregular": _("irregular"),
    },
    "format": {"database": _("database"), "interface": _("interface"), "file": _("file")},
    "type": {
        "C": _("text"),
        "N": _("number"),
        "Y": _("money"),
        "D": _("date"),
        "T": _("date and time"),
        "L": _("yes or no"),
        "M": _("note"),
        "G": _("general"),
        "B": _("double"),
        "I": _("whole number"),
        "F": _("floating point"),
    },
    "mode": {"query": _("query"), "verify": _("verify"), "batch": _("batch")},
    "job": {
        "active": pgettext_lazy("job", "switched on"),
        "paused": pgettext_lazy("job", "paused"),
        "retired": pgettext_lazy("job", "retired"),
    },
    "edge": {
        "waiting": pgettext_lazy("edge", "to be joined"),
        "active": pgettext_lazy("edge", "in use"),
        "retired": pgettext_lazy("edge", "retired"),
    },
    "run": {
        "running": pgettext_lazy("run", "running"),
        "done": pgettext_lazy("run", "done"),
        "paused": pgettext_lazy("run", "interrupted"),
        "stopped": pgettext_lazy("run", "stopped"),
        "cancelled": pgettext_lazy("run", "cancelled"),
        "given_up": pgettext_lazy("run", "given up"),
        "never": pgettext_lazy("run", "not run yet"),
    },
    "writing": {
        "replace": _("replace the whole table"),
        "append": _("append rows"),
        "upsert": _("update by key, insert what is new"),
    },
    "reading": {
        "full": _("everything"),
        "watermark": _("what is new since the last run (watermark)"),
        "compare": _("what differs from the target (comparison)"),
    },
    "rule": {
        "not_null": _("is there"),
        "pattern": _("has the pattern"),
        "length": _("has the length"),
        "range": _("lies in the range"),
        "codes": _("is one of the codes"),
        "resident_id": _("is a resident ID (GB 11643)"),
        "uscc": _("is a USCC (GB 32100)"),
        "unique": _("occurs once"),
        "order": _("is not after the other"),
        "born_on": _("fits the date of birth"),
        "type": _("is of its type"),
        "code_unknown": _("has a code that can be converted"),
    },
    "balance": {
        "equal": pgettext_lazy("balance", "sent and received agree"),
        "open": pgettext_lazy("balance", "not closed yet"),
        "differs": pgettext_lazy("balance", "does not agree"),
        "one_side": pgettext_lazy("balance", "one side only"),
    },
    "role": {
        "provider": pgettext_lazy("receipt", "as provider"),
        "relay": pgettext_lazy("receipt", "as relay"),
        "consumer": pgettext_lazy("receipt", "as consumer"),
    },
    "decision": {
        "allow": pgettext_lazy("receipt", "allowed"),
        "refuse": pgettext_lazy("receipt", "turned away"),
    },
    "relation": {
        "self": pgettext_lazy("node", "this node"),
        "parent": pgettext_lazy("node", "above"),
        "child": pgettext_lazy("node", "below"),
        "other": pgettext_lazy("node", "further off"),
    },
    "confirmed": {
        "unconfirmed": pgettext_lazy("node", "to be confirmed"),
        "confirmed": pgettext_lazy("node", "takes part"),
    },
    "alert": {
        "edge_silent": _("An edge has not been heard of for five minutes"),
        "edge_skewed": _("The clock of an edge is wrong"),
        "batch_stopped": _("A batch stopped and needs a person"),
        "batch_too_long": _("A batch took too long and has been paused"),
        "bundle_refused": _("A configuration was refused"),
        "entry_refused": _("A catalogue entry of another node was refused"),
        "message_parked": _("A message was refused by its receiver and lies aside"),
        "message_stuck": _("A message cannot be delivered"),
        "record_unreadable": _("A record of the data plane cannot be read"),
        "bundle_tampered": _("A configuration with a broken signature was refused"),
        "bundle_for_another_node": _("A configuration for another node was refused"),
        "bundle_older": _("An older configuration was refused"),
    },
    "reason": {
        "caller_node_unknown": _("the calling node is not registered"),
        "application_unknown": _("the application is not registered"),
        "application_not_of_caller": _("the application is another organisation's"),
        "application_inactive": _("the application is switched off"),
        "resource_unknown": _("there is no such resource"),
        "grant_unknown": _("there is no grant"),
        "grant_not_for_call": _("the grant is for something else"),
        "grant_not_started": _("the grant begins later"),
        "grant_expired": _("the grant has expired"),
        "grant_suspended": _("the grant is suspended"),
        "grant_revoked": _("the grant has been revoked"),
        "purpose_not_granted": _("not the purpose it was granted for"),
        "mode_not_granted": _("this mode is not granted"),
        "fields_not_granted": _("fields that are not granted"),
        "level_above_clearance": _("an item above the application's clearance"),
        "keys_not_declared": _("keys that the provider has not declared"),
        "rate_exceeded": _("too many calls a second"),
        "quota_exceeded": _("too many calls a day"),
        "too_many_rows": _("too many rows"),
    },
    "act": {
        "alert.raised": _("raised an alert"),
        "alert.settled": _("settled an alert"),
        "application.registered": _("registered an application"),
        "lookup.answered": _("a look-up was answered"),
        "lookup.refused": _("a look-up was turned away"),
        "catalog.pushed": _("pushed the catalogue on"),
        "node.spread": _("passed a node on"),
        "message.dropped": _("dropped a message"),
        "message.retried": _("sent a message again"),
        "node.rejected": _("turned a node away"),
        "person.signed_in": _("signed in"),
        "person.suspended": _("took a log-in away"),
        "sign_in.failed": _("failed to sign in"),
        "edge.changed": _("changed an edge"),
        "edge.declared": _("added an edge"),
        "edge.enrolled": _("an edge enrolled"),
        "edge.retired": _("retired an edge"),
        "edge.token_renewed": _("made a token for an edge"),
        "feed.numbered": _("numbered changes of the catalogue"),
        "bundle.published": _("published a configuration"),
        "case.accepted": _("took a case in"),
        "case.decided": _("decided a case"),
        "case.retried": _("asked again in a case"),
        "case.withdrawn": _("closed a case at the applicant's wish"),
        "certificate.issued": _("issued a certificate"),
        "certificate.revoked": _("revoked a certificate"),
        "divisions.imported": _("imported divisions"),
        "flow.published": _("published a flow"),
        "grant.issued": _("issued a grant"),
        "grant.revoked": _("revoked a grant"),
        "item.opened": _("opened a service item at the counter"),
        "items.imported": _("imported service items"),
        "calendar.forgotten": _("left a day to the public calendar"),
        "calendar.noted": _("noted days of the calendar"),
        "job.backfilled": _("had a job fill a gap"),
        "job.changed": _("changed a job"),
        "job.rested": _("had a run rest for quiet hours"),
        "job.restored": _("brought a job back"),
        "job.retired": _("retired a job"),
        "quiet.dropped": _("ended quiet hours of a source"),
        "quiet.set": _("set quiet hours for a source"),
        "target.changed": _("changed a target"),
        "target.retired": _("retired a target"),
        "job.cancelled": _("cancelled the run of a job"),
        "job.declared": _("declared a job"),
        "job.due": _("a job was due"),
        "job.ordered": _("had a job run"),
        "job.paused": _("paused a job"),
        "job.replayed": _("had a job read again"),
        "job.resumed": _("let a job go on"),
        "run.done": _("a run came to its end"),
        "run.started": _("a run began"),
        "run.stopped": _("a run broke off"),
        "target.declared": _("declared a target"),
        "node.announced": _("a node announced itself"),
        "node.confirmed": _("confirmed a node"),
        "node.established": _("set up the node"),
        "node.introduced": _("a node was introduced"),
        "node.joined": _("joined the node above"),
        "organisation.imported": _("imported an organisation"),
        "organisation.registered": _("registered an organisation"),
        "person.registered": _("registered a person"),
        "request.approved": _("approved a request"),
        "request.filed": _("filed a request"),
        "request.followed": _("heard how a request fared"),
        "request.received": _("received a request"),
        "request.refused": _("did not approve a request"),
        "resource.drafted": _("drafted an entry"),
        "resource.learnt": _("learnt of an entry"),
        "resource.linked": _("linked an entry to its data"),
        "resource.published": _("published an entry"),
        "resource.submitted": _("submitted an entry for review"),
        "resource.withdrawn": _("withdrew an entry"),
    },
}


def word(kind: str, code: str) -> str:
    """The word for ``code`` in the visitor's language; the code itself where there is none."""
    return str(KINDS.get(kind, {}).get(code, code))


def mask_word(mask: str) -> str:
    """What a mask leaves, in words; see :mod:`guantong.gateway.masks`."""
    name, _colon, number = mask.partition(":")
    count = int(number) if number.isdecimal() else 0
    if name == "keep_head":
        return ngettext("first %(count)d character", "first %(count)d characters", count) % {"count": count}
    if name == "keep_tail":
        return ngettext("last %(count)d character", "last %(count)d characters", count) % {"count": count}
    words = {
        "": gettext("shown whole"),
        "none": gettext("shown whole"),
        "hash": gettext("fingerprint only"),
        "year": gettext("year only"),
        "division": gettext("city only"),
        "null": gettext("withheld"),
    }
    return words.get(name, words["null"])

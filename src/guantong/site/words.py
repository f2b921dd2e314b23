"""The words that pages use for codes: one table a kind, so that a code reads the same on every page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from guantong.site.act_words import ACTS
from guantong.site.grant_words import GRANTS
from guantong.site.list_words import LISTS
from guantong.site.request_words import REQUESTS
from guantong.site.risk_words import RISKS
from guantong.site.voice_words import VOICES

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Words = Mapping[str, "StrOrPromise"]

KINDS: Final[Mapping[str, Words]] = {
    "resource": {
        "draft": pgettext_lazy("entry", "draft"),
        "submitted": pgettext_lazy("entry", "under the department's review"),
        "reviewed": pgettext_lazy("entry", "under the bureau's review"),
        "published": pgettext_lazy("entry", "published"),
        "withdrawn": pgettext_lazy("entry", "withdrawn"),
    },
    **REQUESTS,
    **VOICES,
    **GRANTS,
    **RISKS,
    "sharing": {
        "unconditional": _("unconditional sharing"),
        "conditional": _("conditional sharing"),
        "not_shared": _("not shared"),
    },
    "cycle": {
        "real_time": _("real time"),
        "daily": _("daily"),
        "weekly": _("weekly"),
        "ten_days": _("every ten days"),
        "monthly": _("monthly"),
        "quarterly": _("quarterly"),
        "half_yearly": _("half-yearly"),
        "yearly": _("yearly"),
        "irregular": _("irregular"),
    },
    "format": {
        "database": _("database"),
        "interface": _("interface"),
        "file": _("file"),
        "electronic_file": _("electronic document"),
        "spreadsheet": _("spreadsheet"),
        "image": _("image"),
        "stream": _("streaming media"),
        "self_described": _("self-describing format"),
    },
    "way": {
        "platform_database": _("platform: database"),
        "platform_file": _("platform: files"),
        "platform_interface": _("platform: interface"),
        "mail": _("by mail"),
        "disk": _("on a disk"),
        "paper": _("on paper"),
        "document": _("electronic document"),
        "other": _("another way"),
    },
    "kind": {
        "text": _("text"),
        "number": _("whole number"),
        "truth": _("yes or no"),
        "day": _("date"),
        "choice": _("choice"),
    },
    "lineage": {
        "table": pgettext_lazy("lineage", "source table"),
        "column": pgettext_lazy("lineage", "column"),
        "entry": pgettext_lazy("lineage", "catalogue entry"),
        "item": pgettext_lazy("lineage", "item"),
        "element": pgettext_lazy("lineage", "data element"),
        "grant": pgettext_lazy("lineage", "grant"),
        "job": pgettext_lazy("lineage", "batch job"),
        "target": pgettext_lazy("lineage", "consumer's table"),
        "service": pgettext_lazy("lineage", "service item"),
        "case": pgettext_lazy("lineage", "case"),
    },
    "lineage_side": {
        "start": pgettext_lazy("lineage", "begin"),
        "up": pgettext_lazy("lineage", "upstream"),
        "down": pgettext_lazy("lineage", "downstream"),
    },
    "link": {
        "": pgettext_lazy("link", "not looked at yet"),
        "well": pgettext_lazy("link", "in order"),
        "broken": pgettext_lazy("link", "broken"),
        "stale": pgettext_lazy("link", "out of date"),
        "unwatched": pgettext_lazy("link", "cannot be looked at here"),
    },
    "link_kind": {
        "table": pgettext_lazy("link", "table"),
        "interface": pgettext_lazy("link", "HTTP interface"),
        "file": pgettext_lazy("link", "folder of files"),
    },
    "link_fault": {
        "source_failed": _("the source does not answer, or refuses"),
        "source_elsewhere": _("the source is not in this node's sources.json; perhaps an edge serves it"),
        "kind_unwatched": _("this kind of source is only read by batches"),
        "table_gone": _("the table is not there"),
        "column_gone": _("a column is not there"),
        "type_unfit": _("a column has another type than its item"),
        "overdue": _("the data is older than its declared update cycle"),
        "address_refused": _("the address leads outside the source"),
        "interface_failed": _("the interface does not answer as it should"),
        "interface_refuses": _("the interface refuses this node"),
        "folder_gone": _("the folder is not there"),
    },
    "without": {
        "never": pgettext_lazy("link", "never linked"),
        "broken": pgettext_lazy("link", "broken"),
        "stale": pgettext_lazy("link", "out of date"),
    },
    **LISTS,
    "move": {
        "drafted": pgettext_lazy("entry", "drafted"),
        "submitted": pgettext_lazy("entry", "submitted"),
        "approved": pgettext_lazy("entry", "approved by the department"),
        "returned": pgettext_lazy("entry", "returned"),
        "published": pgettext_lazy("entry", "published"),
        "withdrawn": pgettext_lazy("entry", "withdrawn"),
    },
    "field": {
        "code": _("Resource code"),
        "name": _("name of the resource"),
        "provider": _("Provider"),
        "summary": _("summary"),
        "format": _("Format"),
        "items": _("Items"),
        "lookups": _("look-ups"),
        "sharing_type": _("Sharing type"),
        "sharing_condition": _("Condition"),
        "sharing_basis": _("Law that forbids sharing"),
        "is_open": _("Open to the public"),
        "open_condition": _("condition of opening"),
        "update_cycle": _("Update cycle"),
        "keywords": _("Keywords"),
        "source_url": _("Source"),
        "classification": _("class"),
        "sharing_terms": _("terms of sharing"),
        "sharing_ways": _("ways of sharing"),
        "related": _("related resources"),
        "office": _("office in charge"),
        "systems": _("information systems"),
        "service_items": _("service items"),
        "extension": _("extension fields"),
        "label": _("name of the item"),
        "type": _("Type"),
        "length": _("length"),
        "level": _("Level"),
        "mask": _("mask"),
        "comparison": _("how it is compared"),
        "is_key": _("look-up key"),
        "element": _("data element"),
        "order": _("order of the items"),
    },
    "comparison": {
        "exact": _("exactly"),
        "name": _("as a name"),
        "date": _("as a date"),
        "prefix6": _("first six digits"),
    },
    "who": {
        "any": _("any department"),
        "division": _("departments of divisions"),
        "named": _("these departments"),
    },
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
    "declared": {
        "name": pgettext_lazy("declared", "name"),
        "application": pgettext_lazy("declared", "receiving application"),
        "target": pgettext_lazy("declared", "target"),
        "fields": pgettext_lazy("declared", "items"),
        "writing": pgettext_lazy("declared", "how it is written"),
        "reading": pgettext_lazy("declared", "what is read"),
        "key": pgettext_lazy("declared", "key"),
        "watermark": pgettext_lazy("declared", "watermark item"),
        "overlap_s": pgettext_lazy("declared", "seconds read again"),
        "conversions": pgettext_lazy("declared", "code conversions"),
        "checks": pgettext_lazy("declared", "checks"),
        "limits": pgettext_lazy("declared", "limits"),
        "staged": pgettext_lazy("declared", "through the staging store"),
        "schedule": pgettext_lazy("declared", "when"),
        "depends_on": pgettext_lazy("declared", "only after"),
        "retry_limit": pgettext_lazy("declared", "attempts"),
        "longest_minutes": pgettext_lazy("declared", "longest run, minutes"),
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
        "changes": _("what the source's change log tells"),
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
        "given_up": pgettext_lazy("balance", "given up"),
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
    "feed": {
        "never": pgettext_lazy("feed", "nothing yet"),
        "running": pgettext_lazy("feed", "under way"),
        "done": pgettext_lazy("feed", "up to date"),
        "refused": pgettext_lazy("feed", "entries refused"),
        "failed": pgettext_lazy("feed", "failing"),
        "stopped": pgettext_lazy("feed", "stopped"),
    },
    "feed_way": {
        "to": pgettext_lazy("feed", "from here to there"),
        "from": pgettext_lazy("feed", "from there to here"),
    },
    "alert": {
        "standard_refused": _("An element of a node above could not be taken in"),
        "link_broken": _("The data behind a catalogue entry cannot be reached, or has changed"),
        "link_stale": _("The data behind a catalogue entry is older than declared"),
        "link_healed": _("The data behind a catalogue entry is in order again"),
        "link_stuck": _("Nothing has gone to or come from a node for five minutes"),
        "edge_silent": _("An edge has not been heard of for five minutes"),
        "edge_skewed": _("The clock of an edge is wrong"),
        "batch_stopped": _("A batch stopped and needs a person"),
        "batch_too_long": _("A batch took too long and has been paused"),
        "bundle_refused": _("A configuration was refused"),
        "entries_refused": _("Catalogue entries of another node were refused"),
        "entries_refused_there": _("A neighbour has refused catalogue entries that this node pushed"),
        "feed_refused": _("The catalogue pushed between two nodes was refused"),
        "feed_stuck": _("The catalogue has not reached a neighbour for minutes"),
        "message_parked": _("A message was refused by its receiver and lies aside"),
        "message_stuck": _("A message cannot be delivered"),
        "log_forked": _("A log has signed two histories; the proof is kept"),
        "log_suspicious": _("A log showed its witness a history that does not fit"),
        "log_tiles_wrong": _("What a log publishes is not what it has signed"),
        "log_shrunk": _("A log went back to an earlier state"),
        "log_behind": _("This node's log is behind what its witnesses have seen, and signs nothing"),
        "log_repaired": _("This node's log was repaired from what its witnesses had kept"),
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
        "volume_exceeded": _("too many rows a day"),
        "answer_not_divisible": _("the answer cannot be divided"),
        "concurrency_exceeded": _("too many calls at one time"),
        "key_limit_exceeded": _("too many look-ups of one key a day"),
        "too_many_rows": _("too many rows"),
    },
    "act": ACTS,
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

"""The words for requests: states, who decides, what forms hold; part of :data:`guantong.site.words.KINDS`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

REQUESTS: Final[Mapping[str, Mapping[str, "StrOrPromise"]]] = {
    "request": {
        "waiting": pgettext_lazy("request", "being decided"),
        "returned": pgettext_lazy("request", "sent back to be completed"),
        "granted": pgettext_lazy("request", "granted"),
        "refused": pgettext_lazy("request", "not approved"),
        "withdrawn": pgettext_lazy("request", "withdrawn"),
    },
    "step": {
        "": pgettext_lazy("step", "to be decided"),
        "approved": pgettext_lazy("step", "approved"),
        "refused": pgettext_lazy("step", "not approved"),
    },
    "decider": {
        "consumer": _("The department that asks reviews"),
        "consumer_bureau": _("Its data bureau reviews"),
        "provider": _("The providing department decides"),
        "bureau": _("The data bureau decides"),
    },
    "mode": {
        "query": _("query"),
        "verify": _("verify"),
        "batch": _("batch"),
        "file": _("file"),
        "subscription": _("subscription"),
    },
    "operator": {
        "eq": _("is"),
        "ne": _("is not"),
        "in": _("is one of"),
        "ge": _("is at least"),
        "le": _("is at most"),
    },
    "particular": {
        "scenario": _("What it makes possible"),
        "item_name": _("Name of the service item"),
        "scope": _("Who will see the data, and where"),
        "system": _("Information system that uses it"),
        "system_network": _("Network that it runs on"),
        "volume": _("Volume expected"),
        "peak": _("Peak hours and rate"),
        "result": _("Effect expected"),
        "security": _("How the data are protected"),
        "department": _("Division that asks"),
        "contact": _("Contact"),
        "phone": _("Telephone"),
    },
}

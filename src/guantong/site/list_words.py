"""The words of the catalogue's lists, needs and directories; part of :data:`guantong.site.words.KINDS`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

LISTS: Final[Mapping[str, Mapping[str, "StrOrPromise"]]] = {
    "claim": {
        "authoritative": pgettext_lazy("claim", "the one source"),
        "disputed": pgettext_lazy("claim", "contested"),
        "refused": pgettext_lazy("claim", "not accepted"),
        "given_up": pgettext_lazy("claim", "given up"),
    },
    "deviation": {
        "unbound": _("not bound, though it looks like an element"),
        "unknown": _("bound to an element that does not exist"),
        "type": _("another type"),
        "length": _("another length"),
        "level": _("a lower level"),
        "label": _("another name"),
        "retired": _("bound to a retired element"),
        "codes": _("cannot hold the codes"),
    },
    "guess": {
        "resident_id": _("resident ID"),
        "uscc": _("unified social credit code"),
        "phone": _("telephone number"),
        "email": _("e-mail address"),
        "day": _("date"),
        "birth": _("date of birth"),
        "division": _("division code"),
        "name": _("person's name"),
        "address": _("address"),
        "sex": _("sex"),
        "ethnic": _("ethnic group"),
    },
    "import": {
        "waiting": pgettext_lazy("import", "waiting"),
        "running": pgettext_lazy("import", "being read"),
        "done": pgettext_lazy("import", "imported"),
        "refused": pgettext_lazy("import", "nothing imported"),
    },
    "list": {
        "responsibility": _("responsibility list"),
        "yields": _("what service items make"),
        "demand": _("demand list"),
        "negative": _("negative list"),
        "late": _("what is late"),
    },
    "list-lead": {
        "responsibility": _(
            "Which department must provide which data, how, and by when it is updated again."
        ),
        "yields": _(
            "Which data each service item makes, and the entry that has it. What is missing is to be catalogued."
        ),
        "demand": _(
            "Which data each service item needs, and who provides it. What nobody provides is sent to whoever the law names."
        ),
        "negative": _("What is not shared, the law it cites, and which service items need it all the same."),
        "late": _(
            "Drafts, reviews, updates, answers and data to be catalogued that should have been done before today."
        ),
    },
    "list-empty": {
        "responsibility": _("No published entry fits."),
        "yields": _("Service items say what they make when the counter opens them."),
        "demand": _("No need fits. Needs are stated below, or come from the service items."),
        "negative": _("Nothing is kept back."),
        "late": _("Nothing is late."),
    },
    "yield": {
        "catalogued": pgettext_lazy("yield", "catalogued"),
        "missing": pgettext_lazy("yield", "not catalogued"),
    },
    "negative": {"needed": pgettext_lazy("negative", "needed all the same")},
    "late": {
        "draft": pgettext_lazy("late", "draft to be finished"),
        "submitted": pgettext_lazy("late", "department's review"),
        "reviewed": pgettext_lazy("late", "bureau's review"),
        "update": pgettext_lazy("late", "data to be updated"),
        "need": pgettext_lazy("late", "need to be answered"),
        "yield": pgettext_lazy("late", "data to be catalogued"),
    },
    "need": {
        "open": pgettext_lazy("need", "nobody provides it yet"),
        "matched": pgettext_lazy("need", "an entry may fit"),
        "met": pgettext_lazy("need", "met"),
        "barred": pgettext_lazy("need", "kept back by law"),
        "routed": pgettext_lazy("need", "sent to a department"),
        "promised": pgettext_lazy("need", "promised"),
        "declined": pgettext_lazy("need", "not held by whoever was asked"),
        "dropped": pgettext_lazy("need", "needed no longer"),
    },
    "need-move": {
        "stated": pgettext_lazy("need", "stated"),
        "matched": pgettext_lazy("need", "an entry may fit"),
        "not_this": pgettext_lazy("need", "the entry does not fit"),
        "met": pgettext_lazy("need", "met"),
        "barred": pgettext_lazy("need", "kept back by law"),
        "unmet": pgettext_lazy("need", "the entry has gone"),
        "open": pgettext_lazy("need", "nobody provides it yet"),
        "sent": pgettext_lazy("need", "sent to a department"),
        "promised": pgettext_lazy("need", "promised"),
        "declined": pgettext_lazy("need", "not held by whoever was asked"),
        "escalated": pgettext_lazy("need", "late: the bureau was told"),
        "dropped": pgettext_lazy("need", "needed no longer"),
    },
    "directory": {
        "element": _("Data elements"),
        "regulation": _("Regulations"),
        "form": _("Business forms"),
        "parameter": _("Parameters"),
    },
    "directory-lead": {
        "element": _("What a datum means, once for everybody."),
        "regulation": _(
            "The laws and regulations that entries and needs cite. What is not shared cites one of them by its title."
        ),
        "form": _(
            "The forms that departments have filled in, field by field, and which entries hold those values already."
        ),
        "parameter": _("Named values that everybody goes by, with every value they had."),
    },
    "rank": {
        "law": pgettext_lazy("rank", "law"),
        "statute": pgettext_lazy("rank", "administrative regulation"),
        "local": pgettext_lazy("rank", "local regulation"),
        "rule": pgettext_lazy("rank", "departmental rule"),
        "local_rule": pgettext_lazy("rank", "local government rule"),
        "document": pgettext_lazy("rank", "normative document"),
        "standard": pgettext_lazy("rank", "standard"),
        "other": pgettext_lazy("rank", "other"),
    },
    "parameter": {
        "text": _("text"),
        "number": _("number"),
        "truth": _("yes or no"),
        "day": _("date"),
        "list": pgettext_lazy("parameter", "list"),
    },
    "revision": {
        "told": pgettext_lazy("revision", "told by a node above"),
        "made": pgettext_lazy("revision", "made"),
        "changed": pgettext_lazy("revision", "changed"),
        "retired": pgettext_lazy("revision", "retired"),
        "restored": pgettext_lazy("revision", "put into force again"),
        "merged": pgettext_lazy("revision", "merged into another"),
    },
}

"""The words for grants: states, changes, terms; part of :data:`guantong.site.words.KINDS`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

GRANTS: Final[Mapping[str, Mapping[str, "StrOrPromise"]]] = {
    "grant": {
        "active": pgettext_lazy("grant", "in force"),
        "expired": pgettext_lazy("grant", "expired"),
        "revoked": pgettext_lazy("grant", "revoked"),
        "suspended": pgettext_lazy("grant", "suspended"),
        "ended": pgettext_lazy("grant", "ended"),
        "unused": pgettext_lazy("grant", "not used for long"),
    },
    "grant_act": {
        "narrowed": pgettext_lazy("grant", "narrowed"),
        "suspended": pgettext_lazy("grant", "suspended"),
        "resumed": pgettext_lazy("grant", "in force again"),
        "prolonged": pgettext_lazy("grant", "prolonged"),
        "graced": pgettext_lazy("grant", "days of grace"),
        "ended": pgettext_lazy("grant", "ended"),
        "revoked": pgettext_lazy("grant", "revoked"),
    },
    "grant_term": {
        "fields": pgettext_lazy("grant", "items"),
        "modes": pgettext_lazy("grant", "modes"),
        "masks": pgettext_lazy("grant", "masks"),
        "per_second": pgettext_lazy("grant", "calls a second"),
        "per_day": pgettext_lazy("grant", "calls a day"),
        "max_rows": pgettext_lazy("grant", "rows an answer"),
        "concurrent": pgettext_lazy("grant", "calls at one time"),
        "rows_per_day": pgettext_lazy("grant", "rows a day"),
        "per_key_per_day": pgettext_lazy("grant", "look-ups of the same keys a day"),
        "condition": pgettext_lazy("grant", "rows"),
        "not_after": pgettext_lazy("grant", "until"),
    },
}

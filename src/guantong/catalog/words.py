"""The words for what entries say in codes, where search and pages say the same."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

SHARING: Final[Mapping[str, "StrOrPromise"]] = {
    "unconditional": _("unconditional sharing"),
    "conditional": _("conditional sharing"),
    "not_shared": _("not shared"),
}
CYCLES: Final[Mapping[str, "StrOrPromise"]] = {
    "real_time": _("real time"),
    "daily": _("daily"),
    "weekly": _("weekly"),
    "ten_days": _("every ten days"),
    "monthly": _("monthly"),
    "quarterly": _("quarterly"),
    "half_yearly": _("half-yearly"),
    "yearly": _("yearly"),
    "irregular": _("irregular"),
}
FORMATS: Final[Mapping[str, "StrOrPromise"]] = {
    "database": _("database"),
    "interface": _("interface"),
    "file": _("file"),
}

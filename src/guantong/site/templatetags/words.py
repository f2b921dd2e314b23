"""Filters and tags that turn codes into words people read."""

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from guantong.catalog.needs import queries as needs
from guantong.catalog.standards import binding, citing
from guantong.identity.models import Person
from guantong.identity.queries import division_name
from guantong.identity.roles import ROLE_NAMES
from guantong.kit.errors import GuantongError
from guantong.notices.models import Notice
from guantong.notices.words import sentence as notice_sentence
from guantong.risk import queries as risk
from guantong.risk.models import Finding
from guantong.sharing import queries as sharing
from guantong.site import words
from guantong.site.names import Names

register = template.Library()


@register.filter
def division(code: str) -> str:
    """``511602`` as 四川省广安市广安区."""
    return division_name(code)


@register.filter
def role(name: str) -> str:
    """A role's word in the visitor's language."""
    zh, en = ROLE_NAMES.get(name, (name, name))
    return en if get_language() == "en" else zh


@register.filter
def short_digest(text: str) -> str:
    """The head of a digest, enough to compare by eye."""
    return text.rpartition(":")[2][:12]


@register.filter
def notice(row: Notice) -> str:
    """What a notice says, in the visitor's language."""
    return notice_sentence(row.code, "en" if get_language() == "en" else "zh", row.details)


@register.simple_tag
def finding_name(row: Finding) -> str:
    """What the rule of an alert is called."""
    return risk.name_of(row, "en" if get_language() == "en" else "zh")


@register.simple_tag
def finding_words(row: Finding) -> str:
    """What an alert says, in numbers."""
    return risk.words_of(row, "en" if get_language() == "en" else "zh")


@register.filter
def word(code: str, kind: str) -> str:
    """The word of :mod:`guantong.site.words` for a code of that kind."""
    return words.word(kind, code)


@register.filter
def mask(code: str) -> str:
    """What a mask leaves of a value."""
    return words.mask_word(code)


@register.filter
def split(text: str) -> list[str]:
    """Several codes in one string, for a loop in a template."""
    return text.split()


@register.filter
def words_list(parts: list[str]) -> str:
    """Several words as one sentence part: 、 in Chinese, commas in English."""
    return (", " if get_language() == "en" else "、").join(str(part) for part in parts)


@register.simple_tag
def state(kind: str, code: str) -> SafeString:
    """A code's word as a badge: coloured, and readable without the colour."""
    return format_html('<span class="state state-{}">{}</span>', code or "waiting", words.word(kind, code))


@register.simple_tag
def level(number: int) -> SafeString:
    """An item's level as a badge."""
    return format_html('<span class="badge">{}</span>', gettext("level %(number)s") % {"number": number})


def _names(context: dict[str, Any]) -> Names:
    names = context.get("names")
    return names if isinstance(names, Names) else Names()


@register.simple_tag(takes_context=True)
def organisation(context: dict[str, Any], code: str) -> str:
    """The name of an organisation."""
    return _names(context).organisation(code)


@register.simple_tag(takes_context=True)
def node_name(context: dict[str, Any], code: str) -> str:
    """The title of a node."""
    return _names(context).node(code)


@register.simple_tag(takes_context=True)
def resource_name(context: dict[str, Any], code: str) -> str:
    """The name of a resource."""
    return _names(context).resource(code)


@register.simple_tag(takes_context=True)
def purpose_name(context: dict[str, Any], code: str) -> str:
    """The service item that a purpose names."""
    return _names(context).purpose(code)


@register.simple_tag(takes_context=True)
def field_names(context: dict[str, Any], resource: str, names: list[str]) -> str:
    """The labels of a resource's items, as a list in words."""
    return words_list(_names(context).fields(resource, names))


@register.filter
def sentence(error: GuantongError) -> str:
    """What a refusal says, in the visitor's language."""
    return error.sentence("en" if get_language() == "en" else "zh")


@register.filter
def told(value: Any) -> str:
    """A value of a declaration as one can read it in a table: lists apart by commas, the rest by name."""
    if isinstance(value, dict):
        return "; ".join(
            f"{name}: {told(each)}" for name, each in value.items() if each not in ("", [], {}, None)
        )
    if isinstance(value, list):
        return ", ".join(told(each) for each in value) or "—"
    return "—" if value in ("", None) else str(value)


@register.filter
def sought(filters: dict[str, Any]) -> str:
    """What somebody looked for in the record: the names of the filters in words, with what was typed."""
    colon = gettext(": ")
    return "; ".join(f"{words.word('sought', name)}{colon}{value}" for name, value in filters.items())


@register.filter
def thousands(number: int) -> str:
    """A count with its thousands apart, the same in both languages: 1,234,567."""
    return f"{number or 0:,}"


@register.filter
def duration(seconds: int) -> str:
    """A length of time in its largest fitting unit."""
    for size, one, many in (
        (86_400, gettext("%(n)s day"), gettext("%(n)s days")),
        (3_600, gettext("%(n)s hour"), gettext("%(n)s hours")),
        (60, gettext("%(n)s minute"), gettext("%(n)s minutes")),
    ):
        if seconds >= size:
            count = round(seconds / size)
            return (one if count == 1 else many) % {"n": count}
    return gettext("%(n)s seconds") % {"n": seconds}


@register.simple_tag
def cited(text: str) -> dict[str, Any]:
    """Which regulations of the directory a text cites, and which titles it has none for."""
    return {"known": citing.cited_in(text), "unknown": citing.uncited(text)}


@register.simple_tag
def forms_with(code: str) -> list[Any]:
    """The forms that take values from an entry, and from which of its items."""
    return binding.forms_with(code)


@register.simple_tag
def needed_by(resource: int) -> list[str]:
    """Which service items need an entry (by its key) that is not shared."""
    return needs.needed_by(resource)


@register.simple_tag(takes_context=True)
def grants_on(context: dict[str, Any], uses: list[tuple[str, str]]) -> list[Any]:
    """The grants in force that read any of these items (entry's code, item), as far as the visitor may see them."""
    visitor = getattr(context.get("request"), "user", None)
    return sharing.grants_reading(uses, visitor) if isinstance(visitor, Person) else []

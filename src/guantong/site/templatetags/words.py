"""Filters that turn codes into words people read."""

from django import template
from django.utils.translation import get_language

from guantong.identity.queries import division_name
from guantong.identity.roles import ROLE_NAMES

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

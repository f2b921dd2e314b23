"""The terms of a grant as they come in: whether they fit together, and name nothing that is another node's."""

import hashlib
from datetime import timedelta
from typing import Any

import msgspec

from guantong.catalog.actions import read_content
from guantong.catalog.models import Resource
from guantong.kit import canonical, clock
from guantong.sharing.errors import FieldNotInResource, NumberTaken, ResourceOfAnotherNode, TermsWrong
from guantong.sharing.parties import demand_free_codes, demand_own_organisation
from guantong.sharing.types import GrantTerms

LONGEST = timedelta(days=10 * 366)
"""How long any grant may be in force, renewals and all."""


def digest_of(terms: dict[str, Any]) -> str:
    """The digest of ``terms`` in canonical JSON."""
    return "sha-256:" + hashlib.sha256(canonical.dumps(terms)).hexdigest()


def checked_terms(terms: dict[str, Any]) -> GrantTerms:
    """The terms, if they fit together and name nothing that is another node's. TermsWrong, and why."""
    try:
        typed = msgspec.convert(terms, GrantTerms)
    except msgspec.ValidationError as error:
        raise TermsWrong(why_zh=str(error), why_en=str(error)) from error
    if not typed.code.startswith(f"GX{typed.provider_node}"):
        raise NumberTaken(number=typed.code, node=typed.provider_node)
    content = read_content(typed.resource_content)
    if (content.code, content.provider) != (typed.resource, typed.provider):
        raise TermsWrong(why_zh="所附目录不是该信息资源的", why_en="the entry enclosed is not the resource's")
    strangers = {*typed.fields, *typed.masks, *(each.item for each in typed.condition)} - {
        item.name for item in content.items
    }
    if strangers:
        raise FieldNotInResource(fields="、".join(sorted(strangers)))
    _demand_dates(typed)
    known = Resource.objects.filter(code=typed.resource).first()
    if known and known.node != typed.provider_node:
        raise ResourceOfAnotherNode(resource=typed.resource, node=typed.provider_node)
    demand_own_organisation(typed.provider, node=typed.provider_node)
    demand_own_organisation(typed.consumer, node=typed.consumer_node)
    demand_free_codes(typed.applications, node=typed.consumer_node)
    return typed


def _demand_dates(terms: GrantTerms) -> None:
    try:
        begins, ends = clock.parse(terms.not_before), clock.parse(terms.not_after)
    except ValueError as error:
        raise TermsWrong(why_zh="日期无法读取", why_en="its dates cannot be read") from error
    if not begins < ends <= begins + LONGEST:
        raise TermsWrong(why_zh="期限不合理", why_en="its dates make no sense")

"""服务标识 (sid): what the national platform's convention calls what a grant opens. Local to the consumer's node."""

import re

from django.conf import settings

from guantong.sharing.models import OVER, Grant

MOST = 10
_SID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,99}")


def is_sid(text: str) -> bool:
    """Whether the convention's headers, and its signature, can carry it."""
    return _SID.fullmatch(text) is not None


def sid_of(resource: str) -> str:
    """What a resource is called where nobody has given it another name: ``s_3070220400053_000002``."""
    return ("s_" + re.sub("[^A-Za-z0-9]+", "_", resource))[:80]


def holder_of(sid: str, grant: Grant) -> str:
    """Another grant of one of the same applications that has ``sid``; empty if there is none."""
    applications = {each["code"] for each in grant.terms["applications"]}
    others = Grant.objects.filter(consumer=grant.consumer).exclude(pk=grant.pk).exclude(state__in=OVER)
    return next(
        (
            other.code
            for other in others
            if sid in other.sids and applications & {each["code"] for each in other.terms["applications"]}
        ),
        "",
    )


def give_first_sid(grant: Grant) -> None:
    """Name what a new grant opens after its resource; with a number behind where that is taken."""
    if grant.consumer_node != settings.NODE.node:
        return
    first = sid_of(grant.resource)
    names = [first, *(f"{first}_{n}" for n in range(2, 100))]
    grant.sids = [next((name for name in names if not holder_of(name, grant)), f"{first}_{grant.pk}")]
    grant.save(update_fields=["sids"])

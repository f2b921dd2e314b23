"""Whether what another node brings is a pledge to this very request."""

from collections.abc import Mapping

from guantong.evidence.agreements import AgreementWrong, check_pledge, digest_of
from guantong.kit.suites import VerifyKey
from guantong.sharing.agreements.statements import ASKED
from guantong.sharing.types import Filing


def demand_pledged(filing: Filing, keys: Mapping[str, VerifyKey]) -> None:
    """AgreementWrong, or an envelope's fault, unless the filing's pledge is signed with one of ``keys`` and asks what it asks."""
    raw = filing.pledge_statement.encode()
    body = check_pledge(raw, keys)
    same = [(body.get(name), getattr(filing, name)) for name in ("number", "consumer", "pledged_by")]
    same += [(body.get("request"), filing.uuid), (body.get("node"), filing.consumer_node)]
    asked = body.get("asked") or {}
    # A supplement or its own department may have left less since it was pledged.
    same += [
        (asked.get(name), getattr(filing, name))
        for name in ASKED
        if name in {"resource", "purpose", "renews"}
    ]
    beyond = set(filing.fields) - set(asked.get("fields") or [])
    if filing.pledge != digest_of(raw) or any(one != other for one, other in same) or beyond:
        raise AgreementWrong(
            why_zh="承诺书不是对本申请的承诺", why_en="the pledge is not one to this request"
        )

"""Who may be named in requests and grants: parties stay with their nodes, applications with their owners."""

from collections.abc import Iterable

from django.conf import settings

from guantong.identity.errors import ApplicationCodeTaken, OrganisationOfAnotherNode
from guantong.identity.models import Application, Organisation
from guantong.identity.queries import bureaus, holds
from guantong.journal.types import Actor
from guantong.kit.errors import GuantongError
from guantong.kit.suites import VerifyKey
from guantong.sharing.errors import NotYourGrant, TermsWrong
from guantong.sharing.models import Grant
from guantong.sharing.types import ApplicationTerms


def demand_own_organisation(code: str, *, node: str) -> None:
    """Refuse a party that is known to belong to another node; one we have not heard of yet may be right."""
    known = Organisation.objects.filter(code=code).first()
    if known and known.node != node:
        raise OrganisationOfAnotherNode(organisation=code, node=known.node)


def demand_free_codes(applications: Iterable[ApplicationTerms], *, node: str) -> None:
    """Refuse applications of ``node`` that bear the identifier of another node's, or whose keys are none.

    The data plane knows an application by its identifier alone: whoever reused one would push the other out.
    """
    codes = set()
    for application in applications:
        codes.add(application.code)
        try:
            VerifyKey.from_text(application.public_key)
        except GuantongError as error:
            raise TermsWrong(why_zh=error.sentence("zh"), why_en=error.sentence("en")) from error
    registered = Application.objects.filter(code__in=codes).exclude(organisation__node=node).first()
    if registered:
        raise ApplicationCodeTaken(application=registered.code)
    others = Grant.objects.exclude(consumer_node=node).values_list("terms__applications", flat=True)
    taken = {each["code"] for terms in others.iterator() for each in terms or []} & codes
    if taken:
        raise ApplicationCodeTaken(application=min(taken))


def demand_giver(grant: Grant, by: Actor, *, also: str = "") -> None:
    """NotYourGrant unless ``by`` is an approver of the provider, or of a bureau of its node.

    ``also``: a permission that does as well for the act in question.
    """
    givers = {grant.provider or grant.terms["provider"], *bureaus(grant.provider_node)}
    is_here = grant.provider_node == settings.NODE.node
    if not (
        is_here and by.organisation in givers and (holds(by, "grant:revoke") or (also and holds(by, also)))
    ):
        raise NotYourGrant

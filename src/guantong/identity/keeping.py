"""Who looks after an application, and what can be a key of one."""

from django.conf import settings

from guantong.identity.errors import ApplicationOfAnother, ApplicationWrong
from guantong.identity.models import Application, Organisation
from guantong.identity.queries import holds
from guantong.journal.types import Actor
from guantong.kit.errors import GuantongError
from guantong.kit.suites import VerifyKey


def demand_key(text: str) -> None:
    """ApplicationWrong unless ``text`` is a public key (vkey)."""
    try:
        VerifyKey.from_text(text)
    except GuantongError as error:
        raise ApplicationWrong(why_zh=error.sentence("zh"), why_en=error.sentence("en")) from error


def kept_by(application: Application, by: Actor) -> Application:
    """The application, locked, which ``by`` looks after: of their own department, or of the node they operate."""
    known = Application.objects.select_for_update().get(pk=application.pk)
    owner = Organisation.objects.get(pk=known.organisation_id)
    is_own = owner.code == by.organisation and holds(by, "application:keep")
    if not is_own and not (owner.node == settings.NODE.node and holds(by, "application:register")):
        raise ApplicationOfAnother(application=known.code)
    return known

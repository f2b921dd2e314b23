"""Signing in: passwords that cannot be guessed at leisure."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import get_language

from guantong.identity import actions, queries
from guantong.identity.errors import SignInLocked
from guantong.identity.models import Person
from guantong.journal.types import SYSTEM
from guantong.kit import clock


class SignInForm(AuthenticationForm):
    """Django's form, with a lock after repeated failures and a trace of every attempt."""

    def clean(self) -> dict[str, Any]:
        """Check the lock first: while it holds, even the right password tells nothing."""
        account = queries.account_name(self.cleaned_data.get("username") or "")
        address = self.request.META.get("REMOTE_ADDR", "")[:45] if self.request else ""
        if queries.is_locked(account, address, at=clock.now()):
            refusal = SignInLocked(minutes=queries.LOCK_MINUTES)
            raise ValidationError(
                refusal.sentence("en" if get_language() == "en" else "zh"), code=refusal.code
            )
        try:
            cleaned = super().clean()
        except ValidationError:
            actions.note_failed_sign_in(account, address=address, by=SYSTEM, at=clock.now())
            raise
        person = self.get_user()
        if isinstance(person, Person):
            actions.note_sign_in(person, address=address, by=queries.actor(person), at=clock.now())
        return cleaned

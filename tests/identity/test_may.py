"""Roles and what they may do."""

import pytest
from django.contrib.auth.models import AnonymousUser
from tests.cast import assemble

from guantong.identity.errors import NotPermitted
from guantong.identity.queries import demand, may
from guantong.identity.roles import ROLE_NAMES, ROLES


@pytest.mark.django_db
def test_a_role_carries_its_permissions_and_no_others() -> None:
    cast = assemble()
    assert may(cast.xu, "request:file")
    assert not may(cast.xu, "request:decide")
    assert not may(AnonymousUser(), "case:read")
    with pytest.raises(NotPermitted):
        demand(cast.gao, "grant:revoke")


def test_the_auditor_changes_nothing() -> None:
    assert {permission.split(":")[1] for permission in ROLES["auditor"]} <= {"read", "audit"}


def test_every_role_has_a_name_in_both_languages() -> None:
    assert set(ROLES) == set(ROLE_NAMES)

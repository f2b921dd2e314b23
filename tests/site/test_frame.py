"""What every page says around its content, and pages that carry a need."""

import pytest
from django.test import Client
from tests.cast import PERMITS, Cast, assemble, publish_permits

from guantong.identity.models import Person
from guantong.site.todos import count_for, waiting_for

pytestmark = pytest.mark.django_db


def page(path: str, person: Person | None = None, **cookies: str) -> str:
    client = Client()
    for name, value in cookies.items():
        client.cookies[name] = value
    if person:
        client.force_login(person)
    return client.get(path).content.decode()


def test_the_frame_names_the_visitor_their_organisation_and_roles() -> None:
    cast = assemble()
    shown = page("/find/", cast.luo)
    assert "罗数" in shown
    assert "广安市公安局 · 数据专员" in shown
    assert 'aria-current="page">查数据' in shown


def test_the_switch_returns_to_the_same_page_in_the_other_language() -> None:
    assemble()
    assert 'name="next" value="/find/?q=a"' in page("/find/?q=a")
    assert "Find data" in page("/find/", django_language="en")


def test_to_dos_are_counted_by_permission() -> None:
    cast: Cast = assemble()
    publish_permits(cast)
    assert count_for(cast.gao) == 0
    assert not any(rows.exists() for rows in waiting_for(cast.luo).values())


def test_a_link_carries_a_need_into_the_form_unsigned() -> None:
    cast = assemble()
    publish_permits(cast)
    shown = page(f"/share/request?resource={PERMITS}&wanted=valid_to&modes=query&purpose=512B", cast.xu)
    assert 'value="valid_to" checked' in shown
    assert 'value="residence_division" checked' not in shown
    assert 'value="512B"' in shown
    assert 'name="pledge_signed" checked' not in shown.replace("  ", " ")


def test_only_who_may_is_shown_the_button_to_request() -> None:
    cast = assemble()
    publish_permits(cast)
    assert "申请使用" in page(f"/find/{PERMITS}/", cast.xu)
    assert "申请使用</a>" not in page(f"/find/{PERMITS}/", cast.luo)
    assert "申请使用</a>" not in page(f"/find/{PERMITS}/")

"""What service items need and make becomes needs and yields of the catalogue, on opening and by declaring."""

import pytest
from django.test import Client
from tests.cast import PERMITS, assemble, publish_permits

from guantong.catalog.models import Need, Yield
from guantong.counter import actions
from guantong.counter.errors import NotYourItem
from guantong.counter.models import ServiceItem
from guantong.journal.types import SYSTEM
from guantong.kit import clock

pytestmark = pytest.mark.django_db


def test_a_department_declares_what_its_item_needs_and_makes() -> None:
    cast = assemble()
    publish_permits(cast)
    code = "511A0138000000-511602000000-000-1-1-00"
    item = ServiceItem.objects.create(
        code=code, name="入学", department=cast.education, task_type="07", division="511602000000"
    )
    xu, tian = Client(), Client()
    xu.force_login(cast.xu)
    tian.force_login(cast.tian)
    page = f"/serve/items/{code}/"
    lines = f"居住证明 | 义务教育法 | {PERMITS}\n出生证明 | 义务教育法"
    assert xu.post(f"{page}declare", {"materials": lines, "makes": "入学通知书"}).status_code == 302
    assert {n.wanted: (n.state, n.item_code) for n in Need.objects.all()} == {
        "居住证明": ("met", code),
        "出生证明": ("routed", code),
    }
    assert Yield.objects.get().name == "入学通知书"
    for language in ("zh-hans", "en"):
        xu.cookies["django_language"] = language
        shown = xu.get(page).content.decode()
        assert "居住证信息" in shown
        assert "入学通知书" in shown
    assert "出生证明" not in Client().get(page).content.decode().partition("<table>")[2]
    with pytest.raises(NotYourItem):
        actions.declare_materials(
            item, materials=[], certificate_name="", by=cast.as_actor(cast.luo), at=clock.now()
        )
    xu.post(f"{page}declare", {"materials": "", "makes": ""})
    assert {n.state for n in Need.objects.all()} == {"dropped"}
    assert not Yield.objects.exists()
    assert tian.post("/serve/needs").status_code == 302
    assert xu.post("/serve/needs").status_code == 403
    assert actions.declare_needs(by=SYSTEM, at=clock.now()) == 0

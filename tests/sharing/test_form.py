"""The form of a request: what it proposes, what it says that asking costs, what it refuses, several entries at once."""

from typing import Any

import pytest
from django.test import Client
from tests.cast import NODE, NOON, PERMITS, Cast, assemble, content, publish_permits
from tests.cast import need as asked_for
from tests.dispatch.cast import Desk

from guantong.bundle.refusals import ModeNotGranted
from guantong.catalog import actions as catalog
from guantong.catalog.models import Need
from guantong.catalog.types import ItemNeeds, Wanted
from guantong.federation.actions.publishing import compile_bundle
from guantong.identity.models import Application
from guantong.identity.queries import actor
from guantong.journal.types import SYSTEM
from guantong.sharing import actions, costs
from guantong.sharing.errors import ItemsAboveClearance
from guantong.sharing.models import Grant, Request
from guantong.sharing.types import jobs_mode
from guantong.site.node import node_settings

pytestmark = pytest.mark.django_db
HOUSING = "3070511600001/000002"
SECRET = "3070511600001/000003"
FORM = "/share/request"


@pytest.fixture
def cast() -> Cast:
    cast = assemble()
    publish_permits(cast)
    return cast


@pytest.fixture
def xu(cast: Cast, client: Client) -> Client:
    client.force_login(cast.xu)
    client.cookies["django_language"] = "en"
    return client


def filled(**changes: Any) -> dict[str, Any]:
    values = {
        "wanted": ["valid_to"],
        "modes": ["verify"],
        "purpose": "512B0156000000",
        "purpose_text": "核验居住情况",
        "legal_basis": "《义务教育法》第十二条",
        "applications": ["one-window"],
        "per_day": "100",
        "per_second": "5",
        "days": "365",
        "pledge_signed": "on",
    }
    return {**values, **changes}


def declared(cast: Cast, *, items: list[str], mode: str) -> Need:
    wanted = Wanted("居住证明", law="《义务教育法》", resource=PERMITS, items=items, mode=mode)
    needs = ItemNeeds(cast.education.code, "512B0156000000", "入学", [wanted], [])
    catalog.declare_item_needs([needs], by=SYSTEM, at=NOON)
    return Need.objects.get()


def ticked(page: str, name: str) -> list[str]:
    boxes = [part.split(">")[0] for part in page.split("<input ")[1:]]
    return [
        box.split('value="')[1].split('"')[0] for box in boxes if f'name="{name}"' in box and "checked" in box
    ]


def test_to_verify_is_proposed_and_no_item(xu: Client) -> None:
    page = xu.get(FORM, {"resource": PERMITS}).content.decode()
    assert (ticked(page, "wanted"), ticked(page, "modes")) == ([], ["verify"])


def test_a_declared_need_fills_the_form_with_the_least(cast: Cast, xu: Client) -> None:
    need = declared(cast, items=["valid_to"], mode="query")
    assert f'href="{FORM}?resource=3070511600001/000001&amp;need={need.pk}"' in xu.get(
        f"/find/needs/{need.pk}/"
    ).content.decode().replace("%2F", "/")
    page = xu.get(FORM, {"resource": PERMITS, "need": need.pk}).content.decode()
    assert (ticked(page, "wanted"), ticked(page, "modes")) == (["valid_to"], ["query"])
    assert 'value="512B0156000000"' in page
    assert "《义务教育法》" in page
    assert "the service item reads it" in page
    # The address comes before the need.
    page = xu.get(FORM, {"resource": PERMITS, "wanted": "id_number"}).content.decode()
    assert ticked(page, "wanted") == ["id_number"]


def test_each_item_says_what_it_costs(cast: Cast, xu: Client) -> None:
    page = xu.get(FORM, {"resource": PERMITS}).content.decode()
    assert page.count("2 approvals, 15 working days") == 3
    Application.objects.update(clearance=2)
    page = xu.get(FORM, {"resource": PERMITS}).content.decode()
    assert page.count("above your applications") == 1
    resource = catalog_entry()
    found = costs.way(resource, resource.live, consumer=cast.education, fields=["valid_to"], at=NOON)
    assert [(each.role, each.days) for each in found.decisions] == [("provider", 10), ("bureau", 5)]
    assert not found.is_foreign


def catalog_entry() -> Any:
    from guantong.catalog.queries import by_code

    return by_code(PERMITS)


def test_a_level_above_the_clearance_is_refused_before_anything_is_filed(cast: Cast, xu: Client) -> None:
    Application.objects.update(clearance=2)
    answer = xu.post(f"{FORM}?resource={PERMITS}", filled(wanted=["id_number", "valid_to"]))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "above the clearance of “一窗受理系统” (2)" in page
    assert set(ticked(page, "wanted")) == {"id_number", "valid_to"}  # what was ticked stays
    assert not Request.objects.exists()
    with pytest.raises(ItemsAboveClearance):
        actions.file_request(
            asked_for(fields=["id_number"]), consumer=cast.education, by=actor(cast.xu), at=NOON
        )


def test_what_is_missing_is_told_at_once_beside_its_field(xu: Client) -> None:
    answer = xu.post(f"{FORM}?resource={PERMITS}", {"purpose_text": "核验居住情况", "days": "0"})
    page = answer.content.decode()
    assert answer.status_code == 422
    for field in ("wanted", "modes", "purpose", "legal_basis", "applications", "days", "pledge_signed"):
        assert f'<a href="#{field}">' in page, field
    assert "核验居住情况</textarea>" in page


def test_what_is_not_shared_has_a_page_that_cites_the_law(cast: Cast, xu: Client) -> None:
    publish_permits(
        cast,
        code=SECRET,
        name="重点人员",
        sharing_type="not_shared",
        sharing_basis="《反恐怖主义法》第四十三条",
    )
    answer = xu.get(FORM, [("resource", PERMITS), ("resource", SECRET)])
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "《反恐怖主义法》第四十三条" in page
    assert f"{FORM}?resource=3070511600001%2F000001" in page  # the rest can be asked for


def test_what_is_unconditional_is_granted_at_once(cast: Cast, xu: Client) -> None:
    publish_permits(cast, code=HOUSING, name="门牌", sharing_type="unconditional", sharing_condition="")
    page = xu.get(FORM, {"resource": HOUSING}).content.decode()
    assert "nothing: granted at once" in page
    answer = xu.post(f"{FORM}?resource={HOUSING}", filled(), follow=True)
    assert "has been filed and is granted" in answer.content.decode()
    assert Grant.objects.count() == 1


def test_several_entries_are_asked_for_in_one_form(cast: Cast, xu: Client) -> None:
    publish_permits(cast, code=HOUSING, name="门牌", sharing_type="unconditional", sharing_condition="")
    assert xu.post("/share/basket", {"add": PERMITS}).status_code == 302
    assert xu.post("/share/basket", {"add": HOUSING}).status_code == 302
    page = xu.get(FORM).content.decode()
    assert "Request 2 entries together" in page
    only = xu.get(FORM, {"resource": PERMITS}).content.decode()
    assert "1 more entry lies in your basket" in only
    # One half is wrong: nothing is filed, and what was said of the other stays.
    answer = xu.post(FORM, filled(**{"e1-modes": ["query"]}))
    assert answer.status_code == 422
    assert '<a href="#e1-wanted">' in answer.content.decode()
    assert not Request.objects.exists()
    answer = xu.post(FORM, filled(**{"e1-modes": ["query"], "e1-wanted": ["id_number"]}))
    assert answer.status_code == 302
    both = Request.objects.order_by("pk")
    assert [(each.resource, each.fields, each.modes, each.state) for each in both] == [
        (PERMITS, ["valid_to"], ["verify"], "waiting"),
        (HOUSING, ["id_number"], ["query"], "granted"),
    ]
    assert both[0].batch == both[1].batch is not None
    assert xu.get(FORM).status_code == 404  # the basket is empty again


def test_the_basket_has_bounds(cast: Cast, xu: Client) -> None:
    for number in range(2, 13):
        publish_permits(cast, code=f"3070511600001/{number:06d}", name=f"目录{number}")
        answer = xu.post("/share/basket", {"add": f"3070511600001/{number:06d}"})
        assert answer.status_code == (302 if number < 12 else 422)
    assert xu.get(FORM).status_code == 200
    assert xu.post("/share/basket", {"add": "none"}).status_code == 404
    assert xu.post("/share/basket", {"empty": "1"}).status_code == 302
    assert xu.get(FORM).status_code == 404


@pytest.mark.parametrize(
    ("granted", "dialect", "mode"),
    [
        (["batch"], "postgresql", "batch"),
        (["batch"], "folder", "batch"),
        (["file"], "folder", "file"),
        (["file"], "xlsx", "file"),
        (["file"], "postgresql", None),
        (["file"], "events", None),
        (["subscription", "query"], "events", "subscription"),
        (["subscription"], "folder", None),
        (["query", "verify"], "postgresql", None),
        (["query"], "events", None),
    ],
)
def test_five_words_and_the_targets_they_are_for(granted: list[str], dialect: str, mode: str | None) -> None:
    assert jobs_mode(granted, dialect) == mode


def test_a_grant_of_files_fills_no_tables() -> None:
    desk = Desk(NOON, modes=["file", "verify"])
    assert desk.grant.terms["modes"] == ["file", "verify"]
    with pytest.raises(ModeNotGranted):
        desk.declare()
    table = desk.declare_target(dialect="xlsx", table="permits.xlsx", source="files")
    desk.declare(target=table.code)
    (granted,) = compile_bundle(node_settings(), sequence=1, by=SYSTEM, at=NOON).grants.values()
    assert sorted(granted.modes) == ["batch", "verify"]


def test_an_entry_says_where_it_lies(cast: Cast, xu: Client) -> None:
    del cast
    assert NODE in content()["code"]
    assert 'name="add"' in xu.get(f"/find/{PERMITS}/").content.decode()

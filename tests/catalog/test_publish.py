"""The life of an entry, and who may move it."""

import pytest
from tests.cast import EDUCATION, NODE, NOON, PERMITS, assemble, content, publish_permits

from guantong.catalog import actions, queries
from guantong.catalog.errors import ContentWrong, NotTheProvider, ResourceStateWrong
from guantong.catalog.models import Resource, State
from guantong.journal.models import Entry, OutboxMessage

pytestmark = pytest.mark.django_db


def test_a_draft_is_submitted_and_published() -> None:
    resource = publish_permits(assemble())
    assert (resource.state, resource.live_version) == (State.PUBLISHED, 1)
    assert queries.search("居住证").get() == resource
    acts = set(Entry.objects.filter(subject_id=PERMITS).values_list("act", flat=True))
    assert acts == {"resource.drafted", "resource.submitted", "resource.approved", "resource.published"}
    assert OutboxMessage.objects.filter(topic="bundle.stale").exists()


def test_a_pending_edit_does_not_disturb_the_live_version() -> None:
    cast = assemble()
    resource = publish_permits(cast)
    edited = actions.read_content(content(name="居住证基本信息"))
    drafted = actions.draft(edited, node=NODE, by=cast.as_actor(cast.luo), at=NOON)
    assert drafted.state == State.PUBLISHED
    assert drafted.live is not None
    assert drafted.live.name == "居住证信息"
    submitted = actions.submit(resource, by=cast.as_actor(cast.luo), at=NOON)
    approved = actions.approve(submitted, by=cast.as_actor(cast.jiang), at=NOON)
    published = actions.publish(approved, by=cast.as_actor(cast.tian), at=NOON)
    assert (published.name, published.live_version) == ("居住证基本信息", 2)
    assert [version.content["name"] for version in published.versions.all()] == [
        "居住证信息",
        "居住证基本信息",
    ]


def test_another_department_may_not_touch_it() -> None:
    cast = assemble()
    resource = publish_permits(cast)
    with pytest.raises(NotTheProvider):
        actions.withdraw(resource, by=cast.as_actor(cast.xu), at=NOON)
    assert Resource.objects.get().state == State.PUBLISHED


def test_a_draft_cannot_be_published_unreviewed() -> None:
    cast = assemble()
    drafted = actions.draft(actions.read_content(content()), node=NODE, by=cast.as_actor(cast.luo), at=NOON)
    with pytest.raises(ResourceStateWrong):
        actions.publish(drafted, by=cast.as_actor(cast.jiang), at=NOON)


def test_a_withdrawn_entry_leaves_the_catalogue() -> None:
    cast = assemble()
    actions.withdraw(publish_permits(cast), by=cast.as_actor(cast.jiang), at=NOON)
    assert not queries.search("居住证").exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sharing_type": "not_shared", "sharing_basis": ""}, "sharing_basis"),
        ({"sharing_condition": " "}, "sharing_condition"),
        ({"code": "12"}, "code"),
        ({"lookups": [["passport"]]}, "lookups"),
        ({"items": [{"name": "a", "label": "甲"}, {"name": "a", "label": "乙"}], "lookups": []}, "items"),
        ({"items": [{"name": "a", "label": "甲", "level": 9}], "lookups": []}, "items"),
        ({"colour": "red"}, "content"),
        ({"name": "a\nb"}, "content"),
        ({"name": "长" * 201}, "content"),
        ({"summary": "a\0b"}, "content"),
        (
            {"items": [{"name": f"a{n}", "label": "长" * 200} for n in range(500)], "lookups": []},
            "content",
        ),
        ({"source_url": "javascript:alert(1)"}, "source_url"),
        ({"items": [{"name": "A b", "label": "甲"}], "lookups": []}, "items"),
        ({"lookups": [[]]}, "lookups"),
    ],
)
def test_content_that_breaks_the_guide_is_refused(changes: dict[str, object], field: str) -> None:
    with pytest.raises(ContentWrong) as refused:
        actions.read_content(content(**changes))
    assert refused.value.details["field"] == field


def test_the_feed_numbers_changes_once() -> None:
    cast = assemble()
    publish_permits(cast)
    by = cast.as_actor(cast.tian)
    assert actions.number_changes(by=by, at=NOON) == 1
    assert actions.number_changes(by=by, at=NOON) == 0
    changes, looked_to = queries.changes_after(0, nodes=[NODE], limit=9)
    assert ([change.number for change in changes], looked_to) == ([1], 1)
    assert queries.changes_after(1, nodes=[NODE], limit=9) == ([], 1)


def test_an_entry_under_review_stays_in_the_catalogue_and_in_force() -> None:
    cast = assemble()
    resource = publish_permits(cast)
    edited = actions.read_content(content(name="居住证基本信息"))
    actions.draft(edited, node=NODE, by=cast.as_actor(cast.luo), at=NOON)
    submitted = actions.submit(resource, by=cast.as_actor(cast.luo), at=NOON)
    assert submitted.state == State.SUBMITTED
    assert queries.search("居住证信息").get() == resource
    assert [version.version for version in queries.live_versions()] == [1]
    withdrawn = actions.withdraw(resource, by=cast.as_actor(cast.jiang), at=NOON)
    assert withdrawn.live is None
    assert withdrawn.latest is not None


def test_what_was_submitted_cannot_be_changed_behind_the_reviewers_back() -> None:
    cast = assemble()
    by = cast.as_actor(cast.luo)
    resource = publish_permits(cast)
    actions.draft(actions.read_content(content(summary="甲")), node=NODE, by=by, at=NOON)
    actions.submit(resource, by=by, at=NOON)
    actions.draft(actions.read_content(content(summary="乙")), node=NODE, by=by, at=NOON)
    with pytest.raises(ResourceStateWrong):
        actions.publish(resource, by=cast.as_actor(cast.jiang), at=NOON)


def test_nobody_drafts_over_another_departments_entry() -> None:
    cast = assemble()
    publish_permits(cast)
    theft = actions.read_content(content(provider=EDUCATION))
    with pytest.raises(NotTheProvider):
        actions.draft(theft, node=NODE, by=cast.as_actor(cast.xu), at=NOON)
    assert Resource.objects.get().draft is None


def test_a_withdrawn_entry_can_come_back() -> None:
    cast = assemble()
    resource = actions.withdraw(publish_permits(cast), by=cast.as_actor(cast.jiang), at=NOON)
    again = publish_permits(cast)
    assert (again.pk, again.live_version, again.is_live) == (resource.pk, 3, True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"dialect": "oracle"}, "dialect"),
        ({"max_rows": 0}, "max_rows"),
        ({"max_rows": 10**9}, "max_rows"),
        ({"columns": {"blood_type": "b"}}, "columns"),
    ],
)
def test_a_link_that_no_bundle_could_carry_is_refused(changes: dict[str, object], field: str) -> None:
    cast = assemble()
    resource = publish_permits(cast)
    values = {"source": "s", "dialect": "sqlite", "table": "t", "columns": {"id_number": "id"}, **changes}
    with pytest.raises(ContentWrong) as refused:
        actions.link(resource, **values, by=cast.as_actor(cast.luo), at=NOON)
    assert refused.value.details["field"] == field

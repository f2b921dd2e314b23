"""A folder of files as a catalogue entry: its items are ready-made, its link is one call."""

from typing import Any

import msgspec
import pytest
from tests.cast import NODE, NOON, assemble, content

from guantong.bundle.files import NAMES
from guantong.catalog import actions
from guantong.catalog.errors import ContentWrong
from guantong.catalog.files import file_contents, link_folder

pytestmark = pytest.mark.django_db


def drafted() -> Any:
    cast = assemble()
    words = {**content(lookups=[]), "items": [msgspec.to_builtins(item) for item in file_contents(3)]}
    by = cast.as_actor(cast.luo)
    return actions.draft(actions.read_content(words), node=NODE, by=by, at=NOON), by


def test_an_entry_is_linked_to_a_folder() -> None:
    resource, by = drafted()
    link = link_folder(resource, source="scans", pattern="2026/**", by=by, at=NOON)
    assert (link.dialect, link.source, link.table) == ("folder", "scans", "2026/**")
    assert tuple(link.columns) == NAMES
    assert all(item.level == 3 for item in file_contents(3))


def test_a_folder_has_these_items_and_no_others() -> None:
    resource, by = drafted()
    with pytest.raises(ContentWrong):
        actions.link(
            resource, source="s", dialect="folder", table=".", columns={"file": "file"}, by=by, at=NOON
        )  # fmt: skip

"""Folders of files in the catalogue (文件资源): their items, ready-made, and their link."""

from datetime import datetime

import msgspec

from guantong.bundle.files import NAMES, file_items
from guantong.catalog import actions
from guantong.catalog.models import Link, Resource
from guantong.catalog.types import ItemContent, ItemType
from guantong.journal.types import Actor


def file_contents(level: int = 2) -> list[ItemContent]:
    """The items of an entry whose resource is a folder of files; see :mod:`guantong.bundle.files`."""
    return [
        ItemContent(
            name=item.name,
            label=item.label,
            type=msgspec.convert(item.type, ItemType),
            level=item.level,
            is_key=item.name == "file",
        )
        for item in file_items(level).values()
    ]


def link_folder(resource: Resource, *, source: str, pattern: str = ".", by: Actor, at: datetime) -> Link:
    """Bind a resource with those items to the files below the folder ``source`` that ``pattern`` names.

    ``pattern`` is a sub-folder, or a pattern as ``*.pdf`` or ``2026/**``; ``.`` stands for all files.
    """
    return actions.link(
        resource,
        source=source,
        dialect="folder",
        table=pattern,
        columns={name: name for name in NAMES},
        max_rows=1,
        by=by,
        at=at,
    )

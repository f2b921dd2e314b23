"""挂接: binding an entry to what serves it."""

from datetime import datetime
from typing import get_args

import msgspec
from django.db import transaction

from guantong.bundle.files import NAMES
from guantong.bundle.types import Dialect
from guantong.catalog.actions.drafting import _demand_provider, draft, read_content
from guantong.catalog.errors import ContentWrong
from guantong.catalog.links.errors import NothingLinked
from guantong.catalog.links.types import INTERFACE, ServiceTerms
from guantong.catalog.models import Link, LinkCheck, LinkHealth, Resource
from guantong.catalog.types import ResourceContent
from guantong.journal.actions import enqueue, record
from guantong.journal.types import Actor, Subject

MOST_ROWS = 1000
USUAL_SERVICE = ServiceTerms()


@transaction.atomic
def link(
    resource: Resource,
    *,
    source: str,
    dialect: str,
    table: str,
    columns: dict[str, str],
    max_rows: int = 20,
    fresh: str = "",
    service: ServiceTerms = USUAL_SERVICE,
    by: Actor,
    at: datetime,
) -> Link:
    """Bind a resource to what serves it (挂接); ``columns`` maps item names to column names.

    ``dialect`` is a database's, ``folder``, or ``http`` for an interface whose base address ``source`` names and
    whose path is ``table``: of an entry with operations the path that says whether it is well (``-``: there is none);
    ``service`` says how it is asked. What was known of another link's health goes with that link.
    """
    _demand_provider(by, resource.provider.code)
    if dialect != INTERFACE and dialect not in get_args(Dialect):
        raise ContentWrong(field="dialect", why_zh="不支持的数据库", why_en="this database is not supported")
    if not 1 <= max_rows <= MOST_ROWS:
        raise ContentWrong(
            field="max_rows", why_zh=f"应为 1 至 {MOST_ROWS}", why_en=f"1 to {MOST_ROWS} rows are possible"
        )
    content = read_content(resource.draft) if resource.draft else resource.latest
    if content is None or set(columns) - {item.name for item in content.items}:
        raise ContentWrong(
            field="columns", why_zh="列对应了不存在的信息项", why_en="a column stands for an unknown item"
        )
    if dialect == "folder" and columns != {name: name for name in NAMES}:
        raise ContentWrong(
            field="columns",
            why_zh="文件资源须有且仅有 " + "、".join(NAMES),
            why_en="a folder of files has these items and no others: " + ", ".join(NAMES),
        )
    values = {"source": source, "dialect": dialect, "table": table, "columns": columns, "max_rows": max_rows}
    values["fresh"] = fresh
    values["service"] = msgspec.to_builtins(service) if dialect == INTERFACE else {}
    made, _ = Link.objects.update_or_create(resource=resource, defaults={**values, "linked_at": at})
    LinkHealth.objects.filter(link=made).delete()
    LinkCheck.objects.filter(link=made).delete()
    record(
        "resource.linked",
        by=by,
        at=at,
        subject=Subject("resource", resource.code),
        details={"source": source},
    )
    enqueue("bundle.stale", {"because": "resource.linked"}, by=by, at=at)
    return made


@transaction.atomic
def unlink(resource: Resource, *, by: Actor, at: datetime) -> None:
    """Take a resource's link away; :class:`NothingLinked` where there is none."""
    _demand_provider(by, resource.provider.code)
    if not Link.objects.filter(resource=resource).delete()[0]:
        raise NothingLinked(resource=resource.code)
    record("resource.unlinked", by=by, at=at, subject=Subject("resource", resource.code))
    enqueue("bundle.stale", {"because": "resource.unlinked"}, by=by, at=at)


@transaction.atomic
def draft_from_table(
    content: ResourceContent,
    *,
    node: str,
    source: str,
    dialect: str,
    table: str,
    columns: dict[str, str],
    by: Actor,
    at: datetime,
) -> Resource:
    """A draft made of a table that was read (逆向编目), linked to that table at once."""
    resource = draft(content, node=node, by=by, at=at)
    link(resource, source=source, dialect=dialect, table=table, columns=columns, by=by, at=at)
    return resource

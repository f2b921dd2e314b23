"""The only writer of flows."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import transaction

from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.kit import canonical
from guantong.workflow.errors import DiagramUnreadable
from guantong.workflow.models import FlowVersion
from guantong.workflow.specification import compile_flow


def publish(
    name: str,
    bpmn: str | bytes,
    dmn: Sequence[str | bytes] = (),
    *,
    is_decided: bool = False,
    check: Callable[[str], None] | None = None,
    by: Actor,
    at: datetime,
) -> FlowVersion:
    """Check a diagram and its tables and make them the newest version of flow ``name``.

    The same texts published again give the version that already stands. ``is_decided``: by people, see
    :func:`guantong.workflow.specification.compile_flow`; ``check`` may refuse more. Raises a DiagramRefused.
    """
    diagram, tables = _text(bpmn, "BPMN"), [_text(each, "DMN") for each in dmn]
    specification = compile_flow(diagram, tables, is_decided=is_decided)
    if check:
        check(diagram)
    digest = "sha-256:" + hashlib.sha256(canonical.dumps([diagram, *tables])).hexdigest()
    with transaction.atomic():
        newest = FlowVersion.objects.select_for_update().filter(name=name).order_by("-version").first()
        if newest is not None and newest.digest == digest:
            return newest
        flow = FlowVersion.objects.create(
            name=name,
            version=1 if newest is None else newest.version + 1,
            digest=digest,
            bpmn=diagram,
            dmn=tables,
            specification=specification.as_json(),
            published_at=at,
        )
        record(
            "flow.published",
            by=by,
            at=at,
            subject=Subject("flow", str(flow)),
            details={"digest": digest},
        )
    return flow


def _text(document: str | bytes, what: str) -> str:
    if isinstance(document, str):
        return document
    try:
        return document.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise DiagramUnreadable(what=what, fault="UTF-8") from fault

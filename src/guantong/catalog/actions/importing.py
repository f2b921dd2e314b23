"""Files of entries taken in as drafts: all or nothing, or the good ones by choice; what was wrong is told cell by cell."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction

from guantong.catalog import codes, deadlines, extensions
from guantong.catalog.actions.drafting import LARGEST_CONTENT, _resting_state, _show
from guantong.catalog.errors import ContentWrong
from guantong.catalog.models import Act, ImportBatch, Move, Resource, State
from guantong.catalog.queries import live_versions
from guantong.catalog.sheets.errors import FileTooLarge
from guantong.catalog.sheets.parsing import MOST_FAULTS, Fault, Parsed, find_table, judge, parse
from guantong.catalog.sheets.reading import LARGEST_FILE, read
from guantong.identity.models import Organisation
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.kit.errors import GuantongError

CHUNK = 500
FILES_KEPT = 30
_HEAD = re.compile(r"[0-9][0-9A-Za-z.-]*/?")


@transaction.atomic
def hand_in(
    data: bytes,
    *,
    name: str,
    organisation: Organisation,
    takes_good_ones: bool,
    by: Actor,
    at: datetime,
) -> ImportBatch:
    """Put a file down for importing; the worker takes it from there, or :func:`run_import` at once."""
    if len(data) > LARGEST_FILE:
        raise FileTooLarge(limit=f"{LARGEST_FILE // 1_000_000} MB")
    batch = ImportBatch.objects.create(
        organisation=organisation,
        file_name=re.sub(r"[\x00-\x1f\x7f]", "", name)[-200:] or "?",
        file=data,
        takes_good_ones=takes_good_ones,
        by={"kind": by.kind, "id": by.id, "name": by.name, "organisation": by.organisation},
        made_at=at,
    )
    older = ImportBatch.objects.filter(organisation=organisation).order_by("-pk")[FILES_KEPT:]
    ImportBatch.objects.filter(pk__in=[each.pk for each in older]).update(file=b"")
    subject = Subject("import", str(batch.uuid))
    details = {"file": batch.file_name, "digest": hashlib.sha256(data).hexdigest()}
    record("import.handed_in", by=by, at=at, subject=subject, details=details)
    return batch


def run_imports(*, by: Actor, at: datetime) -> int:
    """Import what waits, oldest first; how many files. Only the worker calls this: what it finds running was broken off."""
    count = 0
    progress = ImportBatch.Progress
    while batch := ImportBatch.objects.filter(progress__in=[progress.WAITING, progress.RUNNING]).last():
        try:
            run_import(batch, by=by, at=at)
        except Exception:
            # Told on the page of the import, so that it is not tried for ever; and raised, for the worker's log.
            failure = {
                "code": "internal_error",
                "message": {"zh": "处理时出错。", "en": "Something went wrong."},
            }
            ImportBatch.objects.filter(pk=batch.pk).update(
                progress=progress.REFUSED, failure=failure, ended_at=at
            )
            raise
        count += 1
    return count


def run_import(batch: ImportBatch, *, by: Actor, at: datetime) -> ImportBatch:
    """Read, judge and write one file. ``by`` carries it out; the drafts are whoever's handed it in."""
    del by
    batch.progress = ImportBatch.Progress.RUNNING
    batch.save(update_fields=["progress"])
    try:
        entries, faults = _judged(batch)
    except GuantongError as error:
        batch.failure, batch.progress = error.as_json(), ImportBatch.Progress.REFUSED
    else:
        blocking = any(fault.blocks for fault in faults)
        good = [entry for entry in entries if entry.content is not None]
        batch.refused = len(entries) - len(good)
        batch.faults = [fault.as_json() for fault in faults[:MOST_FAULTS]]
        if (blocking and not batch.takes_good_ones) or not good:
            batch.progress = ImportBatch.Progress.REFUSED
        else:
            _write(batch, [entry.content for entry in good if entry.content is not None], at=at)
            batch.progress = ImportBatch.Progress.DONE
    batch.ended_at = at
    batch.save()
    return batch


def _judged(batch: ImportBatch) -> tuple[list[Parsed], list[Fault]]:
    """The entries of the file, judged by their own rules and by what the catalogue holds."""
    fields = extensions.declared()
    table = find_table(read(bytes(batch.file)), fields)
    batch.rows_total = len(table.sheet.rows) - table.first
    batch.save(update_fields=["rows_total"])
    entries = []
    for entry in parse(table, progress=lambda done: _tell(batch, done)):
        entry.values.setdefault("provider", batch.organisation.code)
        entries.append(entry)
    _tell(batch, batch.rows_total)
    _give_codes(entries)
    seen: dict[str, int] = {}
    known = _known({entry.code for entry in entries})
    for entry in entries:
        judge(entry)
        _judge_by_catalogue(entry, batch, fields, known.get(entry.code), seen)
        if entry.faults:
            entry.content = None
    return entries, [*table.faults, *(fault for entry in entries for fault in entry.faults)]


def _tell(batch: ImportBatch, done: int) -> None:
    ImportBatch.objects.filter(pk=batch.pk).update(rows_done=done)
    batch.rows_done = done


def _give_codes(entries: Sequence[Parsed]) -> None:
    """The next number for every code that ends before its number."""
    rule = codes.rule(settings.NODE.catalogue_code_rule)
    heads = {e.code.rstrip("/") for e in entries if e.code.endswith("/") and _HEAD.fullmatch(e.code)}
    written = [e.code for e in entries]
    highest: dict[str, int] = {}
    for head in heads:
        taken = list(Resource.objects.filter(code__startswith=f"{head}/").values_list("code", flat=True))
        try:
            highest[head] = int(rule.next(head, [*taken, *written]).rpartition("/")[2]) - 1
        except ContentWrong:
            continue
    for entry in entries:
        head = entry.code.rstrip("/")
        if entry.code.endswith("/") and head in highest:
            highest[head] += 1
            entry.values["code"] = f"{head}/{highest[head]:0{rule.sequence}d}"


def _known(wanted: set[str]) -> dict[str, Resource]:
    """The entries that are there already."""
    found: dict[str, Resource] = {}
    listed = sorted(wanted)
    for start in range(0, len(listed), CHUNK):
        rows = Resource.objects.filter(code__in=listed[start : start + CHUNK]).select_related("provider")
        found |= {row.code: row for row in rows}
    return found


def _judge_by_catalogue(
    entry: Parsed, batch: ImportBatch, fields: Sequence[Any], known: Resource | None, seen: dict[str, int]
) -> None:
    def fault(name: str, zh: str, en: str) -> None:
        row, column = entry.cells.get(name, (entry.row, 0))
        heading = {"code": "信息资源代码", "provider": "提供方代码"}.get(name, name)
        entry.faults.append(Fault(row, column, heading, str(entry.values.get(name, ""))[:200], zh, en))

    own = batch.organisation
    if entry.values["provider"] != own.code:
        fault(
            "provider",
            f"只能导入本单位（{own.code}）的目录",
            f"only your own organisation's entries ({own.code})",
        )
    name, row, place = entry.provider_name
    if name and entry.values["provider"] == own.code and _narrow(name) != _narrow(own.name):
        zh, en = (
            f"名称与代码不符：{own.code} 是{own.name}",
            f"name and code do not agree: {own.code} is {own.name}",
        )
        entry.faults.append(Fault(row, place, "信息资源提供方", name[:200], zh, en))
    if entry.code in seen and entry.code:
        fault("code", f"代码与第 {seen[entry.code]} 行重复", f"row {seen[entry.code]} has the same code")
    seen.setdefault(entry.code, entry.row)
    if known is not None and (known.provider_id, known.node) != (own.pk, settings.NODE.node):
        fault("code", "此代码属于其他部门或其他节点", "this code is another department's or node's")
    elif known is not None and known.state in {State.SUBMITTED, State.REVIEWED}:
        fault("code", "此目录正在审核，请先撤回或等待退回", "this entry is under review; take it back first")
    elif known is None and entry.content is not None:
        _judged_by(entry, fault)
    try:
        extensions.check(entry.values.get("extension", {}), fields)
    except ContentWrong as error:
        fault("extension", error.details["why_zh"], error.details["why_en"])
    if entry.content is not None and len(msgspec.json.encode(entry.content)) > LARGEST_CONTENT:
        fault("content", "内容过长", "it is too long")


def _narrow(name: str) -> str:
    """A name without what typing adds: spaces, full-width letters and brackets."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", name))


def _judged_by(entry: Parsed, fault: Any) -> None:
    try:
        codes.rule(settings.NODE.catalogue_code_rule).check(entry.code)
    except ContentWrong as error:
        fault("code", error.details["why_zh"], error.details["why_en"])


@transaction.atomic
def _write(batch: ImportBatch, contents: list[Any], *, at: datetime) -> None:
    """All of them, or none."""
    by = Actor(**batch.by)
    for start in range(0, len(contents), CHUNK):
        part = contents[start : start + CHUNK]
        known = {
            row.code: row
            for row in Resource.objects.select_for_update().filter(code__in=[each.code for each in part])
        }
        live = {
            version.resource_id: version.content
            for version in live_versions().filter(
                resource__in=[row.pk for row in known.values() if row.draft is None]
            )
        }
        made, changed, moves = [], [], []
        for content in part:
            built = msgspec.to_builtins(content)
            resource = known.get(content.code)
            if resource is not None:
                # A sheet says nothing of the interface: that stays as it is.
                now = resource.draft or live.get(resource.pk) or {}
                built["operations"] = now.get("operations", {})
            if resource is None:
                resource = Resource(
                    code=content.code, provider=batch.organisation, node=settings.NODE.node, state=State.DRAFT
                )
                made.append(resource)
            elif (resource.draft or live.get(resource.pk)) == built:
                batch.unchanged += 1
                continue
            else:
                changed.append(resource)
            moves.append(_drafted(resource, built, batch, by=by, at=at))
            resource.draft, resource.state = built, _resting_state(resource)
            resource.due_on = resource.due_on or deadlines.due(State.DRAFT, at)
            if resource.live_version == 0:
                _show(resource, content)
        Resource.objects.bulk_create(made)
        Resource.objects.bulk_update(
            changed, ["draft", "state", "due_on", "name", "summary", "sharing_type", "update_cycle"]
        )
        Move.objects.bulk_create(moves)
        batch.drafted += len(moves)
    subject = Subject("import", str(batch.uuid))
    details = {"drafted": batch.drafted, "unchanged": batch.unchanged, "refused": batch.refused}
    record("resource.imported", by=by, at=at, subject=subject, details=details)


def _drafted(
    resource: Resource, built: dict[str, Any], batch: ImportBatch, *, by: Actor, at: datetime
) -> Move:
    return Move(
        resource=resource,
        act=Act.DRAFTED,
        was=resource.state,
        content=built,
        by_id=by.id,
        by_name=by.name,
        organisation=by.organisation,
        at=at,
        batch=str(batch.uuid),
    )

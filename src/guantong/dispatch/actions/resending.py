"""补正重送: refused rows are handed out to their own side, corrected, and sent through the same job once more."""

import csv
import hashlib
import io
import zipfile
from datetime import datetime
from pathlib import Path

import openpyxl
from django.db import transaction

from guantong.dispatch import quarantine, queries
from guantong.dispatch.actions.ordering import leave_order
from guantong.dispatch.correcting import is_here, side_of, why_not
from guantong.dispatch.errors import NotYourRows, ResendWrong, RowsElsewhere, RunOpen
from guantong.dispatch.models import Job, Run
from guantong.dispatch.permitting import demand_active, demand_unquiet
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject
from guantong.kit import durable
from guantong.pages.lists import harmless
from guantong.sharing.errors import GrantNotInForce
from guantong.sharing.models import GrantState

LARGEST = 4_000_000


@transaction.atomic
def hand_out_refused(
    run: Run, folder: Path, *, by: Actor, at: datetime
) -> tuple[list[str], list[list[str | None]]]:
    """The rows of a run that the actor's own side refused, with reasons; that they were taken is written down.

    ``folder`` is the data plane's quarantine. NotYourRows, RowsElsewhere.
    """
    job = run.job
    side = side_of(job, by.organisation)
    if side is None:
        raise NotYourRows
    if not is_here(job, side):
        raise RowsElsewhere
    names, rows = quarantine.rows(folder, job.code, run.code, side)
    details = {"run": run.code, "side": side, "rows": len(rows)}
    record("quarantine.taken", by=by, at=at, subject=Subject("job", job.code), details=details)
    return names, rows


@transaction.atomic
def resend(job: Job, raw: bytes, *, folder: Path, by: Actor, at: datetime) -> Job:
    """Send corrected rows (CSV or XLSX, columns named by item) through the job: same grant, checks, target, ledger.

    ``folder`` is ``<home>/exchange``. Only the provider's officers; NotYourRows, RowsElsewhere, ResendWrong.
    """
    job = Job.objects.select_for_update(of=("self",)).select_related("grant", "target").get(pk=job.pk)
    if side_of(job, by.organisation) != "provider":
        raise NotYourRows
    if not is_here(job, "provider"):
        raise RowsElsewhere
    demand_active(job)
    if job.grant.state != GrantState.ACTIVE or not job.grant.not_before <= at < job.grant.not_after:
        raise GrantNotInForce(grant=job.grant.code)
    demand_unquiet(job, at=at)
    why = why_not(job)
    if why:
        raise ResendWrong(why_zh=why[0], why_en=why[1])
    open_run = queries.open_run(job)
    if open_run is not None:
        raise RunOpen(job=job.code, run=open_run.code)
    names, rows = _read(raw)
    _demand_columns(job, names, rows)
    name = _lay_down(folder / "resent" / job.code, names, rows)
    job.ordered_at, job.ordered = at, {"verb": "resend", "file": name}
    job.save()
    details = {"rows": len(rows), "file": name}
    record("job.resent", by=by, at=at, subject=Subject("job", job.code), details=details)
    leave_order(job, "resend", "", file=name, by=by, at=at)
    return job


def _read(raw: bytes) -> tuple[list[str], list[list[str]]]:
    """Heading and rows of a CSV (UTF-8 or GB 18030) or XLSX file, as text."""
    if len(raw) > LARGEST:
        raise ResendWrong(
            why_zh="文件超过 4 MB，请分批上传", why_en="it is larger than 4 MB; send it in parts"
        )
    table = _sheet(raw) if raw.startswith(b"PK") else _lines(raw)
    told = [[_told(cell) for cell in line] for line in table if any(line)]
    if len(told) < 2:
        raise ResendWrong(why_zh="文件没有数据行", why_en="it has no rows")
    return [name.strip() for name in told[0]], told[1:]


def _lines(raw: bytes) -> list[list[str]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return list(csv.reader(io.StringIO(raw.decode(encoding), newline="")))
        except (UnicodeDecodeError, csv.Error):
            continue
    raise ResendWrong(why_zh="不是 CSV 文件", why_en="it is no CSV file")


def _sheet(raw: bytes) -> list[list[str]]:
    try:
        sheet = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True).worksheets[0]
        return [
            ["" if cell is None else str(cell) for cell in line] for line in sheet.iter_rows(values_only=True)
        ]
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, IndexError) as error:
        raise ResendWrong(why_zh="不是 XLSX 文件", why_en="it is no XLSX file") from error


def _told(cell: str) -> str:
    """A cell as it was before the download made it harmless."""
    return cell[1:] if cell.startswith("'") and harmless(cell[1:]) == cell else cell


def _demand_columns(job: Job, names: list[str], rows: list[list[str]]) -> None:
    said = queries.declaration_of(job)
    wanted = {*said.fields, *said.key, *([said.watermark] if said.watermark else [])}
    wanted |= {item for check in said.checks for item in check.items}
    missing = sorted(wanted - set(names))
    if missing:
        raise ResendWrong(why_zh=f"缺少列 {'、'.join(missing)}", why_en=f"it lacks {', '.join(missing)}")
    ragged = next((n for n, row in enumerate(rows, start=2) if len(row) != len(names)), None)
    if ragged:
        raise ResendWrong(
            why_zh=f"第 {ragged} 行列数不符", why_en=f"line {ragged} has another number of cells"
        )


def _lay_down(folder: Path, names: list[str], rows: list[list[str]]) -> str:
    """Leave the rows for the data plane, readable by the node alone; the file's name is their digest."""
    keep = [n for n, name in enumerate(names) if name != quarantine.REASONS]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([line[n] for n in keep] for line in (names, *rows))
    raw = buffer.getvalue().encode()
    name = f"{hashlib.sha256(raw).hexdigest()}.csv"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    durable.replace(folder / name, raw)
    return name

"""Reading an item list: every row on its own, every fault with its line and column."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from guantong.counter.errors import CodeMissing, CodeRepeated, DepartmentUnknown, ValueNotAllowed
from guantong.counter.models import ServiceItem, TaskType
from guantong.identity.models import Organisation
from guantong.kit import codes
from guantong.kit.errors import GuantongError


class Problem(NamedTuple):
    """One fault of an imported file; the heading is line 1."""

    line: int
    column: str
    code: str
    zh: str
    en: str


@dataclass
class ImportReport:
    """What became of a file: how many rows went in, and every fault."""

    accepted: int = 0
    problems: list[Problem] = field(default_factory=list)


class _Fault(Exception):
    """A refusal and the column that it is about."""

    def __init__(self, column: str, error: GuantongError) -> None:
        super().__init__(column)
        self.column = column
        self.error = error


def read_items(rows: Iterable[Mapping[str, str]]) -> tuple[list[ServiceItem], ImportReport]:
    """The items of the rows that are right (not saved), and the report.

    Columns: department, main_item, name, item_code, area_code, task_type.
    """
    departments = {(each.division[:6], each.name): each for each in Organisation.objects.all()}
    report, items, seen = ImportReport(), [], dict[str, int]()
    for line, row in enumerate(rows, start=2):
        try:
            items.append(
                _item({name: (value or "").strip() for name, value in row.items() if name}, departments, seen)
            )
        except _Fault as fault:
            error = fault.error
            problem = Problem(line, fault.column, error.code, error.sentence("zh"), error.sentence("en"))
            report.problems.append(problem)
        else:
            seen[items[-1].code] = line
            report.accepted += 1
    return items, report


def _item(
    row: Mapping[str, str], departments: Mapping[tuple[str, str], Organisation], seen: Mapping[str, int]
) -> ServiceItem:
    code, name = row.get("item_code", ""), row.get("name", "")
    if not code:
        raise _Fault("item_code", CodeMissing())
    if code in seen:
        raise _Fault("item_code", CodeRepeated(line=seen[code]))
    if len(code) > 64 or not code.isascii():
        raise _Fault("item_code", ValueNotAllowed(value=code, column_zh="事项编码", column_en="item code"))
    if not name or len(name) > 200:
        raise _Fault("name", ValueNotAllowed(value=name[:20], column_zh="事项名称", column_en="item name"))
    task_type = row.get("task_type", "").zfill(2)
    if task_type not in TaskType.values:
        raise _Fault(
            "task_type", ValueNotAllowed(value=task_type, column_zh="事项类型", column_en="task type")
        )
    try:
        division = codes.division_code(row.get("area_code", ""))
    except codes.CodeError as error:
        raise _Fault("area_code", error) from error
    department = departments.get((division[:6], row.get("department", "")))
    if department is None:
        raise _Fault("department", DepartmentUnknown(department=row.get("department", "")))
    return ServiceItem(
        code=code,
        name=name,
        main_item=row.get("main_item", "")[:200],
        department=department,
        task_type=task_type,
        division=division,
    )

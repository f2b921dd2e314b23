"""扩展项: fields that this node's entries have besides the guide's, declared and retired; nothing said in them is lost."""

import re
from datetime import datetime

from django.db import IntegrityError, transaction

from guantong.catalog.errors import ContentWrong
from guantong.catalog.models import ExtensionField
from guantong.journal.actions import record
from guantong.journal.types import Actor, Subject

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LABEL = re.compile(r"[^\x00-\x1f\x7f]{1,80}")


def declare_field(
    name: str,
    *,
    label: str,
    kind: str,
    choices: list[str] | None = None,
    is_required: bool = False,
    by: Actor,
    at: datetime,
) -> ExtensionField:
    """A new field, or one that had been retired, with its type; choices are needed for a choice alone."""
    if not _NAME.fullmatch(name) or not _LABEL.fullmatch(label) or kind not in ExtensionField.Kind.values:
        raise ContentWrong(
            field="extension",
            why_zh="英文名应由小写字母、数字、下划线组成，并须写明名称和类型",
            why_en="a word of small letters, digits and underscores, a name and a type are wanted",
        )
    if bool(choices) != (kind == "choice"):
        raise ContentWrong(
            field="extension",
            why_zh="类型为“选项”时须列出选项，其他类型不得列出",
            why_en="choices belong to the type “choice”, and to no other",
        )
    values = {
        "label": label,
        "kind": kind,
        "choices": choices or [],
        "is_required": is_required,
        "is_retired": False,
    }
    try:
        with transaction.atomic():
            made, _ = ExtensionField.objects.update_or_create(name=name, defaults=values)
            record("field.declared", by=by, at=at, subject=Subject("field", name), details={"kind": kind})
    except IntegrityError:
        raise ContentWrong(
            field="extension",
            why_zh=f"已有名为「{label}」的扩展项",
            why_en=f"a field is called {label} already",
        ) from None
    return made


@transaction.atomic
def retire_field(name: str, *, by: Actor, at: datetime) -> None:
    """No new draft says anything in the field; what was published keeps what it says."""
    ExtensionField.objects.filter(name=name).update(is_retired=True)
    record("field.retired", by=by, at=at, subject=Subject("field", name))

"""报告: what somebody says is wrong, what it must hold, and who may say it. Nothing is written here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from guantong.catalog.models import Resource
from guantong.identity.queries import holds
from guantong.journal.models import Receipt
from guantong.journal.types import Actor
from guantong.sharing.errors import CorrectionIncomplete, FieldNotInResource, NotYoursToCorrect
from guantong.sharing.models import Paper
from guantong.sharing.voices.queries import consumers_of
from guantong.sharing.voices.types import CorrectionKind

ABOUT_VALUES = {"authorisation", "use", "content"}
"""Kinds that only who uses the data, or whom they are about, can know of."""


@dataclass(frozen=True)
class Report:
    """What somebody says is wrong. ``key`` names the row and is not kept; ``subjects`` are a citizen's pseudonyms."""

    kind: CorrectionKind
    resource: str
    words: str
    item: str = ""
    grant: str = ""
    call: str = ""
    key: str = ""
    case: str = ""
    subjects: Sequence[str] = ()


def demand_complete(report: Report, paper: Paper | None) -> None:
    """What a report of its kind must hold; CorrectionIncomplete names all that lacks."""
    is_about_a_value = report.kind == "content"
    lacks = [
        (report.kind not in get_args(CorrectionKind), "校核类型", "the kind"),
        (not report.words.strip(), "问题说明", "what is wrong"),
        (is_about_a_value and not report.item, "信息项", "the item"),
        (is_about_a_value and not (report.key.strip() or report.call.strip()), "主键或调用编号", "the row's key or the call"),
        (is_about_a_value and paper is None, "证明材料", "the proof"),
    ]  # fmt: skip
    missing = [(zh, en) for lacking, zh, en in lacks if lacking]
    if missing:
        raise CorrectionIncomplete(
            missing_zh="、".join(zh for zh, _ in missing), missing_en=", ".join(en for _, en in missing)
        )


def demand_item(item: str, resource: Resource) -> None:
    """The item is one of the entry's; FieldNotInResource."""
    content = resource.live
    if item and (content is None or item not in {each.name for each in content.items}):
        raise FieldNotInResource(fields=item)


def demand_standing(report: Report, by: Actor) -> None:
    """Whoever reports must use the data, or be whom they are about; entries anybody who works with them may report."""
    if holds(by, "correction:file"):
        if report.kind in ABOUT_VALUES and not uses(by.organisation, report.resource):
            raise NotYoursToCorrect
        return
    # Receipts of look-ups under the citizen's own pseudonyms; the page computes them from the number they signed in with.
    is_own = Receipt.objects.filter(subject__in=report.subjects, resource=report.resource).exists()
    if not holds(by, "correction:own") or report.kind != "content" or not is_own:
        raise NotYoursToCorrect


def uses(consumer: str, resource: str) -> bool:
    """Whether a department has a grant on an entry."""
    return bool(consumer) and consumers_of(resource, "").filter(consumer=consumer).exists()

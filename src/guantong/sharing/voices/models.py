"""Corrections and disputes. The same record stands at every node concerned; ``uuid`` names it at all of them."""

import uuid
from datetime import date

from django.db import models
from django.utils import timezone

from guantong.kit import clock


def _is_past(day: date | None) -> bool:
    return day is not None and day < timezone.localdate(clock.now())


class CorrectionState(models.TextChoices):
    """Where a correction stands."""

    WAITING = "waiting", "待核实"
    RETURNED = "returned", "待补充"
    CORRECTED = "corrected", "已更正"
    REJECTED = "rejected", "未采纳"
    CLOSED = "closed", "已评价"
    WITHDRAWN = "withdrawn", "已撤回"


RUNNING = (CorrectionState.WAITING, CorrectionState.RETURNED)
"""States in which the value is under question: who has valid proof is served all the same."""
ANSWERED = (CorrectionState.CORRECTED, CorrectionState.REJECTED)


class Correction(models.Model):
    """校核: somebody says that a value, an entry, a grant or a use is wrong; whoever provides it answers.

    Neither the value nor whose it is stands here: the row is named by the tail of its key and by a slow digest
    (:func:`guantong.sharing.voices.naming.key_digest`), and by the call that brought it. The scan of the proof stays
    at the asker's node; its number and digest travel.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    number = models.CharField("校核编号", max_length=40, unique=True)
    kind = models.CharField("校核类型", max_length=16)
    resource = models.CharField("资源代码", max_length=64, db_index=True)
    resource_name = models.CharField(max_length=200)
    item = models.CharField("信息项", max_length=64, blank=True)
    grant = models.CharField("授权编号", max_length=64, blank=True)
    call = models.CharField("调用编号", max_length=64, blank=True)
    key_tail = models.CharField("主键末四位", max_length=4, blank=True)
    key_digest = models.CharField(max_length=80, blank=True)
    words = models.CharField("问题说明", max_length=400)
    proof_number = models.CharField("证明文号", max_length=80, blank=True)
    proof_digest = models.CharField(max_length=80, blank=True)
    paper = models.ForeignKey("sharing.Paper", null=True, on_delete=models.PROTECT, related_name="+")
    """The scan, at the asker's node only."""
    case = models.CharField("办件编号", max_length=40, blank=True, db_index=True)
    """At the asker's node only."""
    asker = models.CharField("提出方", max_length=40, blank=True, db_index=True)
    """An organisation's code; empty where a citizen asks about their own data."""
    asker_name = models.CharField(max_length=120)
    asker_node = models.CharField(max_length=6)
    asked_by_id = models.CharField(max_length=64, blank=True, db_index=True)
    """The public identifier of the person, at the asker's node only."""
    provider = models.CharField("提供方", max_length=40, db_index=True)
    provider_name = models.CharField(max_length=120)
    provider_node = models.CharField(max_length=6)
    state = models.CharField(
        max_length=12, choices=CorrectionState, default=CorrectionState.WAITING, db_index=True
    )
    filed_at = models.DateTimeField()
    due_on = models.DateField("应答复日", null=True, db_index=True)
    returned_at = models.DateTimeField(null=True)
    missing = models.CharField("需补充", max_length=400, blank=True)
    added = models.CharField("补充说明", max_length=400, blank=True)
    answer = models.CharField("答复", max_length=400, blank=True)
    answered_by = models.CharField(max_length=120, blank=True)
    answered_at = models.DateTimeField(null=True)
    is_satisfied = models.BooleanField("满意", null=True)
    judged_with = models.CharField("评价", max_length=400, blank=True)
    judged_at = models.DateTimeField(null=True)
    reopened_at = models.DateTimeField("重新核实", null=True)
    reopened_because = models.CharField(max_length=400, blank=True)
    reminded_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField("逾期上报时间", null=True)

    class Meta:
        app_label = "sharing"
        verbose_name = "校核"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["provider", "due_on"], condition=models.Q(state="waiting"), name="correction_waiting"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_running(self) -> bool:
        """Whether nobody has answered yet."""
        return self.state in RUNNING

    @property
    def is_late(self) -> bool:
        """Whether it should have been answered before today."""
        return self.state == CorrectionState.WAITING and _is_past(self.due_on)


class DisputeStage(models.TextChoices):
    """With whom a dispute lies: the parties themselves, the bureau of the provider's node, the common superior."""

    TALK = "talk", "协商"
    AUTHORITY = "authority", "同级主管部门"
    SUPERIOR = "superior", "共同上级"


class DisputeState(models.TextChoices):
    """Where a dispute stands."""

    OPEN = "open", "处理中"
    SETTLED = "settled", "协商一致"
    RULED = "ruled", "已裁定"
    CARRIED_OUT = "carried_out", "已执行"
    WITHDRAWN = "withdrawn", "已撤回"


class Dispute(models.Model):
    """争议: an asker does not accept an answer. Talk first, then the bureau of the provider's node, then the lowest
    node above both. A decision for the asker has the matter opened again: the provider must carry it out.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    number = models.CharField("争议编号", max_length=40, unique=True)
    about = models.CharField(max_length=12)
    """``request``, ``narrowing`` (a request that was granted less than asked) or ``correction``."""
    about_uuid = models.UUIDField(db_index=True)
    about_number = models.CharField(max_length=40)
    answer = models.CharField("争议的答复", max_length=4000)
    """What was answered, in the provider's words, as the one who decides must read it."""
    resource = models.CharField("资源代码", max_length=64)
    resource_name = models.CharField(max_length=200)
    asker = models.CharField("申请方", max_length=40, db_index=True)
    asker_name = models.CharField(max_length=120)
    asker_node = models.CharField(max_length=6)
    provider = models.CharField("提供方", max_length=40, db_index=True)
    provider_name = models.CharField(max_length=120)
    provider_node = models.CharField(max_length=6)
    superior_node = models.CharField("共同上级", max_length=6, blank=True)
    stage = models.CharField(max_length=12, choices=DisputeStage, default=DisputeStage.TALK)
    state = models.CharField(max_length=12, choices=DisputeState, default=DisputeState.OPEN, db_index=True)
    raised_at = models.DateTimeField()
    stage_at = models.DateTimeField()
    due_on = models.DateField("本阶段期限", null=True, db_index=True)
    ruling = models.CharField("裁定", max_length=12, blank=True)
    """``asker`` or ``provider``: who was held to be right, by the last decision."""
    ruled_with = models.CharField("裁定理由", max_length=4000, blank=True)
    ruled_by = models.CharField(max_length=120, blank=True)
    ruled_node = models.CharField(max_length=6, blank=True)
    ruled_at = models.DateTimeField(null=True)
    carry_due_on = models.DateField("应执行日", null=True)
    carried_out_at = models.DateTimeField("执行时间", null=True)
    carried_out_with = models.CharField(max_length=400, blank=True)
    escalated_at = models.DateTimeField("逾期上报时间", null=True)

    class Meta:
        app_label = "sharing"
        verbose_name = "争议"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.number

    @property
    def is_late(self) -> bool:
        """Whether whoever has it now should have acted before today."""
        if self.state == DisputeState.OPEN:
            return _is_past(self.due_on)
        return self.state == DisputeState.RULED and self.ruling == "asker" and _is_past(self.carry_due_on)


class Statement(models.Model):
    """陈述: what one side, or whoever decides, has said; the same words on all sides, in one order of time."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    dispute = models.ForeignKey(Dispute, on_delete=models.CASCADE, related_name="statements")
    side = models.CharField(max_length=12)
    """``asker``, ``provider``, ``authority`` or ``superior``."""
    act = models.CharField(max_length=12)
    """``raised``, ``said``, ``conceded``, ``settled``, ``taken_up``, ``ruled``, ``carried_out`` or ``withdrawn``."""
    organisation_name = models.CharField(max_length=120)
    person = models.CharField(max_length=120)
    words = models.CharField(max_length=4000)
    paper_number = models.CharField("文号", max_length=80, blank=True)
    paper_digest = models.CharField(max_length=80, blank=True)
    paper = models.ForeignKey("sharing.Paper", null=True, on_delete=models.PROTECT, related_name="+")
    """The scan, at the node of who handed it in only."""
    at = models.DateTimeField()

    class Meta:
        app_label = "sharing"
        verbose_name = "陈述"
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.dispute_id}/{self.side}"

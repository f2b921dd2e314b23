"""Needs, what became of each, and the data that service items make."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from guantong.identity.models import Organisation


class Need(models.Model):
    """需求: data that a department needs for its work; met by an entry, or sent to whoever the law names.

    ``resource_code`` is the entry that the service item itself names; ``not_these`` are entries that the department
    has said do not fit; ``provider`` who has to provide or to answer, until ``due_on``.
    """

    class State(models.TextChoices):
        """How far the need has come."""

        OPEN = "open", "待匹配"
        MATCHED = "matched", "待确认"
        MET = "met", "已满足"
        BARRED = "barred", "依法不予共享"
        ROUTED = "routed", "已交办"
        PROMISED = "promised", "已承诺"
        DECLINED = "declined", "已答复不掌握"
        DROPPED = "dropped", "已撤回"

    WAITING: ClassVar = (State.OPEN, State.MATCHED, State.ROUTED, State.PROMISED, State.DECLINED)

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="needs")
    wanted = models.CharField("所需数据", max_length=200)
    service_item = models.CharField("业务事项", max_length=200)
    item_code = models.CharField("事项编码", max_length=64, blank=True, db_index=True)
    law = models.CharField("依据", max_length=400, blank=True)
    element = models.CharField("数据元", max_length=64, blank=True)
    resource_code = models.CharField(max_length=64, blank=True)
    items = models.JSONField("所需信息项", default=list)
    """The items that the service item's flow reads of the entry it names; empty where nothing says so."""
    mode = models.CharField("使用方式", max_length=12, blank=True)
    """How that flow asks: query or verify."""
    state = models.CharField(max_length=8, choices=State, default=State.OPEN, db_index=True)
    resource = models.ForeignKey("catalog.Resource", on_delete=models.SET_NULL, null=True)
    provider = models.ForeignKey(Organisation, on_delete=models.PROTECT, null=True, related_name="duties")
    sent_because = models.CharField("交办依据", max_length=400, blank=True)
    suggested = models.ForeignKey(Organisation, on_delete=models.PROTECT, null=True, related_name="+")
    answer = models.TextField("答复", blank=True)
    not_these = models.JSONField(default=list)
    due_on = models.DateField("应办结日", null=True, db_index=True)
    escalated_at = models.DateTimeField("升级时间", null=True)
    stated_by = models.CharField(max_length=120)
    stated_at = models.DateTimeField()

    class Meta:
        verbose_name = "需求"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "service_item", "wanted"], name="need_once")
        ]

    def __str__(self) -> str:
        return self.wanted

    @property
    def is_late(self) -> bool:
        """Whether whoever has to act should have done so before today."""
        return self.due_on is not None and self.due_on < timezone.localdate()


class NeedMove(models.Model):
    """需求经过: one step of a need, never changed. ``act`` is a word of the table ``need-move``."""

    need = models.ForeignKey(Need, on_delete=models.CASCADE, related_name="moves")
    act = models.CharField(max_length=12)
    note = models.TextField(blank=True)
    by_name = models.CharField(max_length=120)
    organisation = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = "需求经过"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.need_id} {self.act}"


class Yield(models.Model):
    """产出数据: data that a service item makes, and the entry that has it; None while nobody has catalogued it."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="yields")
    item_code = models.CharField("事项编码", max_length=64, db_index=True)
    service_item = models.CharField("业务事项", max_length=200)
    name = models.CharField("产出数据", max_length=200)
    element = models.CharField("数据元", max_length=64, blank=True)
    resource = models.ForeignKey("catalog.Resource", on_delete=models.SET_NULL, null=True)
    due_on = models.DateField("应编目日", null=True)
    stated_at = models.DateTimeField()

    class Meta:
        verbose_name = "产出数据"
        ordering = ["organisation__name", "service_item", "name"]
        constraints = [models.UniqueConstraint(fields=["item_code", "name"], name="yield_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_late(self) -> bool:
        """Whether it should have been catalogued before today."""
        return self.resource_id is None and self.due_on is not None and self.due_on < timezone.localdate()


class ReadingPosition(models.Model):
    """How far a duty of the worker has read the numbered versions; 0 begins anew."""

    duty = models.CharField(max_length=20, unique=True)
    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.duty}@{self.position}"

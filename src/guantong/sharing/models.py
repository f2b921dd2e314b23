"""Requests, their steps, and grants."""

import uuid

from django.db import models


class RequestState(models.TextChoices):
    """Where a request stands."""

    WAITING = "waiting", "审批中"
    GRANTED = "granted", "已授权"
    REFUSED = "refused", "未同意"


class Request(models.Model):
    """申请: one department asks for items of one resource, for one purpose.

    The same record stands at the consumer's node and at the provider's; ``uuid`` names it at both. Parties are
    kept by code, since either may belong to another node.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    number = models.CharField("申请编号", max_length=40, unique=True)
    resource = models.CharField("资源代码", max_length=64, db_index=True)
    resource_name = models.CharField("资源名称", max_length=200)
    consumer = models.CharField("申请方", max_length=40, db_index=True)
    consumer_name = models.CharField(max_length=120)
    consumer_node = models.CharField(max_length=6)
    provider = models.CharField("提供方", max_length=40, db_index=True)
    provider_name = models.CharField(max_length=120)
    provider_node = models.CharField(max_length=6)
    applications = models.JSONField("调用应用")
    """The applications that will call: [{code, name, public_key, clearance}]."""
    fields = models.JSONField("信息项")
    modes = models.JSONField("方式")
    purpose = models.CharField("用途（事项编码）", max_length=120)
    purpose_text = models.CharField("用途说明", max_length=400)
    legal_basis = models.CharField("法律依据", max_length=400)
    per_day = models.IntegerField("每日上限", default=10_000)
    per_second = models.IntegerField("每秒上限", default=50)
    days = models.IntegerField("期限（天）", default=365)
    pledge = models.CharField("承诺书摘要", max_length=80)
    pledged_by = models.CharField(max_length=120)
    state = models.CharField(max_length=12, choices=RequestState, default=RequestState.WAITING, db_index=True)
    filed_at = models.DateTimeField()
    filed_by = models.CharField(max_length=120)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "申请"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.number


class NumberSeries(models.Model):
    """编号: the last number given under a prefix; its row is locked while a number is taken."""

    prefix = models.CharField(max_length=24, unique=True)
    last = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.prefix}{self.last:04d}"


class Step(models.Model):
    """审批环节: one decision that a request needs, in order; ``decider`` is an organisation's code."""

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="steps")
    position = models.IntegerField()
    kind = models.CharField(max_length=16)
    """``provider`` or ``bureau``."""
    decider = models.CharField(max_length=40, db_index=True)
    decider_name = models.CharField(max_length=120)
    decision = models.CharField(max_length=12, blank=True)
    """Empty while it waits, then ``approved`` or ``refused``."""
    reason = models.TextField(blank=True)
    decided_by = models.CharField(max_length=120, blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "审批环节"
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["request", "position"], name="step_once")]

    def __str__(self) -> str:
        return f"{self.request_id}/{self.position}"


class GrantState(models.TextChoices):
    """Whether a grant is in force (its dates apart)."""

    ACTIVE = "active", "有效"
    REVOKED = "revoked", "已撤销"


class Grant(models.Model):
    """授权: which application may use which fields of which resource, for which purpose, how much, until when.

    Issued by the provider's node and copied to every node on the route. ``terms`` is everything the data plane
    needs, signed by the issuer in the message that brought it: the consumer, its applications, the resource as
    granted, fields, masks, limits, dates.
    """

    code = models.CharField("授权编号", max_length=64, unique=True)
    request = models.UUIDField(null=True)
    resource = models.CharField("资源代码", max_length=64, db_index=True)
    consumer = models.CharField("使用方", max_length=40, db_index=True)
    provider = models.CharField("提供方", max_length=40, db_index=True, default="")
    provider_node = models.CharField(max_length=6)
    consumer_node = models.CharField(max_length=6)
    purpose = models.CharField("用途", max_length=120, db_index=True)
    terms = models.JSONField()
    state = models.CharField(max_length=12, choices=GrantState, default=GrantState.ACTIVE, db_index=True)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    issued_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_because = models.TextField(blank=True)

    class Meta:
        verbose_name = "授权"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.code

"""Requests, their steps, the papers that prove them, and grants."""

import uuid

from django.db import models
from django.utils import timezone

from guantong.kit import clock
from guantong.sharing.voices.models import (
    Correction,
    CorrectionState,
    Dispute,
    DisputeStage,
    DisputeState,
    Statement,
)
from guantong.workflow.models import FlowVersion


class RequestState(models.TextChoices):
    """Where a request stands."""

    WAITING = "waiting", "审批中"
    RETURNED = "returned", "待补正"
    GRANTED = "granted", "已授权"
    REFUSED = "refused", "未同意"
    WITHDRAWN = "withdrawn", "已撤回"


OPEN = (RequestState.WAITING, RequestState.RETURNED)
"""States from which a request can still become a grant."""


class Paper(models.Model):
    """纸质件: the scan of a signed paper, registered with its number; the record that results is the same as online."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    number = models.CharField("文号", max_length=80)
    signed_by = models.CharField("签署人", max_length=120)
    signed_on = models.DateField("签署日期")
    file_name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=40)
    content = models.BinaryField()
    digest = models.CharField("摘要", max_length=80)
    organisation = models.CharField("所属机构", max_length=40, db_index=True)
    registered_by = models.CharField("登记人", max_length=120)
    registered_at = models.DateTimeField()

    class Meta:
        verbose_name = "纸质件"

    def __str__(self) -> str:
        return self.number


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
    pledge_statement = models.TextField("承诺书", blank=True)
    """The pledge, signed by the consumer and its node; ``pledge`` is its digest."""
    pledged_by = models.CharField(max_length=120)
    particulars = models.JSONField("申请单其余各项", default=dict)
    """What the national platform's form asks besides; see :class:`guantong.sharing.types.Particulars`."""
    batch = models.UUIDField("同批申请", null=True, db_index=True)
    """Requests that were filed together, each with a way of its own."""
    renews = models.CharField("续期的授权", max_length=64, blank=True, db_index=True)
    """The grant that it asks to prolong; empty: it asks for a new one."""
    narrowing = models.JSONField("审批时的缩减", default=dict)
    """What approvers have left of it; see :class:`guantong.sharing.types.Narrowing`."""
    flow = models.ForeignKey(FlowVersion, null=True, on_delete=models.PROTECT)
    run = models.JSONField("流程进度", null=True)
    """Where the request stands in ``flow``, at the node that decides now."""
    missing = models.TextField("补正内容", blank=True)
    returned_at = models.DateTimeField("退回补正时间", null=True)
    paper = models.ForeignKey(Paper, null=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=12, choices=RequestState, default=RequestState.WAITING, db_index=True)
    filed_at = models.DateTimeField()
    filed_by = models.CharField(max_length=120)
    filed_by_id = models.CharField(max_length=64, blank=True)
    """The public identifier of who filed it, at their own node: nobody approves their own."""
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
    """审批环节: one decision that a request needs, in order; ``decider`` is an organisation's code.

    Days are working days of the node's calendar; ``due_on`` is the last by which the decision should be there.
    """

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="steps")
    position = models.IntegerField()
    kind = models.CharField(max_length=16)
    """Whose decision it is; see :data:`guantong.sharing.types.Role`."""
    task = models.CharField(max_length=80, blank=True)
    """The user task of the flow; empty for what another node has told."""
    decider = models.CharField(max_length=40, db_index=True)
    decider_name = models.CharField(max_length=120)
    decision = models.CharField(max_length=12, blank=True)
    """Empty while it waits, then ``approved`` or ``refused``."""
    ground = models.CharField("理由", max_length=40, blank=True)
    """Of a refusal: a code of :data:`guantong.sharing.grounds.GROUNDS`."""
    reason = models.TextField(blank=True)
    decided_by = models.CharField(max_length=120, blank=True)
    decided_at = models.DateTimeField(null=True)
    paper_number = models.CharField("文号", max_length=80, blank=True)
    paper_digest = models.CharField(max_length=80, blank=True)
    opened_at = models.DateTimeField(null=True)
    due_on = models.DateField("应办结日", null=True, db_index=True)
    extended_because = models.TextField("延期理由", blank=True)
    reminded_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField("逾期上报时间", null=True)
    urged_at = models.DateTimeField("督办时间", null=True)
    urged_with = models.TextField("督办意见", blank=True)

    class Meta:
        verbose_name = "审批环节"
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["request", "position"], name="step_once")]
        indexes = [
            # The to-do page and the navigation of every page ask what waits for an organisation.
            models.Index(fields=["decider", "due_on"], condition=models.Q(decision=""), name="step_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.request_id}/{self.position}"

    @property
    def is_late(self) -> bool:
        """Whether it should have been decided before today."""
        return not self.decision and self.due_on is not None and self.due_on < timezone.localdate(clock.now())


class GrantState(models.TextChoices):
    """Whether a grant is in force (its dates apart)."""

    ACTIVE = "active", "有效"
    SUSPENDED = "suspended", "已暂停"
    REVOKED = "revoked", "已撤销"
    ENDED = "ended", "已终止"
    """Given back by the consumer, or its purpose is fulfilled."""


OVER = (GrantState.REVOKED, GrantState.ENDED)
"""States from which a grant never comes back."""


class Grant(models.Model):
    """授权: which application may use which fields of which resource, for which purpose, how much, until when.

    Issued by the provider's node and copied to every node on the route. ``terms`` is everything the data plane
    needs, signed by the issuer in the message that brought it: the consumer, its applications, the resource as
    granted, fields, masks, limits, dates. Every change has the next ``revision``, which only the provider's node gives.
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
    revision = models.IntegerField("变更序号", default=0)
    issued_digest = models.CharField(max_length=80, blank=True)
    """Of ``terms`` as they were issued: a repeat of the first message is known by it after changes."""
    graced_from = models.DateTimeField("宽限前的截止时间", null=True)
    """At the provider's node: when it would have ended, had its renewal not been waiting."""
    sids = models.JSONField("服务标识", default=list)
    """At the consumer's node: what the national platform's convention calls what it opens."""

    class Meta:
        verbose_name = "授权"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.code

    @property
    def is_over(self) -> bool:
        """Whether it has been revoked or has ended; its dates apart."""
        return self.state in OVER


class Agreement(models.Model):
    """共享协议: what both sides signed for a grant: a statement, and the document that people read.

    Both nodes keep the same bytes. ``digest`` is that of the statement and stands in the grant's terms.
    """

    grant = models.CharField("授权编号", max_length=64, db_index=True)
    digest = models.CharField("摘要", max_length=80, unique=True)
    statement = models.BinaryField()
    document = models.BinaryField()
    at = models.DateTimeField()
    papers = models.ManyToManyField(Paper, related_name="+")
    """Copies signed on paper, registered at this node."""

    class Meta:
        verbose_name = "共享协议"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.digest


class GrantChange(models.Model):
    """授权变更: one change of a grant, as its provider's node told it."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="changes")
    revision = models.IntegerField()
    act = models.CharField(max_length=16)
    """See :data:`guantong.sharing.types.GrantAct`."""
    state = models.CharField(max_length=12, choices=GrantState)
    reason = models.TextField("理由", blank=True)
    said_by = models.CharField("操作人", max_length=120)
    said_at = models.DateTimeField()
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    """The terms that changed, and what they became."""

    class Meta:
        verbose_name = "授权变更"
        ordering = ["revision"]
        constraints = [models.UniqueConstraint(fields=["grant", "revision"], name="grant_change_once")]

    def __str__(self) -> str:
        return f"{self.grant_id}/{self.revision}"


class FiledOnce(models.Model):
    """一次提交: what a program filed under a key of its own choice, so that a repeat files nothing more."""

    application = models.CharField("应用标识", max_length=64)
    key = models.UUIDField("提交标识")
    digest = models.CharField("内容摘要", max_length=80)
    requests = models.JSONField("形成的申请", default=list)
    at = models.DateTimeField()

    class Meta:
        verbose_name = "一次提交"
        constraints = [models.UniqueConstraint(fields=["application", "key"], name="filed_once")]

    def __str__(self) -> str:
        return f"{self.application} {self.key}"


class SeenSignature(models.Model):
    """已用签名: a signature that was used, kept while it could still be fresh; for all processes of the node."""

    keyid = models.CharField(max_length=64)
    nonce = models.CharField(max_length=64)
    at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = "已用签名"
        constraints = [models.UniqueConstraint(fields=["keyid", "nonce"], name="signature_used_once")]

    def __str__(self) -> str:
        return f"{self.keyid} {self.nonce}"


__all__ = [
    "OPEN",
    "OVER",
    "Agreement",
    "Correction",
    "CorrectionState",
    "Dispute",
    "DisputeStage",
    "DisputeState",
    "FiledOnce",
    "Grant",
    "GrantChange",
    "GrantState",
    "NumberSeries",
    "Paper",
    "Request",
    "RequestState",
    "SeenSignature",
    "Statement",
    "Step",
]

"""Service items, cases, what was looked up for them, and certificates."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guantong.identity.models import Organisation
from guantong.workflow.models import FlowVersion


class TaskType(models.TextChoices):
    """事项类型: the two-digit types that the programme prescribes."""

    LICENCE = "01", _("administrative licence")
    PENALTY = "02", _("administrative penalty")
    COERCION = "03", _("administrative coercion")
    LEVY = "04", _("administrative levy")
    PAYMENT = "05", _("administrative payment")
    INSPECTION = "06", _("administrative inspection")
    CONFIRMATION = "07", _("administrative confirmation")
    REWARD = "08", _("administrative reward")
    RULING = "09", _("administrative ruling")
    OTHER = "10", _("other administrative power")
    SERVICE = "20", _("public service")


class ServiceItem(models.Model):
    """事项: what a department does for people. ``flow`` names the flow that handles it here, if any."""

    code = models.CharField("事项编码", max_length=64, unique=True)
    name = models.CharField("事项名称", max_length=200)
    main_item = models.CharField("主项", max_length=200, blank=True)
    department = models.ForeignKey(Organisation, on_delete=models.PROTECT, verbose_name="实施部门")
    task_type = models.CharField("事项类型", max_length=2, choices=TaskType)
    division = models.CharField("行政区划", max_length=12)
    materials = models.JSONField("申请材料", default=list)
    """[{name, obtained_from: a resource code or null, law}]"""
    flow = models.CharField("办理流程", max_length=80, blank=True)
    certificate_name = models.CharField("结果证照", max_length=120, blank=True)

    class Meta:
        verbose_name = "事项"
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class CaseState(models.TextChoices):
    """Where a case stands."""

    RUNNING = "running", pgettext_lazy("case", "in progress")
    WAITING = "waiting", pgettext_lazy("case", "waiting")
    ADMITTED = "admitted", pgettext_lazy("case", "admitted")
    REFUSED = "refused", pgettext_lazy("case", "refused")
    WITHDRAWN = "withdrawn", pgettext_lazy("case", "withdrawn")


OPEN_STATES = (CaseState.RUNNING, CaseState.WAITING)


class Case(models.Model):
    """办件: one form taken in, on its way through the flow version that stood at that moment."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    number = models.CharField("办件编号", max_length=40, unique=True)
    item = models.ForeignKey(ServiceItem, on_delete=models.PROTECT, verbose_name="事项")
    form = models.JSONField("表单")
    applicant_name = models.CharField("申请人", max_length=80, db_index=True)
    holder_name = models.CharField("办理对象", max_length=80)
    """The person whom the result is for; the certificate names them."""
    state = models.CharField(
        "状态", max_length=12, choices=CaseState, default=CaseState.RUNNING, db_index=True
    )
    flow = models.ForeignKey(FlowVersion, on_delete=models.PROTECT)
    flow_state = models.JSONField()
    waiting_for = models.JSONField(default=dict)
    """{code, zh, en}: why the case waits; empty unless its state is waiting."""
    reason = models.CharField("理由", max_length=80, blank=True)
    taken_in_by = models.CharField("受理人", max_length=120)
    taken_at = models.DateTimeField("受理时间")
    decided_at = models.DateTimeField("办结时间", null=True)

    class Meta:
        verbose_name = "办件"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.number


class Party(models.Model):
    """当事人: one person on a case, found by a keyed digest of the resident ID and never by the ID itself."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="parties")
    input = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, db_index=True)

    class Meta:
        verbose_name = "当事人"
        constraints = [models.UniqueConstraint(fields=["case", "input"], name="party_once")]

    def __str__(self) -> str:
        return f"{self.case_id}/{self.input}"


class LookupState(models.TextChoices):
    """Where one look-up stands."""

    PENDING = "pending", pgettext_lazy("look-up", "to be asked")
    WAITING = "waiting", pgettext_lazy("look-up", "waiting to be asked again")
    ANSWERED = "answered", pgettext_lazy("look-up", "answered")
    REFUSED = "refused", pgettext_lazy("look-up", "turned away")


class Lookup(models.Model):
    """查询核验: one question to another department for one step of a case, and its proof.

    Whoever has set ``claimed_until`` asks; a claim that runs out may be taken by anybody, and the question
    keeps its ``trace``, so asking again is the same call.
    """

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="lookups")
    step = models.CharField(max_length=80)
    name = models.CharField(max_length=120)
    resource = models.CharField("资源", max_length=64)
    mode = models.CharField("方式", max_length=8)
    trace = models.UUIDField("追踪编号")
    """The same for every attempt; every receipt on the way carries it."""
    call = models.CharField("调用编号", max_length=64, blank=True)
    """The gateway's number of the last attempt that it heard."""
    state = models.CharField(max_length=12, choices=LookupState, default=LookupState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_index=True)
    claimed_until = models.DateTimeField(null=True)
    error = models.JSONField(default=dict)
    """{code, zh, en, status} of the last attempt that brought no answer."""
    asked_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    answer = models.JSONField(null=True)
    salt = models.CharField(max_length=64, blank=True)
    """With the answer it gives the digest that the receipt names."""
    receipt = models.JSONField(null=True)
    """The provider's node's signed receipt; of a refusal, the receipt of the refusing node."""
    countersign = models.JSONField(null=True)
    """This node's signed receipt of what it received."""
    hops = models.JSONField(default=list)

    class Meta:
        verbose_name = "查询核验"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["case", "step"], name="lookup_once")]

    def __str__(self) -> str:
        return f"{self.case_id}/{self.step}"


class CertificateState(models.TextChoices):
    """证照状态 (GB/T 36903)."""

    VALID = "valid", pgettext_lazy("certificate", "valid")
    REVOKED = "revoked", pgettext_lazy("certificate", "revoked")


class Certificate(models.Model):
    """电子证照: the result of a case, signed by the node. One case has at most one."""

    identifier = models.CharField("证照标识", max_length=100, unique=True)
    case = models.OneToOneField(Case, on_delete=models.PROTECT, related_name="certificate")
    name = models.CharField("证照名称", max_length=120)
    holder = models.CharField("持有人", max_length=80)
    content = models.JSONField("证照内容")
    raw = models.BinaryField()
    """The signed bytes: an envelope of kind guantong/certificate@v1 over ``content``."""
    state = models.CharField(max_length=12, choices=CertificateState, default=CertificateState.VALID)
    issued_at = models.DateTimeField("签发时间")

    class Meta:
        verbose_name = "电子证照"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.identifier

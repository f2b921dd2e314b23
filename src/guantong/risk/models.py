"""Rules and their versions, days of use, alerts and exceptions."""

import uuid

from django.db import models


class RuleVersion(models.Model):
    """规则版本: a rule as it stood from a moment on; the highest number is in force. Old ones are kept."""

    code = models.CharField("规则", max_length=40, db_index=True)
    number = models.IntegerField("版本")
    terms = models.JSONField("内容")
    """See :mod:`guantong.risk.types`."""
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=120)
    is_shipped = models.BooleanField(default=False)
    """Whether it came with the platform, which may then replace it by a newer one."""
    reason = models.TextField("理由", blank=True)

    class Meta:
        verbose_name = "规则版本"
        ordering = ["code", "-number"]
        constraints = [models.UniqueConstraint(fields=["code", "number"], name="risk_rule_version_once")]

    def __str__(self) -> str:
        return f"{self.code}/{self.number}"


class Reading(models.Model):
    """读到: how far receipts have been judged; moves in the transaction that keeps what came of them."""

    name = models.CharField(max_length=20, unique=True)
    position = models.BigIntegerField(default=0)
    tended_on = models.DateField(null=True)

    def __str__(self) -> str:
        return f"{self.name}@{self.position}"


class DayOfUse(models.Model):
    """日账: the sums of one day of a grant, an application or an organisation; see :class:`guantong.risk.days.Day`."""

    scope = models.CharField(max_length=12)
    key = models.CharField(max_length=120)
    day = models.IntegerField()
    """Days since 1970 in China Standard Time."""
    sums = models.JSONField()
    detail = models.JSONField(default=dict)
    """What counting different things needs; put away after some weeks."""

    class Meta:
        verbose_name = "日账"
        constraints = [models.UniqueConstraint(fields=["scope", "key", "day"], name="risk_day_once")]
        indexes = [models.Index(fields=["day"], name="risk_day")]

    def __str__(self) -> str:
        return f"{self.key} {self.day}"


class FindingState(models.TextChoices):
    """Where an alert stands with people."""

    NEW = "new", "未处理"
    SEEN = "seen", "核查中"
    FALSE = "false", "误报"
    CONFIRMED = "confirmed", "属实"


OPEN = (FindingState.NEW, FindingState.SEEN)


class Finding(models.Model):
    """预警: what a rule found about one grant, application or organisation, from the first sign to the last."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    rule = models.CharField("规则", max_length=40, db_index=True)
    version = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="+")
    severity = models.CharField("级别", max_length=8, db_index=True)
    scope = models.CharField(max_length=12)
    key = models.CharField(max_length=120, db_index=True)
    grant = models.CharField("授权编号", max_length=64, blank=True, db_index=True)
    resource = models.CharField("资源代码", max_length=64, blank=True)
    subject = models.CharField("被查询人", max_length=64, blank=True)
    """The pseudonym of the person who was looked up, where the alert is about one."""
    consumer = models.CharField("使用方", max_length=40, blank=True, db_index=True)
    provider = models.CharField("提供方", max_length=40, blank=True, db_index=True)
    since = models.DateTimeField("起")
    until = models.DateTimeField("止")
    hours = models.JSONField(default=list)
    """The clock hours with the calls behind it (see :class:`guantong.risk.types.Signal`); empty: all of the time."""
    seen = models.BigIntegerField()
    """The worst of what was seen, with ``limit``, ``usual`` and ``numbers`` of that moment."""
    limit = models.BigIntegerField()
    usual = models.BigIntegerField(null=True)
    numbers = models.JSONField(default=dict)
    raised_at = models.DateTimeField(db_index=True)
    heard_at = models.DateTimeField()
    """When the rule last said so."""
    state = models.CharField(max_length=10, choices=FindingState, default=FindingState.NEW, db_index=True)
    looked_by = models.CharField(max_length=120, blank=True)
    looked_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=120, blank=True)
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField("理由", blank=True)
    suspended_at = models.DateTimeField("暂停授权时间", null=True)

    class Meta:
        verbose_name = "预警"
        ordering = ["-heard_at", "-id"]
        constraints = [
            # The same calls never raise the same alert twice, whatever happens in between.
            models.UniqueConstraint(fields=["rule", "scope", "key", "since"], name="risk_finding_once"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.key}"

    @property
    def is_open(self) -> bool:
        """Whether nobody has decided yet."""
        return self.state in OPEN


class GrantRule(models.Model):
    """授权特例: a rule as one grant has it: other numbers, or not judged by at all; until somebody takes it back."""

    rule = models.CharField("规则", max_length=40, db_index=True)
    grant = models.CharField("授权编号", max_length=64, db_index=True)
    changes = models.JSONField("改动")
    """The terms that differ from the rule's, by name; see :mod:`guantong.risk.types`."""
    reason = models.TextField("理由")
    made_by = models.CharField(max_length=120)
    made_at = models.DateTimeField()
    ended_by = models.CharField(max_length=120, blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "授权特例"
        ordering = ["-made_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "grant"], condition=models.Q(ended_at=None), name="risk_grant_rule_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.grant}"


class Exemption(models.Model):
    """例外: until a day, a rule is silent about one key; taught by a false alarm."""

    rule = models.CharField("规则", max_length=40)
    scope = models.CharField(max_length=12)
    key = models.CharField(max_length=120)
    until = models.DateField("截止日期")
    reason = models.TextField("理由")
    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="exemptions")
    made_by = models.CharField(max_length=120)
    made_at = models.DateTimeField()

    class Meta:
        verbose_name = "例外"
        ordering = ["-until", "-id"]

    def __str__(self) -> str:
        return f"{self.rule} {self.key} {self.until}"

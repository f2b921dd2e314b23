"""Divisions, organisations, people and applications; the days on which this node works."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


class Division(models.Model):
    """行政区划 (GB/T 2260): one division in the platform's twelve-digit form, as of one revision of the codes."""

    code = models.CharField(max_length=12, unique=True)
    name = models.CharField(max_length=80)
    parent_code = models.CharField(max_length=12, blank=True, db_index=True)
    level = models.IntegerField()
    """1 nation, 2 province, 3 city, 4 county, 5 township."""

    class Meta:
        verbose_name = "行政区划"
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Organisation(models.Model):
    """组织机构: a government department. ``code`` is how every node knows it: its USCC where it has a valid one."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    code = models.CharField("机构代码", max_length=40, unique=True)
    uscc = models.CharField("统一社会信用代码", max_length=18, blank=True)
    name = models.CharField("名称", max_length=120)
    node = models.CharField("所属节点", max_length=6, db_index=True)
    division = models.CharField("行政区划", max_length=12)
    is_bureau = models.BooleanField("数据主管部门", default=False)
    is_synthetic = models.BooleanField(default=False)

    class Meta:
        verbose_name = "组织机构"
        ordering = ["node", "code"]
        constraints = [
            # Per node: what another node says of its own organisations cannot take a name away from ours.
            models.UniqueConstraint(
                fields=["node", "division", "name"], name="organisation_name_in_node_and_division"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Person(AbstractUser):
    """人员: someone who signs in, an official of an organisation or a citizen.

    ``roles`` are words of :data:`guantong.identity.roles.ROLES`; ``resident_id`` is kept for citizens only,
    so that they can see their own cases and who looked at their data.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    full_name = models.CharField("姓名", max_length=80)
    organisation = models.ForeignKey(Organisation, null=True, blank=True, on_delete=models.PROTECT)
    roles = models.JSONField(default=list)
    resident_id = models.CharField("公民身份号码", max_length=18, blank=True)

    class Meta:
        verbose_name = "人员"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.full_name or self.username

    def get_full_name(self) -> str:
        """The name as written in Chinese, not given name first."""
        return self.full_name


class Application(models.Model):
    """应用: a department's system that calls the gateway. ``clearance`` (1..4) bounds what any grant can give it."""

    code = models.CharField("应用标识", max_length=64, unique=True)
    name = models.CharField("名称", max_length=120)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    public_key = models.CharField("公钥", max_length=200)
    second_key = models.CharField("第二公钥", max_length=200, blank=True)
    """Another key that is good as well: the coming or the former one, while a department changes over."""
    second_key_at = models.DateTimeField(null=True, blank=True)
    second_key_by = models.CharField(max_length=120, blank=True)
    clearance = models.IntegerField("许可级别", default=2)
    is_active = models.BooleanField(default=True)
    registered_at = models.DateTimeField()
    secret = models.CharField("密钥摘要", max_length=80, blank=True)
    """Digest of the secret that it shares with this node; empty if it has none."""
    secret_issued_at = models.DateTimeField(null=True, blank=True)
    secret_issued_by = models.CharField(max_length=120, blank=True)
    rid = models.CharField("请求者标识", max_length=100, blank=True)
    """How the national platform's convention knows it."""

    class Meta:
        verbose_name = "应用"
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(
                fields=["rid"], condition=~models.Q(rid=""), name="application_rid_is_its_own"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_keys(self) -> list[str]:
        """The keys by which it may sign."""
        return [self.public_key, *([self.second_key] if self.second_key else [])]


class FormerSecret(models.Model):
    """旧密钥: a secret that was followed by another and is good ``until`` a moment, so that both work meanwhile."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="former_secrets")
    digest = models.CharField("密钥摘要", max_length=80)
    issued_at = models.DateTimeField(null=True)
    followed_at = models.DateTimeField()
    until = models.DateTimeField("有效至", db_index=True)

    class Meta:
        verbose_name = "旧密钥"
        ordering = ["until", "id"]

    def __str__(self) -> str:
        return f"{self.application_id} {self.until:%Y-%m-%d %H:%M}"


class SignInFailure(models.Model):
    """登录失败: one wrong password. Counted by account and by address, so that guessing is slow."""

    account = models.CharField(max_length=150, db_index=True)
    """The name as typed, lower-cased; there need be no such person."""
    address = models.CharField(max_length=45, db_index=True)
    at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = "登录失败"

    def __str__(self) -> str:
        return f"{self.account} {self.address}"


class CalendarDay(models.Model):
    """日历: a day on which work is done, or is not, whatever the public calendar says."""

    day = models.DateField("日期", unique=True)
    is_workday = models.BooleanField("工作日")
    name = models.CharField("说明", max_length=80, blank=True)
    noted_at = models.DateTimeField()
    noted_by = models.CharField(max_length=120)

    class Meta:
        verbose_name = "日历"
        ordering = ["day"]

    def __str__(self) -> str:
        return self.day.isoformat()

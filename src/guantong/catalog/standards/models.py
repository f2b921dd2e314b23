"""Data elements, code lists, claims to be an element's source, and which items use which element."""

from django.db import models
from django.db.models import Q

from guantong.identity.models import Organisation


class CodeList(models.Model):
    """代码集: one list of codes by its standard. ``revision`` is the newest one taken in."""

    identifier = models.CharField("标识", max_length=40, unique=True)
    name = models.CharField("名称", max_length=120)
    standard = models.CharField("标准", max_length=80)
    revision = models.CharField("版本", max_length=20)
    note = models.TextField("来源和许可", blank=True)

    class Meta:
        verbose_name = "代码集"
        ordering = ["identifier"]

    def __str__(self) -> str:
        return f"{self.standard} {self.name}"


class ListedCode(models.Model):
    """代码: one code of a list, from the revision ``since`` on, until (not with) the revision ``until``."""

    code_list = models.ForeignKey(CodeList, on_delete=models.CASCADE, related_name="codes")
    code = models.CharField("代码", max_length=32)
    name = models.CharField("名称", max_length=120)
    since = models.CharField("起于版本", max_length=20)
    until = models.CharField("止于版本", max_length=20, blank=True)

    class Meta:
        verbose_name = "代码"
        ordering = ["code", "id"]
        indexes = [models.Index(fields=["code_list", "code"], name="listed_code")]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Element(models.Model):
    """数据元: one datum as everybody means it. ``type`` is the guide's letter, ``length`` 0 where it does not matter."""

    identifier = models.CharField("编号", max_length=40, unique=True)
    name = models.CharField("名称", max_length=120, unique=True)
    synonyms = models.JSONField("同义词", default=list)
    definition = models.TextField("定义", blank=True)
    standard = models.CharField("标准", max_length=80, blank=True)
    type = models.CharField("数据类型", max_length=1, default="C")
    length = models.IntegerField("长度", default=0)
    code_list = models.ForeignKey(CodeList, on_delete=models.PROTECT, null=True, verbose_name="代码集")
    level = models.IntegerField("最低级别", default=1)
    rule = models.CharField("校验规则", max_length=20, blank=True)

    class Meta:
        verbose_name = "数据元"
        ordering = ["identifier"]

    def __str__(self) -> str:
        return self.name


class Claim(models.Model):
    """数源认领: a department says that its entry is the one source of an element (一数一源)."""

    class State(models.TextChoices):
        """What has become of the claim."""

        AUTHORITATIVE = "authoritative", "权威数源"
        DISPUTED = "disputed", "争议中"
        REFUSED = "refused", "未采纳"
        GIVEN_UP = "given_up", "已放弃"

    element = models.ForeignKey(Element, on_delete=models.CASCADE, related_name="claims")
    resource = models.ForeignKey("catalog.Resource", on_delete=models.CASCADE, related_name="claims")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    state = models.CharField(max_length=14, choices=State)
    reason = models.TextField(blank=True)
    claimed_by = models.CharField(max_length=120)
    claimed_at = models.DateTimeField()
    decision = models.TextField(blank=True)
    decided_by = models.CharField(max_length=120, blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "数源认领"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["element"], condition=Q(state="authoritative"), name="one_source_an_element"
            )
        ]

    def __str__(self) -> str:
        return f"{self.element_id} {self.state}"


class ElementUse(models.Model):
    """Which item of which live entry is bound to which element (by its identifier)."""

    resource = models.ForeignKey("catalog.Resource", on_delete=models.CASCADE, related_name="element_uses")
    element = models.CharField(max_length=64, db_index=True)
    item = models.CharField(max_length=64)

    class Meta:
        verbose_name = "数据元使用"

    def __str__(self) -> str:
        return f"{self.element} {self.item}"


class Need(models.Model):
    """需求: data that a department needs for its work; matched to an entry, or sent to whoever the law names."""

    class State(models.TextChoices):
        """How far the need has come."""

        OPEN = "open", "待匹配"
        MATCHED = "matched", "已匹配"
        ROUTED = "routed", "已交办"
        MET = "met", "已满足"

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="needs")
    wanted = models.CharField("所需数据", max_length=200)
    service_item = models.CharField("业务事项", max_length=200)
    law = models.CharField("依据", max_length=400, blank=True)
    element = models.CharField("数据元", max_length=64, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    resource = models.ForeignKey("catalog.Resource", on_delete=models.SET_NULL, null=True)
    provider = models.ForeignKey(Organisation, on_delete=models.PROTECT, null=True, related_name="duties")
    due_on = models.DateField(null=True)
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

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
    node = models.CharField("维护节点", max_length=6, blank=True)
    """The node above that keeps it; empty: this one."""

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
    revision = models.IntegerField("修订号", default=1)
    is_retired = models.BooleanField("停用", default=False)
    merged_into = models.ForeignKey("self", on_delete=models.PROTECT, null=True, verbose_name="已并入")
    extends = models.CharField("扩展自", max_length=40, blank=True)
    """The element, of this node or one above, that this one says more exactly."""
    node = models.CharField("维护节点", max_length=6, blank=True)
    """The node above that keeps it; empty: this one. Below it can be claimed and extended, not changed."""

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


class Conformance(models.Model):
    """标准符合度: how an entry of this node keeps to its elements. ``score`` is 0 to 100; ``reasons`` count what deviates."""

    resource = models.OneToOneField("catalog.Resource", on_delete=models.CASCADE, related_name="conformance")
    score = models.IntegerField("得分", db_index=True)
    passed = models.IntegerField()
    checked = models.IntegerField()
    reasons = models.JSONField(default=dict)
    judged_at = models.DateTimeField()

    class Meta:
        verbose_name = "标准符合度"
        ordering = ["score", "id"]

    def __str__(self) -> str:
        return f"{self.resource_id} {self.score}"


class SourceTable(models.Model):
    """源表: a table as it was read of a department's database: columns, types, comments, keys; never a value."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="source_tables")
    source = models.CharField("数据源", max_length=80)
    name = models.CharField("表名", max_length=120)
    comment = models.CharField("注释", max_length=400, blank=True)
    columns = models.JSONField(default=list)
    """[{name, type, length, comment, is_key}]"""
    read_at = models.DateTimeField()

    class Meta:
        verbose_name = "源表"
        ordering = ["source", "name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "source", "name"], name="source_table_once")
        ]

    def __str__(self) -> str:
        return f"{self.source}.{self.name}"


class Revision(models.Model):
    """修订: what a listing of a directory (or a code list) said from one change to the next; never changed.

    ``content`` are the texts of its columns; of a code list, what began and what ended.
    """

    kind = models.CharField(max_length=12)
    identifier = models.CharField(max_length=64)
    number = models.IntegerField()
    act = models.CharField(max_length=12)
    content = models.JSONField()
    note = models.TextField(blank=True)
    by_name = models.CharField(max_length=120)
    organisation = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = "修订"
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["kind", "identifier", "number"], name="revision_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.identifier} r{self.number}"


class Listing(models.Model):
    """What the directories have in common: revisions are counted, and nothing is deleted that was in force."""

    revision = models.IntegerField("修订号", default=1)
    is_retired = models.BooleanField("停用", default=False)

    class Meta:
        abstract = True


class Regulation(Listing):
    """法规依据: a law or regulation that entries and needs cite by its title or one of its short titles."""

    identifier = models.CharField("编号", max_length=40, unique=True)
    title = models.CharField("名称", max_length=200)
    short_titles = models.JSONField("简称", default=list)
    document_number = models.CharField("文号", max_length=80, blank=True)
    issuer = models.CharField("发布机关", max_length=120, blank=True)
    rank = models.CharField("效力级别", max_length=12, default="other")
    in_force_on = models.DateField("施行日期", null=True)
    ended_on = models.DateField("废止日期", null=True)
    url = models.CharField("网址", max_length=500, blank=True)
    note = models.TextField("说明", blank=True)

    class Meta:
        verbose_name = "法规依据"
        ordering = ["identifier"]

    def __str__(self) -> str:
        return self.title


class BusinessForm(Listing):
    """业务表单: a form that a department fills in or has filled in, field by field.

    ``fields`` are [{label, name, type, length, element, entry, item}]; the last two name the item of an entry that
    holds the value already, so that nobody has to be asked for it.
    """

    identifier = models.CharField("编号", max_length=40, unique=True)
    name = models.CharField("表单名称", max_length=200)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, verbose_name="所属部门")
    service_item = models.CharField("业务事项", max_length=200, blank=True)
    fields = models.JSONField("字段", default=list)
    note = models.TextField("说明", blank=True)

    class Meta:
        verbose_name = "业务表单"
        ordering = ["identifier"]

    def __str__(self) -> str:
        return self.name


class Parameter(Listing):
    """参数: a named value that people agree on; ``value`` is the newest, earlier ones are revisions."""

    identifier = models.CharField("参数名", max_length=40, unique=True)
    label = models.CharField("含义", max_length=200)
    kind = models.CharField("类型", max_length=8, default="text")
    value = models.TextField("值")
    unit = models.CharField("单位", max_length=40, blank=True)
    valid_from = models.DateField("生效日期")
    note = models.TextField("说明", blank=True)

    class Meta:
        verbose_name = "参数"
        ordering = ["identifier"]

    def __str__(self) -> str:
        return self.label

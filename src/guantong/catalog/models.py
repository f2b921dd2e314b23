"""Entries, their versions, and what serves them."""

import uuid

import msgspec
from django.db import models
from django.utils import timezone

from guantong.catalog.links.models import LinkCheck, LinkHealth, LinkState
from guantong.catalog.links.types import INTERFACE, Kind, kind_of
from guantong.catalog.needs.models import Need, NeedMove, ReadingPosition, Yield
from guantong.catalog.search.models import SavedSearch  # noqa: F401 - one of the models of this application
from guantong.catalog.standards.models import (
    BusinessForm,
    Claim,
    CodeList,
    Conformance,
    Element,
    ElementUse,
    ListedCode,
    Parameter,
    Regulation,
    Revision,
    SourceTable,
)
from guantong.catalog.types import ResourceContent
from guantong.identity.models import Organisation

__all__ = [
    "Act",
    "BusinessForm",
    "Claim",
    "CodeList",
    "Conformance",
    "Element",
    "ElementUse",
    "ExtensionField",
    "ImportBatch",
    "Link",
    "LinkCheck",
    "LinkHealth",
    "LinkState",
    "ListedCode",
    "Move",
    "Need",
    "NeedMove",
    "Numbering",
    "Parameter",
    "ReadingPosition",
    "Regulation",
    "Resource",
    "ResourceVersion",
    "Revision",
    "SourceTable",
    "State",
    "Yield",
]


class State(models.TextChoices):
    """Where the newest content of an entry stands. What the public sees is :attr:`Resource.is_live`'s matter."""

    DRAFT = "draft", "草稿"
    SUBMITTED = "submitted", "部门审核"
    REVIEWED = "reviewed", "主管部门审核"
    PUBLISHED = "published", "已发布"
    WITHDRAWN = "withdrawn", "已下线"


class Resource(models.Model):
    """信息资源: one catalogue entry of this node or, learnt from its feed, of another.

    ``draft`` is the pending content; ``live_version`` the number of the newest published one, 0 before the first.
    ``is_live`` says whether that version is in force: it stays so while an edit is drafted and reviewed.
    ``name``, ``summary`` and ``sharing_type`` repeat the live content, for searching.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    code = models.CharField("资源代码", max_length=64, unique=True)
    provider = models.ForeignKey(Organisation, on_delete=models.PROTECT, verbose_name="提供方")
    node = models.CharField("所属节点", max_length=6, db_index=True)
    state = models.CharField(max_length=12, choices=State, default=State.DRAFT, db_index=True)
    live_version = models.IntegerField(default=0)
    is_live = models.BooleanField(default=False, db_index=True)
    draft = models.JSONField(null=True)
    name = models.CharField("名称", max_length=200)
    summary = models.TextField("摘要", blank=True)
    sharing_type = models.CharField("共享类型", max_length=16, blank=True)
    update_cycle = models.CharField("更新周期", max_length=16, blank=True)
    published_at = models.DateTimeField(null=True)
    due_on = models.DateField("应办结日", null=True, db_index=True)
    """The last day by which whoever has the draft should have acted; None when nothing is pending."""
    updated_on = models.DateField("数据更新日", null=True)
    """The day as of which the provider has said that the data is up to date."""
    stale_on = models.DateField("应更新日", null=True, db_index=True)
    """The last day by which the data should be updated again, by its cycle; None where it has none or is not live."""
    submitted_by = models.CharField(max_length=64, blank=True)
    """The public identifier of the person who submitted the draft: nobody approves their own."""

    class Meta:
        verbose_name = "信息资源"
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_late(self) -> bool:
        """Whether what is pending should have been acted upon before today."""
        return self.due_on is not None and self.due_on < timezone.localdate()

    @property
    def is_stale(self) -> bool:
        """Whether the data should have been updated before today."""
        return self.stale_on is not None and self.stale_on < timezone.localdate()

    @property
    def live(self) -> ResourceContent | None:
        """The content in force, or None before the first publication and after withdrawal."""
        return self.latest if self.is_live else None

    @property
    def latest(self) -> ResourceContent | None:
        """What was published last, in force or withdrawn."""
        version = self.versions.filter(version=self.live_version).first()
        return version.typed if version else None


class ResourceVersion(models.Model):
    """版本: what an entry said from one publication to the next; never changed here.

    One that was learnt from another node follows that node's word: taken back, or said anew, it gets a new number.
    ``number`` is its place in the node's feed. The worker, of which there is one, gives the numbers, because
    identifiers handed out by the database may become visible out of order.
    """

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="versions")
    version = models.IntegerField()
    content = models.JSONField()
    is_withdrawal = models.BooleanField(default=False)
    published_at = models.DateTimeField()
    published_by = models.CharField(max_length=120)
    number = models.BigIntegerField(null=True, unique=True)
    learnt_at = models.DateTimeField(null=True)
    """When this node learnt it from another one's feed, under that feed's number ``learnt_number``; None: our own."""
    learnt_number = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = "目录版本"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["resource", "version"], name="resource_version_once")]

    def __str__(self) -> str:
        return f"{self.resource_id} v{self.version}"

    @property
    def typed(self) -> ResourceContent:
        """The content as its type."""
        return msgspec.convert(self.content, ResourceContent)


class Numbering(models.Model):
    """变更编号: the last number given in the feed, in one row. It only grows, even when the last change lost its number."""

    last = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = "变更编号"

    def __str__(self) -> str:
        return str(self.last)


class Act(models.TextChoices):
    """What may happen to an entry."""

    DRAFTED = "drafted", "起草"
    SUBMITTED = "submitted", "送审"
    APPROVED = "approved", "部门审核通过"
    RETURNED = "returned", "退回"
    PUBLISHED = "published", "发布"
    WITHDRAWN = "withdrawn", "下线"


class Move(models.Model):
    """经过: one move in the life of an entry of this node; never changed but for being undone.

    ``content`` is the wording that a draft got (so that every change is a version), or the one that was moved;
    ``was`` the state before the move; ``version`` the published version that it made. Imports name their batch.
    """

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="moves")
    act = models.CharField(max_length=12, choices=Act)
    was = models.CharField(max_length=12, choices=State)
    content = models.JSONField(null=True)
    version = models.IntegerField(null=True)
    reason = models.TextField(blank=True)
    by_id = models.CharField(max_length=64)
    by_name = models.CharField(max_length=120)
    organisation = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()
    batch = models.CharField(max_length=36, blank=True)
    is_undone = models.BooleanField(default=False)

    class Meta:
        verbose_name = "目录经过"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.resource_id} {self.act}"


class ExtensionField(models.Model):
    """扩展项: a field that this node's entries have besides the guide's, with its type and what it may hold."""

    class Kind(models.TextChoices):
        """What a value is."""

        TEXT = "text", "文本"
        NUMBER = "number", "整数"
        TRUTH = "truth", "是否"
        DAY = "day", "日期"
        CHOICE = "choice", "选项"

    name = models.CharField("英文名", max_length=40, unique=True)
    label = models.CharField("名称", max_length=80, unique=True)
    kind = models.CharField("类型", max_length=8, choices=Kind, default=Kind.TEXT)
    choices = models.JSONField("选项", default=list)
    is_required = models.BooleanField("必填", default=False)
    is_retired = models.BooleanField("停用", default=False)

    class Meta:
        verbose_name = "扩展项"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.label


class ImportBatch(models.Model):
    """导入批次: one file of entries, what became of it, and every cell that was wrong.

    ``faults`` are dictionaries of :class:`guantong.catalog.importing.Fault`; ``file`` is dropped when it has been
    followed by thirty others of the same department.
    """

    class Progress(models.TextChoices):
        """Where the import stands."""

        WAITING = "waiting", "排队"
        RUNNING = "running", "正在处理"
        DONE = "done", "已导入"
        REFUSED = "refused", "未导入"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    file_name = models.CharField(max_length=200)
    file = models.BinaryField()
    takes_good_ones = models.BooleanField(default=False)
    progress = models.CharField(max_length=8, choices=Progress, default=Progress.WAITING, db_index=True)
    rows_done = models.IntegerField(default=0)
    rows_total = models.IntegerField(default=0)
    drafted = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    faults = models.JSONField(default=list)
    failure = models.JSONField(null=True)
    """Why the file as a whole was refused: code and both sentences."""
    by = models.JSONField()
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "导入批次"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.file_name


class Link(models.Model):
    """挂接: the table, HTTP interface or folder of files that serves a resource.

    ``source`` names a secret of the node's ``sources.json``; no address is kept here. ``dialect`` says what it is
    (``http``: an interface, whose path is the ``table``; ``folder``: files that the ``table`` names as a pattern).
    ``fresh`` is the column that says when a row was last written, empty where none does.
    """

    resource = models.OneToOneField(Resource, on_delete=models.CASCADE, related_name="link")
    source = models.CharField(max_length=80)
    dialect = models.CharField(max_length=16)
    table = models.CharField(max_length=120)
    columns = models.JSONField()
    fresh = models.CharField(max_length=120, blank=True)
    max_rows = models.IntegerField(default=20)
    linked_at = models.DateTimeField()
    service = models.JSONField(default=dict)
    """Of an interface: how it is asked; see :class:`guantong.catalog.links.types.ServiceTerms`."""

    class Meta:
        verbose_name = "挂接"

    def __str__(self) -> str:
        return f"{self.source}.{self.table}"

    @classmethod
    def served(cls) -> "models.QuerySet[Link]":
        """Those whose rows or files the gateway and batches serve."""
        return cls.objects.exclude(dialect=INTERFACE)

    @classmethod
    def interfaces(cls) -> "models.QuerySet[Link]":
        """Those to HTTP interfaces, which are served as far as their entries declare operations."""
        return cls.objects.filter(dialect=INTERFACE)

    @property
    def kind(self) -> Kind:
        """Table, interface or file."""
        return kind_of(self.dialect)

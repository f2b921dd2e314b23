"""Entries, their versions, and what serves them."""

import uuid

import msgspec
from django.db import models

from guantong.catalog.types import ResourceContent
from guantong.identity.models import Organisation


class State(models.TextChoices):
    """Where the newest content of an entry stands. What the public sees is :attr:`Resource.is_live`'s matter."""

    DRAFT = "draft", "草稿"
    SUBMITTED = "submitted", "待审"
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

    class Meta:
        verbose_name = "信息资源"
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name

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
    """版本: what an entry said from one publication to the next; never changed.

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


class Link(models.Model):
    """挂接: the table that serves a resource. ``source`` names a secret of the gateway; no address is kept here."""

    resource = models.OneToOneField(Resource, on_delete=models.CASCADE, related_name="link")
    source = models.CharField(max_length=80)
    dialect = models.CharField(max_length=16)
    table = models.CharField(max_length=120)
    columns = models.JSONField()
    max_rows = models.IntegerField(default=20)
    linked_at = models.DateTimeField()

    class Meta:
        verbose_name = "挂接"

    def __str__(self) -> str:
        return f"{self.source}.{self.table}"

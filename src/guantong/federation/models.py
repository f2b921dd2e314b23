"""Nodes, messages received, positions in feeds, bundles published."""

from django.db import models


class Relation(models.TextChoices):
    """How a node stands to this one."""

    SELF = "self", "本节点"
    PARENT = "parent", "上级"
    CHILD = "child", "下级"
    OTHER = "other", "其他"


class Node(models.Model):
    """节点: one installation, known by its self-signed card. ``via`` is the neighbour on the way to it."""

    code = models.CharField("节点代码", max_length=6, unique=True)
    name = models.CharField("节点域名", max_length=60, default="")
    """DNS name, after which the node's keys and its log are named; no two nodes share one."""
    title = models.CharField("名称", max_length=80)
    relation = models.CharField(max_length=8, choices=Relation)
    via = models.CharField(max_length=6, blank=True)
    card = models.TextField()
    """The card as its node signed it, handed on unchanged."""
    node_key = models.CharField(max_length=240)
    log_key = models.CharField(max_length=240)
    witness_key = models.CharField(max_length=240)
    web_url = models.CharField(max_length=200)
    gateway_url = models.CharField(max_length=200)
    log_url = models.CharField(max_length=200)
    exchange_url = models.CharField(max_length=200, blank=True)
    is_confirmed = models.BooleanField("已确认", default=False)
    announced_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.CharField(max_length=120, blank=True)

    class Meta:
        verbose_name = "节点"
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.code} {self.title}"


class InboxMessage(models.Model):
    """来信: a message that was applied, so that a repeat is recognised."""

    message_id = models.UUIDField()
    sender = models.CharField(max_length=6)
    topic = models.CharField(max_length=80)
    received_at = models.DateTimeField()

    class Meta:
        verbose_name = "来信"
        constraints = [
            # Per sender: nobody can use up the identifier that another node's next message will have.
            models.UniqueConstraint(fields=["sender", "message_id"], name="message_once"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.message_id}"


class FeedPosition(models.Model):
    """目录推送位置: the last change of this node's feed that a neighbour has confirmed."""

    neighbour = models.CharField(max_length=6, unique=True)
    number = models.BigIntegerField(default=0)
    pushed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "目录推送位置"

    def __str__(self) -> str:
        return f"{self.neighbour}@{self.number}"


class PublishedBundle(models.Model):
    """快照发布: one signed configuration; ``sequence`` only grows."""

    sequence = models.BigIntegerField(unique=True)
    digest = models.CharField(max_length=80)
    published_at = models.DateTimeField()
    because = models.CharField(max_length=200)
    grants = models.IntegerField()

    class Meta:
        verbose_name = "快照发布"
        ordering = ["-sequence"]

    def __str__(self) -> str:
        return f"#{self.sequence}"

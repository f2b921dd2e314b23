"""Nodes, messages received, positions in feeds, bundles published."""

import uuid

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
    """目录推送位置: how far this node's feed has got with one neighbour, and how it got on.

    ``series`` is the moment from which the feed was told from its beginning; ``number`` the last change that the
    neighbour has confirmed; ``looked_to`` how far there is nothing more for it. ``sent`` counts the entries of the
    series; ``refused`` those that the neighbour keeps refused now, ``refused_some`` the first of them.
    """

    neighbour = models.CharField(max_length=6, unique=True)
    """One feed a neighbour: of what lies behind this node, seen from there."""
    series = models.CharField(max_length=30, default="")
    number = models.BigIntegerField(default=0)
    looked_to = models.BigIntegerField(default=0)
    sent = models.BigIntegerField(default=0)
    refused = models.IntegerField(default=0)
    refused_some = models.JSONField(default=list)
    pushed_at = models.DateTimeField(null=True)
    run_began_at = models.DateTimeField(null=True)
    """When the entries began to flow that went out one chunk after another, and how many they were."""
    run_entries = models.IntegerField(default=0)
    failures = models.IntegerField(default=0)
    """Failed attempts since the last confirmed chunk."""
    failure = models.JSONField(null=True)
    """The last failure: code, and the sentence in both languages (``zh``, ``en``)."""
    failed_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "目录推送位置"

    def __str__(self) -> str:
        return f"{self.neighbour}@{self.number}"


class ReceivedFeed(models.Model):
    """收到的目录: how far this node has followed one neighbour's feed.

    ``newest`` is the last number that the neighbour has given so far; ``digest`` that of the last chunk, so that the
    same one is known again, and ``answer`` what was answered. A feed that is stopped takes nothing in.
    """

    sender = models.CharField(max_length=6, unique=True)
    series = models.CharField(max_length=30, default="")
    number = models.BigIntegerField(default=0)
    newest = models.BigIntegerField(default=0)
    sent_at = models.CharField(max_length=30, default="")
    digest = models.CharField(max_length=80, default="")
    answer = models.JSONField(null=True)
    taken = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    received_at = models.DateTimeField(null=True)
    run_began_at = models.DateTimeField(null=True)
    run_entries = models.IntegerField(default=0)
    failure = models.JSONField(null=True)
    failed_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    stopped_by = models.CharField(max_length=120, blank=True)
    stopped_because = models.TextField(blank=True)

    class Meta:
        verbose_name = "收到的目录"

    def __str__(self) -> str:
        return f"{self.sender}@{self.number}"


class RefusedEntry(models.Model):
    """拒收的目录条目: one entry of a neighbour's feed that could not be taken in; kept until it can, or a newer word comes.

    ``key`` is the entry's code, or ``#number`` where not even that can be read; ``change`` the line as it came.
    """

    sender = models.CharField(max_length=6)
    key = models.CharField("资源代码", max_length=64)
    node = models.CharField(max_length=6, blank=True)
    name = models.CharField("名称", max_length=200, blank=True)
    number = models.BigIntegerField()
    change = models.TextField()
    code = models.CharField(max_length=80)
    zh = models.TextField()
    en = models.TextField()
    refused_at = models.DateTimeField()

    class Meta:
        verbose_name = "拒收的目录条目"
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["sender", "key"], name="refused_entry_once")]

    def __str__(self) -> str:
        return f"{self.sender} {self.key}"


class Undoing(models.Model):
    """撤回: what was learnt from a neighbour (of ``node`` only, since a moment or a number only) is taken back.

    Entries with grants in force stay (``kept``). The worker takes back slab by slab; ``done`` says how many.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    sender = models.CharField(max_length=6)
    node = models.CharField(max_length=6, blank=True)
    since = models.DateTimeField(null=True)
    since_number = models.BigIntegerField(null=True)
    reason = models.TextField()
    planned = models.IntegerField()
    kept = models.IntegerField()
    done = models.IntegerField(default=0)
    by = models.JSONField()
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "撤回"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.sender} {self.done}/{self.planned}"


class ToldStandard(models.Model):
    """下发的标准: what a node below was told last of one element or code list; ``digest`` of the whole of it."""

    neighbour = models.CharField(max_length=6)
    kind = models.CharField(max_length=8)
    identifier = models.CharField(max_length=40)
    digest = models.CharField(max_length=80)
    told_at = models.DateTimeField()

    class Meta:
        verbose_name = "下发的标准"
        constraints = [
            models.UniqueConstraint(fields=["neighbour", "kind", "identifier"], name="told_standard_once")
        ]

    def __str__(self) -> str:
        return f"{self.neighbour} {self.identifier}"


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

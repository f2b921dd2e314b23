"""Notices, what each person wants to hear how, and what went out of it."""

import uuid

from django.conf import settings
from django.db import models


class Notice(models.Model):
    """通知: one thing told to one organisation, or to one citizen. ``code`` is a key of :data:`guantong.notices.words.WORDS`.

    ``permission`` says which of its people it concerns: those who may do that. ``subject`` is what it is about.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    organisation = models.CharField(max_length=40, db_index=True, blank=True)
    person = models.CharField(max_length=64, db_index=True, blank=True)
    """The public identifier of the one person told, where it is not an organisation."""
    permission = models.CharField(max_length=40)
    code = models.CharField(max_length=60, db_index=True)
    details = models.JSONField(default=dict)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=120, db_index=True)
    at = models.DateTimeField(db_index=True)
    told_by = models.CharField(max_length=64, blank=True)
    """Identifier of the actor whose act it comes of."""
    once = models.CharField(max_length=200, unique=True)
    """The same matter is told once: what makes it the same."""
    spread_at = models.DateTimeField(null=True)
    """When it was noted whom it goes to by e-mail or webhook."""

    class Meta:
        verbose_name = "通知"
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["organisation", "permission", "id"], name="notice_of_people"),
            models.Index(fields=["id"], condition=models.Q(spread_at__isnull=True), name="notice_unspread"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.subject_id}"


class Choice(models.Model):
    """通知方式: in which language, to where and about which kinds somebody is told besides the page."""

    person = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    language = models.CharField(max_length=8, default="zh")
    by_mail = models.JSONField(default=list)
    """Kinds of :data:`guantong.notices.words.KINDS`."""
    by_webhook = models.JSONField(default=list)
    webhook = models.CharField(max_length=300, blank=True)
    read_to = models.BigIntegerField(default=0)
    """Every notice up to this one counts as read."""

    class Meta:
        verbose_name = "通知方式"

    def __str__(self) -> str:
        return str(self.person)


class Reading(models.Model):
    """已读: somebody has read one notice."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = "已读"
        constraints = [models.UniqueConstraint(fields=["person", "notice"], name="read_once")]

    def __str__(self) -> str:
        return f"{self.person_id}/{self.notice_id}"


class DeliveryState(models.TextChoices):
    """How far a notice has got on its way out."""

    WAITING = "waiting", "待发送"
    SENT = "sent", "已发送"
    FAILED = "failed", "发送失败"


class Delivery(models.Model):
    """送达: one notice to one person by one way; once."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    way = models.CharField(max_length=8)
    """``mail`` or ``webhook``."""
    state = models.CharField(max_length=8, choices=DeliveryState, default=DeliveryState.WAITING)
    attempts = models.IntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    failure = models.CharField(max_length=300, blank=True)
    """Of the last attempt: what came back, without addresses."""
    sent_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "送达"
        constraints = [models.UniqueConstraint(fields=["notice", "person", "way"], name="delivery_once")]
        indexes = [
            models.Index(
                fields=["way", "next_attempt_at"],
                condition=models.Q(state="waiting"),
                name="delivery_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id}/{self.way}"


class CalendarToken(models.Model):
    """日历口令: lets a calendar program read one person's to-dos, and nothing else. Only its digest is kept."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=80, unique=True)
    made_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "日历口令"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.person_id}@{self.made_at:%Y-%m-%d}"

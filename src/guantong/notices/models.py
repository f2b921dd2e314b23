"""Notices."""

import uuid

from django.db import models


class Notice(models.Model):
    """通知: one thing told to one organisation. ``code`` is a key of :data:`guantong.notices.words.WORDS`.

    ``permission`` says which of its people it concerns: those who may do that. ``subject`` is what it is about.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    organisation = models.CharField(max_length=40, db_index=True)
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

    class Meta:
        verbose_name = "通知"
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.code} {self.subject_id}"

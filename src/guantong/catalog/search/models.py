"""Searches that people keep."""

import uuid

from django.db import models

from guantong.identity.models import Person


class SavedSearch(models.Model):
    """已保存的查找: one search of one person, by its address. ``news`` counts new entries since it was last opened."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="saved_searches")
    name = models.CharField("名称", max_length=80)
    query = models.TextField("条件", blank=True)
    tells_news = models.BooleanField("有新目录时提醒", default=True)
    news = models.IntegerField(default=0)
    kept_at = models.DateTimeField()
    news_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "catalog"
        verbose_name = "已保存的查找"
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["person", "name"], name="saved_search_name_once")]

    def __str__(self) -> str:
        return self.name

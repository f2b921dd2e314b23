"""How links stand, and how they stood."""

from django.db import models


class LinkState(models.TextChoices):
    """What the last look at a link found."""

    WELL = "well", "正常"
    BROKEN = "broken", "中断"
    STALE = "stale", "逾期未更新"
    UNWATCHED = "unwatched", "无法核查"


class LinkHealth(models.Model):
    """挂接状况: what the worker saw last behind a link. ``rows`` counts rows or files; ``newest_at`` is the data's age.

    ``faults`` are dictionaries of :class:`guantong.catalog.links.types.Fault`.
    """

    link = models.OneToOneField("catalog.Link", on_delete=models.CASCADE, related_name="health")
    state = models.CharField(max_length=10, choices=LinkState, db_index=True)
    faults = models.JSONField(default=list)
    rows = models.BigIntegerField(null=True)
    newest_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField()
    due_at = models.DateTimeField(db_index=True)
    since = models.DateTimeField()
    """Since when it has been in this state."""
    good_at = models.DateTimeField(null=True)
    """When it was last found well."""
    failures = models.IntegerField(default=0)
    """How often in a row it could not be reached; once is not yet a breach."""

    class Meta:
        verbose_name = "挂接状况"

    def __str__(self) -> str:
        return f"{self.link_id} {self.state}"


class LinkCheck(models.Model):
    """核查记录: one look at a link, kept as history; the newest hundred of each link stay."""

    link = models.ForeignKey("catalog.Link", on_delete=models.CASCADE, related_name="checks")
    at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=LinkState)
    faults = models.JSONField(default=list)
    rows = models.BigIntegerField(null=True)
    newest_at = models.DateTimeField(null=True)
    took_ms = models.IntegerField(default=0)

    class Meta:
        verbose_name = "核查记录"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.link_id} {self.state}"

"""Published flows."""

from django.db import models


class FlowVersion(models.Model):
    """流程版本: one published version of a flow; never changed, so that a running case keeps its rules."""

    name = models.CharField("流程名", max_length=80)
    version = models.PositiveIntegerField("版本")
    digest = models.CharField("摘要", max_length=80)
    """SHA-256 over the texts, so that publishing the same texts again changes nothing."""
    bpmn = models.TextField("BPMN")
    dmn = models.JSONField("DMN", default=list)
    """The DMN texts, in the order in which they were published."""
    specification = models.JSONField("可执行规格")
    published_at = models.DateTimeField("发布时间")

    class Meta:
        verbose_name = "流程版本"
        ordering = ["name", "-version"]
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="flow_version_once")]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

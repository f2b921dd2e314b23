"""Risk as a Django application."""

from django.apps import AppConfig


class RiskConfig(AppConfig):
    """Label ``risk``."""

    name = "guantong.risk"
    verbose_name = "预警"

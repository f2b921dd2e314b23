"""Dispatch as a Django application."""

from django.apps import AppConfig


class DispatchConfig(AppConfig):
    """Label ``dispatch``."""

    name = "guantong.dispatch"
    verbose_name = "调度"

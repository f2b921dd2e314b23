"""The journal as a Django application."""

from django.apps import AppConfig


class JournalConfig(AppConfig):
    """Label ``journal``."""

    name = "guantong.journal"
    verbose_name = "留痕"

"""Notices as a Django application."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    """Label ``notices``."""

    name = "guantong.notices"
    verbose_name = "通知"

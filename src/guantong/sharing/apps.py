"""Sharing as a Django application."""

from django.apps import AppConfig


class SharingConfig(AppConfig):
    """Label ``sharing``."""

    name = "guantong.sharing"
    verbose_name = "共享"

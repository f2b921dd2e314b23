"""The catalogue as a Django application."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """Label ``catalog``."""

    name = "guantong.catalog"
    verbose_name = "目录"

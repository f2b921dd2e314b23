"""The site as a Django application: base templates, words, static files."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Label ``site``."""

    name = "guantong.site"
    label = "site"
    verbose_name = "门面"

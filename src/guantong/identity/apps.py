"""Identity as a Django application."""

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """Label ``identity``."""

    name = "guantong.identity"
    verbose_name = "身份"

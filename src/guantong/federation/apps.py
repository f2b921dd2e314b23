"""Federation as a Django application."""

from django.apps import AppConfig


class FederationConfig(AppConfig):
    """Label ``federation``."""

    name = "guantong.federation"
    verbose_name = "级联"

"""The counter as a Django application."""

from django.apps import AppConfig


class CounterConfig(AppConfig):
    """Label ``counter``."""

    name = "guantong.counter"
    verbose_name = "一窗"

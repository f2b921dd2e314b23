"""Workflow as a Django application; it is one only because it stores versions of flows."""

from django.apps import AppConfig


class WorkflowConfig(AppConfig):
    """Label ``workflow``."""

    name = "guantong.workflow"
    verbose_name = "流程"

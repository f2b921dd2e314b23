"""Finding published flows."""

from guantong.workflow.errors import FlowUnknown
from guantong.workflow.models import FlowVersion
from guantong.workflow.types import Specification


def newest(name: str) -> FlowVersion:
    """The newest version of a flow; raises FlowUnknown."""
    flow = FlowVersion.objects.filter(name=name).order_by("-version").first()
    if flow is None:
        raise FlowUnknown(name=name)
    return flow


def has_flow(name: str) -> bool:
    """Whether any version of a flow was published."""
    return FlowVersion.objects.filter(name=name).exists()


def specification(flow: FlowVersion) -> Specification:
    """The flow in the form that runs."""
    return Specification.from_json(flow.specification)

"""办理成本: what asking for an item costs: who decides, within how many working days. Reads only.

A way is found by walking the flows with the facts of the request and approving every step.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from guantong.catalog.models import Resource
from guantong.catalog.types import ResourceContent
from guantong.identity.models import Organisation
from guantong.sharing import flows
from guantong.sharing.errors import FlowUnfit
from guantong.sharing.models import Request
from guantong.sharing.types import Mode
from guantong.workflow.engine import Run

MOST_STAGES = 20


@dataclass(frozen=True)
class Decision:
    """One decision on the way: whose, and the working days they have."""

    role: str
    name: str
    days: int


@dataclass(frozen=True)
class Way:
    """The decisions that a request needs. ``days``: all of them, one stage after the other.

    ``is_foreign``: the provider is another node's, whose own flow may differ from the one that ships.
    """

    decisions: list[Decision]
    days: int
    is_foreign: bool


def way(
    resource: Resource,
    content: ResourceContent,
    *,
    consumer: Organisation,
    fields: Collection[str],
    modes: Collection[Mode] = (),
    at: datetime,
) -> Way:
    """What asking for ``fields`` would need."""
    asked = Request(
        consumer=consumer.code,
        consumer_node=consumer.node,
        provider=resource.provider.code,
        provider_node=resource.node,
        fields=list(fields),
        modes=list(modes),
    )
    stages = _stages("leaving", asked, content, at=at) + _stages("arriving", asked, content, at=at)
    return Way(
        decisions=[each for stage in stages for each in stage],
        days=sum(max(each.days for each in stage) for stage in stages),
        is_foreign=resource.node != settings.NODE.node,
    )


def ways_by_level(
    resource: Resource, content: ResourceContent, *, consumer: Organisation, at: datetime
) -> dict[int, Way]:
    """The way of an item of each level that the resource has: what flows ask of items is their highest level."""
    samples = {item.level: item.name for item in content.items}
    return {
        level: way(resource, content, consumer=consumer, fields=[name], at=at)
        for level, name in sorted(samples.items())
    }


def _stages(
    side: flows.Side, asked: Request, content: ResourceContent, *, at: datetime
) -> list[list[Decision]]:
    run: Run = flows.start(side, asked, content, at=at)
    stages: list[list[Decision]] = []
    while (ready := run.undecided()) and len(stages) < MOST_STAGES:
        stages.append(
            [
                Decision(each.role, _name(each.role, asked), each.days or flows.usual_days(each.role))
                for each in ready
            ]
        )
        for each in ready:
            run.complete(each.id)
    return stages


def _name(role: str, asked: Request) -> str:
    try:
        return flows.decider(role, asked).name
    except FlowUnfit:
        return ""

"""A request as one node tells another of it. Nothing here changes anything."""

import msgspec

from guantong.kit import clock
from guantong.sharing import flows
from guantong.sharing.models import Request, Step
from guantong.sharing.types import Filing, StepTerms


def is_leaving(request: Request) -> bool:
    """Whether the request is still at its consumer's own review."""
    return request.flow is not None and request.flow.name == flows.name_of("leaving")


def told_step(step: Step) -> dict[str, object]:
    """A step as the other node hears of it."""
    values = {name: getattr(step, name) for name in StepTerms.__struct_fields__}
    return {
        **values,
        "decided_at": clock.rfc3339(step.decided_at) if step.decided_at else None,
        "due_on": step.due_on.isoformat() if step.due_on else None,
    }


def filing_of(request: Request) -> Filing:
    """The request as it is told to the provider's node; bounds are checked on the way. ValidationError."""
    values = {name: getattr(request, name) for name in Filing.__struct_fields__ if name != "reviews"}
    reviews = request.steps.filter(kind__in=flows.ROLES["leaving"]) if request.pk else []
    told = {
        **values,
        "uuid": str(request.uuid),
        "batch": str(request.batch) if request.batch else None,
        "filed_at": clock.rfc3339(request.filed_at),
        "reviews": [told_step(step) for step in reviews],
    }
    return msgspec.convert(told, Filing)

"""The flows by which requests are approved: one at the consumer's node, one at the provider's, each changed by its own.

``request-leaving`` is what happens before a request goes to the provider, ``request-arriving`` what happens there. What
ships beside this module holds until a node publishes its own. However a flow is drawn, nothing that is shared on
conditions is granted without the provider: that is checked here, and again when the grant is issued.
"""

from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from django.conf import settings

from guantong.catalog.types import ResourceContent
from guantong.identity.models import Organisation, Person
from guantong.journal.types import SYSTEM, Actor
from guantong.sharing.errors import FlowUnfit, ReviewerMissing
from guantong.sharing.models import Request
from guantong.sharing.types import BATCHES, Role
from guantong.workflow import actions as workflow
from guantong.workflow.diagrams import Diagram, Flow, read_diagram
from guantong.workflow.engine import Run
from guantong.workflow.expressions import Value
from guantong.workflow.models import FlowVersion
from guantong.workflow.queries import has_flow, newest, specification

Side = Literal["leaving", "arriving"]
ROLES: dict[Side, tuple[Role, ...]] = {
    "leaving": ("consumer", "consumer_bureau"),
    "arriving": ("provider", "bureau"),
}
FACTS = {
    "sharing_type": "text",
    "consumer_reviews": "boolean",
    "has_bureau": "boolean",
    "is_cross_level": "boolean",
    "is_batch": "boolean",
    "top_level": "integer",
}
UNCONDITIONAL = 'sharing_type == "unconditional"'
_SHIPPED = Path(__file__).with_name("diagrams")


def name_of(side: Side) -> str:
    """The flow's name among the node's flows."""
    return f"request-{side}"


def current(side: Side, *, at: datetime) -> FlowVersion:
    """The flow that new requests take; what ships with the platform until the node has its own."""
    if not has_flow(name_of(side)):
        return publish(side, shipped(side), by=SYSTEM, at=at)
    return newest(name_of(side))


def shipped(side: Side) -> bytes:
    """The text of the flow that comes with the platform."""
    return (_SHIPPED / f"{name_of(side)}.bpmn").read_bytes()


def publish(side: Side, bpmn: bytes, *, by: Actor, at: datetime) -> FlowVersion:
    """Make a text the flow of new requests; running ones keep theirs. FlowUnfit, DiagramRefused."""
    return workflow.publish(
        name_of(side), bpmn, is_decided=True, check=lambda text: _check(side, text), by=by, at=at
    )


def start(side: Side, request: Request, content: ResourceContent, *, at: datetime) -> Run:
    """Begin the flow for a request: its version and progress are noted on the row, which is not saved."""
    request.flow = current(side, at=at)
    spec = specification(request.flow)
    known = facts(request, content)
    return Run.start(spec, {name: known[name] for name in spec.facts})


def resume(request: Request) -> Run:
    """The flow where the request has left it."""
    if request.flow is None or request.run is None:
        raise FlowUnfit(why_zh="申请没有流程", why_en="the request has no flow")
    return Run.resume(specification(request.flow), request.run)


def facts(request: Request, content: ResourceContent) -> dict[str, Value]:
    """What conditions of these flows may ask."""
    levels = {item.name: item.level for item in content.items}
    bureau = bureau_of(request.provider_node)
    return {
        "sharing_type": content.sharing_type,
        "consumer_reviews": bool(_approvers(request.consumer)),
        # A bureau does not oversee what it asks for itself, or what it provides and has approved.
        "has_bureau": bureau is not None and bureau.code not in {request.consumer, request.provider},
        "is_cross_level": request.consumer_node != request.provider_node,
        "is_batch": not BATCHES.isdisjoint(request.modes),
        "top_level": max((levels.get(field, 1) for field in request.fields), default=1),
    }


def demand_reviewer(request: Request) -> None:
    """ReviewerMissing if only the person who files could review the request: nobody approves their own."""
    if _approvers(request.consumer) == [request.filed_by_id]:
        raise ReviewerMissing


def _approvers(organisation: str) -> list[str]:
    people = Person.objects.filter(organisation__code=organisation, is_active=True)
    return [str(person.uuid) for person in people if "approver" in person.roles]


def decider(role: str, request: Request) -> Organisation:
    """The organisation whose decision ``role`` means for this request. FlowUnfit if the node has none."""
    found = {
        "consumer": lambda: Organisation.objects.filter(code=request.consumer).first(),
        "consumer_bureau": lambda: bureau_of(request.consumer_node),
        "provider": lambda: Organisation.objects.filter(code=request.provider).first(),
        "bureau": lambda: bureau_of(request.provider_node),
    }[role]()
    if found is None:
        raise FlowUnfit(why_zh=f"没有可作为 {role} 审批的机构", why_en=f"no organisation decides as {role}")
    return found


def usual_days(role: str) -> int:
    """The working days that ``role`` has where its task says nothing."""
    node = settings.NODE
    return {
        "consumer": node.request_consumer_days,
        "provider": node.request_provider_days,
    }.get(role, node.request_bureau_days)


def bureau_of(node: str) -> Organisation | None:
    """The data bureau of a node."""
    return Organisation.objects.filter(node=node, is_bureau=True).order_by("pk").first()


def _check(side: Side, text: str) -> None:
    diagram = read_diagram(text)
    strangers = {one.role for one in diagram.approvals.values()} - set(ROLES[side])
    if strangers:
        named, allowed = ", ".join(sorted(strangers)), ", ".join(ROLES[side])
        raise FlowUnfit(
            why_zh=f"审批角色 {named} 不在 {allowed} 之内", why_en=f"{named} is none of {allowed}"
        )
    for name, kind in diagram.facts.items():
        if FACTS.get(name) != kind:
            raise FlowUnfit(why_zh=f"没有事实 {name}（{kind}）", why_en=f"there is no fact {name} ({kind})")
    if side == "arriving" and _ends_without(diagram, "provider"):
        raise FlowUnfit(
            why_zh="有条件共享的申请可以不经提供方审批而授权",
            why_en="what is shared on conditions could be granted without its provider",
        )


def _ends_without(diagram: Diagram, role: Role) -> bool:
    """Whether the end can be reached, by another way than the unconditional one, with nobody deciding as ``role``."""
    asked = {task for task, approval in diagram.approvals.items() if approval.role == role}
    into: dict[str, list[Flow]] = {node: [] for node in diagram.kinds}
    for flow in diagram.flows:
        into[flow.target].append(flow)
    reached = {node for node, kind in diagram.kinds.items() if kind == "startEvent"}
    while True:
        fresh = {
            node
            for node, flows in into.items()
            if node not in reached | asked and flows and _opens(diagram.kinds[node], flows, reached)
        }
        if not fresh:
            return any(diagram.kinds[node] == "endEvent" for node in reached)
        reached |= fresh


def _opens(kind: str, flows: list[Flow], reached: set[str]) -> bool:
    """A join waits for all of its ways; anything else for one."""
    passable = [flow.source in reached and flow.condition != UNCONDITIONAL for flow in flows]
    return all(passable) if kind == "parallelGateway" else any(passable)


assert set(get_args(Role)) == {role for roles in ROLES.values() for role in roles}  # noqa: S101 - one list of roles

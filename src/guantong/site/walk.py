"""走一遍: the guided walk of the pilot story on a development node, done or not done as the database says.

What to walk is written by whoever built the town, in ``<home>/walk.json``; the log-ins of this node are in
``<home>/log-ins.json``, families to try in ``<home>/sample-families.json``. Outside development none is read.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
from django.urls import reverse
from django.utils.translation import gettext

from guantong.catalog.queries import published
from guantong.counter.models import Case
from guantong.federation.models import Node
from guantong.journal.models import Receipt
from guantong.kit.settings import Settings
from guantong.sharing.models import Grant, Request

T = TypeVar("T")


class Who(msgspec.Struct, frozen=True):
    """Someone who can sign in, at the node ``node``."""

    name: str
    node: str
    role: str


class Need(msgspec.Struct, frozen=True):
    """One resource that the item needs, and the log-ins of those who share it."""

    resource: str
    name: str
    node: str
    mode: str
    fields: list[str]
    officer: str
    approver: str
    bureau: str


class Guide(msgspec.Struct, frozen=True):
    """What is walked: the item, what it needs, who plays which part (by username)."""

    item: str
    item_name: str
    node: str
    purpose_text: str
    legal_basis: str
    application: str
    requester: str
    clerk: str
    auditor: str
    citizen: str
    people: dict[str, Who]
    needs: list[Need]


class LogIn(msgspec.Struct, frozen=True):
    """A demonstration log-in of this node."""

    password: str
    name: str
    node: str = ""


class Family(msgspec.Struct, frozen=True):
    """A synthetic family for the form; ``label`` says what becomes of it."""

    label: str
    child_name: str
    child_id_number: str
    child_birthplace: str
    guardian_name: str
    guardian_id_number: str
    guardian_birthplace: str


@dataclass(frozen=True)
class Door:
    """A place to go to as someone. ``password`` is known only for log-ins of this node."""

    username: str
    name: str
    role: str
    node: str
    url: str
    password: str = ""


@dataclass(frozen=True)
class Row:
    """One resource's part of a step."""

    name: str
    is_done: bool
    doors: list[Door]


@dataclass(frozen=True)
class Step:
    """One step; ``is_done`` is None where nothing is kept by which it could be known."""

    title: str
    text: str
    is_done: bool | None
    doors: list[Door] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def done_count(self) -> int:
        """How many of the rows are done."""
        return sum(row.is_done for row in self.rows)


def log_ins(settings: Settings) -> dict[str, LogIn]:
    """The demonstration log-ins of this node; none outside development."""
    return _read(settings, "log-ins.json", dict[str, LogIn]) or {}


def families(settings: Settings) -> list[Family]:
    """Synthetic families for the form; none outside development."""
    return _read(settings, "sample-families.json", list[Family]) or []


def item(settings: Settings) -> str:
    """The code of the item that is walked, if this node's window takes it in."""
    guide = _read(settings, "walk.json", Guide)
    return guide.item if guide and guide.node == settings.node else ""


def steps(settings: Settings) -> list[Step]:
    """The walk as it stands at this node; empty where there is nothing to walk."""
    guide = _read(settings, "walk.json", Guide)
    return Walk(guide, settings).steps() if guide else []


def _read(settings: Settings, name: str, kind: type[T]) -> T | None:
    path = settings.home / name
    if not settings.development or not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None


class Walk:
    """The guide seen from one node. Nodes above the consumer's know only of what passes through them."""

    def __init__(self, guide: Guide, settings: Settings) -> None:
        self.guide = guide
        self.own = settings.node
        self.known = log_ins(settings)
        self.urls = dict(Node.objects.values_list("code", "web_url"))
        is_consumer = self.own == guide.node
        self.needs = [need for need in guide.needs if is_consumer or need.node != guide.node]
        codes = [need.resource for need in self.needs]
        self.published = set(published().filter(code__in=codes).values_list("code", flat=True))
        self.granted = set(
            Grant.objects.filter(state="active", resource__in=codes).values_list("resource", flat=True)
        )
        asked = Request.objects.filter(resource__in=codes)
        self.asked = self.granted | set(asked.exclude(state="refused").values_list("resource", flat=True))
        self.approved = self.granted | set(asked.filter(state="granted").values_list("resource", flat=True))

    def steps(self) -> list[Step]:
        """The eight steps."""
        return [*self._sharing(), *self._serving(), self._checking()]

    def _sharing(self) -> list[Step]:
        guide = self.guide
        return [
            self._step(
                gettext("Departments publish what they hold"),
                gettext(
                    "The data officer submits the entry, the approver approves it, the data bureau publishes it."
                ),
                self.published,
                lambda need: [
                    self._door(name, need.node, f"/find/{need.resource}/")
                    for name in (need.officer, need.approver, need.bureau)
                ],
            ),
            Step(
                gettext("The catalogues arrive at every node"),
                gettext(
                    "Nothing to do: entries travel up and down the tree by themselves, "
                    "and everybody finds them here."
                ),
                len(self.published) == len(self.needs),
                [self._anybody(self.own, reverse("find") + "?sharing=conditional")],
            ),
            self._step(
                gettext("The education bureau requests the fields that the item needs"),
                gettext(
                    "The least fields, one purpose, the law. The form comes filled in; read it and file it."
                ),
                self.asked,
                lambda need: [self._door(guide.requester, guide.node, self._request_url(need))],
            ),
            self._step(
                gettext("Provider and data bureau approve, one after the other"),
                gettext("Each finds the request among their to-dos."),
                self.approved,
                lambda need: [
                    self._door(name, need.node, reverse("todo")) for name in (need.approver, need.bureau)
                ],
            ),
            Step(
                gettext("The grants are in force at every node on the way"),
                gettext(
                    "Nothing to do: each grant goes into signed configurations, "
                    "which the gateways take over within seconds."
                ),
                self.granted >= {need.resource for need in self.needs},
                [self._door(guide.requester, guide.node, reverse("grants"))],
            ),
        ]

    def _serving(self) -> list[Step]:
        guide, codes = self.guide, [need.resource for need in self.needs]
        here = Receipt.objects.filter(resource__in=codes, decision="allow")
        is_consumer = self.own == guide.node
        cases = Case.objects.filter(item__code=guide.item)
        return [
            Step(
                gettext("The window takes in one form for a family"),
                gettext("Nobody brings a paper: what the departments know is looked up at once."),
                cases.exists() if is_consumer else here.exists(),
                [self._door(guide.clerk, guide.node, reverse("apply", args=[guide.item]))],
            ),
            Step(
                gettext("The case is decided; every look-up has left a receipt"),
                gettext(
                    "The clerk and the family see the case, the auditor sees the receipts, "
                    "the citizen sees who looked."
                ),
                cases.filter(state__in=["admitted", "refused"]).exists() if is_consumer else here.exists(),
                [
                    self._door(guide.clerk, guide.node, reverse("cases")),
                    self._door(guide.auditor, guide.node, reverse("prove")),
                    self._door(guide.citizen, guide.node, reverse("looked-at")),
                ],
            ),
        ]

    def _checking(self) -> Step:
        return Step(
            gettext("Anybody checks a proof, also without this system"),
            gettext(
                "Download proof files on the case page, put them in here, change a byte, and see. "
                "The command guantong verify says the same without a network."
            ),
            None,
            [self._anybody(self.own, reverse("check"))],
        )

    def _step(self, title: str, text: str, done: set[str], doors: Callable[[Need], list[Door]]) -> Step:
        rows = [Row(need.name, need.resource in done, doors(need)) for need in self.needs]
        return Step(title, text, all(row.is_done for row in rows), rows=rows)

    def _door(self, username: str, node: str, path: str) -> Door:
        who = self.guide.people.get(username) or Who(username, node, "")
        known = self.known.get(username)
        is_here = node == self.own
        url = path if is_here else self.urls.get(node, "") + reverse("home") + "#walk"
        password = known.password if known and is_here else ""
        return Door(username, known.name if known else who.name, who.role, node, url, password)

    def _anybody(self, node: str, path: str) -> Door:
        return Door("", "", "", node, path)

    def _request_url(self, need: Need) -> str:
        guide = self.guide
        filled = {
            "resource": need.resource,
            "purpose": guide.item,
            "wanted": need.fields,
            "modes": need.mode,
            "purpose_text": guide.purpose_text,
            "legal_basis": guide.legal_basis,
            "applications": guide.application,
        }
        return f"{reverse('request-form')}?{urlencode(filled, doseq=True)}"


def tree(nodes: list[tuple[Node, str]], own: str) -> list[dict[str, object]]:
    """Nodes under their parents, for drawing: [{node, is_own, children}]; ``nodes`` with their parents' codes."""
    made = {node.code: {"node": node, "is_own": node.code == own, "children": []} for node, _parent in nodes}
    roots: list[dict[str, object]] = []
    for node, parent in nodes:
        siblings = made[parent]["children"] if parent in made else roots
        assert isinstance(siblings, list)  # noqa: S101 - for the type checker
        siblings.append(made[node.code])
    return roots

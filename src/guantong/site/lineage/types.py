"""What the picture is made of."""

from dataclasses import dataclass, field
from typing import Final

KINDS: Final = ("table", "column", "entry", "item", "element", "grant", "job", "target", "service", "case")
"""The kinds of nodes, in the order in which data flows."""


@dataclass(frozen=True)
class Node:
    """One thing. ``key`` names it among its kind; ``href`` leads to its page, empty where it has none."""

    kind: str
    key: str
    label: str
    href: str = ""
    note: str = ""
    is_broken: bool = False

    @property
    def id(self) -> str:
        """Kind and key: what an address starts the picture with."""
        return f"{self.kind}:{self.key}"


@dataclass
class Graph:
    """Nodes by id, edges from source to user, which of them lie up and down of the start, and what is not shown.

    ``hidden`` counts, by kind, what there is but the visitor may not see, or what goes beyond the limit.
    """

    start: Node
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: set[tuple[str, str]] = field(default_factory=set)
    up: set[str] = field(default_factory=set)
    down: set[str] = field(default_factory=set)
    hidden: dict[str, int] = field(default_factory=dict)
    is_cut: bool = False

    def counts(self, side: set[str]) -> dict[str, int]:
        """How many of each kind lie on one side."""
        found: dict[str, int] = {}
        for each in sorted(side):
            kind = self.nodes[each].kind
            found[kind] = found.get(kind, 0) + 1
        return {kind: found[kind] for kind in KINDS if kind in found}

    def hide(self, kind: str, count: int) -> None:
        """Count what is not shown."""
        if count > 0:
            self.hidden[kind] = self.hidden.get(kind, 0) + count

"""Who acts, and on what: plain values that every room may pass around."""

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["person", "application", "node", "system"]


@dataclass(frozen=True)
class Actor:
    """Who did something. ``id`` is the actor's public identifier; ``organisation`` an organisation's code."""

    kind: ActorKind
    id: str
    name: str
    organisation: str = ""


SYSTEM = Actor("system", "system", "系统")


@dataclass(frozen=True)
class Subject:
    """What was acted upon: its kind (a word of the glossary) and public identifier."""

    kind: str
    id: str

"""规则集: the rules in force, and where a grant has its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from guantong.risk.types import AnyRule, Scope

R = TypeVar("R", bound=AnyRule)


@dataclass(frozen=True)
class Rules:
    """``general`` hold for all; ``local`` says by grant which of them it has in another wording."""

    general: Sequence[AnyRule]
    local: Mapping[str, Mapping[str, AnyRule]] = field(default_factory=dict)

    def of(self, scope: Scope, key: str) -> Sequence[AnyRule]:
        """The rules by which a key is judged."""
        own = self.local.get(key) if scope == "grant" else None
        return [own.get(rule.code, rule) for rule in self.general] if own else self.general

    def for_grant(self, rule: R, grant: str) -> R:
        """A rule as a grant has it."""
        own = self.local.get(grant, {}).get(rule.code)
        return own if isinstance(own, type(rule)) else rule

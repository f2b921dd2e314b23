"""Trust policies (https://c2sp.org/tlog-policy): which logs, which witnesses, how many must have cosigned."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from guantong.kit.errors import GuantongError
from guantong.kit.suites import BadKey, VerifyKey


class PolicyMalformed(GuantongError):
    """A policy file that does not follow its grammar, with the number of the line."""

    code = "policy_malformed"
    status = 500
    zh = "策略文件第 {line} 行不正确：{why}。"
    en = "Line {line} of the policy file is wrong: {why}."


@dataclass(frozen=True, slots=True)
class Party:
    """A log or a witness: its key and, where given, the address to reach it at."""

    key: VerifyKey
    url: str | None


@dataclass(frozen=True, slots=True)
class Policy:
    """The parsed policy. ``witnesses`` is keyed by the file's own names for them."""

    logs: tuple[Party, ...]
    witnesses: Mapping[str, Party]
    quorum: str
    _is_met: Callable[[Collection[str]], bool] = field(repr=False, compare=False)

    def is_met_by(self, cosigners: Collection[str]) -> bool:
        """Whether cosignatures by these keys (``<name>+<key id>``) make a quorum."""
        return self._is_met(cosigners)

    def log(self, origin: str) -> Mapping[str, VerifyKey]:
        """The keys by which the log with that origin signs or has signed, by reference; none if it is not named."""
        return {party.key.ref: party.key for party in self.logs if party.key.name == origin}


_NOBODY = "none"
_ALWAYS: Callable[[Collection[str]], bool] = lambda _: True  # noqa: E731 - a rule, not a step

NO_WITNESSES = Policy((), {}, _NOBODY, _ALWAYS)
"""The policy of a log that nobody witnesses."""


def read_policy(text: str) -> Policy:
    """The policy that ``text`` writes; :class:`PolicyMalformed` names the line."""
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.replace("\t", " ").split(" ")
        words = [word for word in words if word]
        if not words or words[0].startswith("#"):
            continue
        try:
            reader.take(words[0], words[1:])
        except (_WrongLine, BadKey) as fault:
            raise PolicyMalformed(line=number, why=str(fault)) from fault
    if reader.quorum is None:
        raise PolicyMalformed(line=text.count("\n") + 1, why="no quorum line")
    name, rule = reader.quorum
    return Policy(tuple(reader.logs), reader.witnesses, name, rule)


class _WrongLine(ValueError):
    pass


class _Reader:
    def __init__(self) -> None:
        self.logs: list[Party] = []
        self.witnesses: dict[str, Party] = {}
        self.quorum: tuple[str, Callable[[Collection[str]], bool]] | None = None
        self._rules: dict[str, Callable[[Collection[str]], bool]] = {}
        self._members: set[str] = set()

    def take(self, keyword: str, words: list[str]) -> None:
        match keyword, words:
            case "log", [vkey, *url] if len(url) <= 1:
                self._take_log(_party(vkey, url))
            case "witness", [name, vkey, *url] if len(url) <= 1:
                self._take_witness(name, _party(vkey, url))
            case "group", [name, threshold, *members] if members:
                self._take_group(name, threshold, members)
            case "quorum", [name] if self.quorum is None:
                self.quorum = (name, _ALWAYS if name == _NOBODY else self._rule(name))
            case _:
                raise _WrongLine(f"cannot read {keyword!r} here")

    def _take_log(self, party: Party) -> None:
        if party.key.is_cosigner or any(log.key.public_bytes == party.key.public_bytes for log in self.logs):
            raise _WrongLine("not a log's key, or listed twice")
        self.logs.append(party)

    def _take_witness(self, name: str, party: Party) -> None:
        known = self.witnesses.values()
        if not party.key.is_cosigner or any(one.key.public_bytes == party.key.public_bytes for one in known):
            raise _WrongLine("not a witness's key, or listed twice")
        ref = party.key.ref
        self._define(name, lambda cosigners: ref in cosigners)
        self.witnesses[name] = party

    def _take_group(self, name: str, threshold: str, members: list[str]) -> None:
        rules = [self._rule(member) for member in members]
        if len(set(members)) != len(members) or self._members & set(members):
            raise _WrongLine("a member of two groups")
        self._members |= set(members)
        needed = {"any": "1", "all": str(len(rules))}.get(threshold, threshold)
        if not (needed.isascii() and needed.isdecimal()) or not 1 <= int(needed) <= len(rules):
            raise _WrongLine("a threshold that cannot be met")
        self._define(name, lambda cosigners: sum(rule(cosigners) for rule in rules) >= int(needed))

    def _define(self, name: str, rule: Callable[[Collection[str]], bool]) -> None:
        if name == _NOBODY or name in self._rules:
            raise _WrongLine(f"{name!r} is taken")
        self._rules[name] = rule

    def _rule(self, name: str) -> Callable[[Collection[str]], bool]:
        if name not in self._rules:
            raise _WrongLine(f"{name!r} is not defined above")
        return self._rules[name]


def _party(vkey: str, url: list[str]) -> Party:
    return Party(VerifyKey.from_text(vkey), url[0] if url else None)

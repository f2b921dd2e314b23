"""What a verifier trusts: the keys of the nodes that sign records, and one policy per log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from guantong.evidence.configuration import read_keys
from guantong.evidence.policy import Policy, read_policy
from guantong.kit import clock
from guantong.kit.errors import GuantongError
from guantong.kit.suites import VerifyKey


class KeySetMissing(GuantongError):
    """There is no key set at that place, or it is not complete."""

    code = "key_set_missing"
    zh = "无法读取公钥目录 {path}：{why}。"
    en = "The key set {path} cannot be read: {why}."


class KeyLineWrong(GuantongError):
    """A line of a key set that is no key, and no former key with its end."""

    code = "key_line_wrong"
    zh = "公钥目录中的一行无法读取：{line}。"
    en = "A line of the key set cannot be read: {line}."


@dataclass(frozen=True, slots=True)
class KeySet:
    """``nodes`` by key reference; the policies of the logs, each log in exactly one of them."""

    nodes: Mapping[str, VerifyKey]
    policies: tuple[Policy, ...]
    until: Mapping[str, str] = field(default_factory=dict)
    """Former keys of nodes, by reference: the moment (RFC 3339) until which what they signed holds."""

    def policy(self, origin: str) -> tuple[Policy, Mapping[str, VerifyKey]] | None:
        """The policy that names the log ``origin``, and the log's keys: several if its key was changed."""
        for policy in self.policies:
            keys = policy.log(origin)
            if keys:
                return policy, keys
        return None

    @classmethod
    def load(cls, path: Path) -> "KeySet":
        """The key set in a folder: ``nodes`` (verifier keys, one a line) and ``*.policy`` (C2SP tlog-policy).

        A former key has its end behind it: ``<verifier key> until <moment>``. A single file serves too: a policy with
        lines ``node <verifier key>`` among the others.
        """
        try:
            if path.is_dir():
                policies = [read_policy(one.read_text("utf-8")) for one in sorted(path.glob("*.policy"))]
                nodes, until = _nodes((path / "nodes").read_text("utf-8"))
                return cls(nodes, tuple(policies), until)
            return cls._from_text(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as fault:
            raise KeySetMissing(path=str(path), why=getattr(fault, "strerror", None) or "not text") from fault

    @classmethod
    def _from_text(cls, text: str) -> "KeySet":
        lines = text.split("\n")
        nodes = [
            line.split(None, 1)[1] for line in lines if line.startswith("node ") and line.split(None, 1)[1:]
        ]
        rest = "\n".join("" if line.startswith("node ") else line for line in lines)
        known, until = _nodes("\n".join(nodes))
        return cls(known, (read_policy(rest),), until)


def _nodes(text: str) -> tuple[Mapping[str, VerifyKey], Mapping[str, str]]:
    """The keys of the nodes by reference, and the last moments of the former ones."""
    lines = [line.split() for line in text.split("\n") if line.strip() and not line.startswith("#")]
    keys = read_keys("\n".join(words[0] for words in lines))
    until = {}
    for words in lines:
        if len(words) > 1:
            if len(words) != 3 or words[1] != "until":
                raise KeyLineWrong(line=" ".join(words))
            until[VerifyKey.from_text(words[0]).ref] = _moment(words[2])
    return keys, until


def _moment(text: str) -> str:
    try:
        return clock.rfc3339(clock.parse(text))
    except ValueError as fault:
        raise KeyLineWrong(line=text) from fault

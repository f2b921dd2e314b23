"""What a verifier trusts: the keys of the nodes that sign records, and one policy per log."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from guantong.evidence.configuration import read_keys
from guantong.evidence.policy import Policy, read_policy
from guantong.kit.errors import GuantongError
from guantong.kit.suites import VerifyKey


class KeySetMissing(GuantongError):
    """There is no key set at that place, or it is not complete."""

    code = "key_set_missing"
    zh = "无法读取公钥目录 {path}：{why}。"
    en = "The key set {path} cannot be read: {why}."


@dataclass(frozen=True, slots=True)
class KeySet:
    """``nodes`` by key reference; the policies of the logs, each log in exactly one of them."""

    nodes: Mapping[str, VerifyKey]
    policies: tuple[Policy, ...]

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

        A single file serves too: a policy with lines ``node <verifier key>`` among the others.
        """
        try:
            if path.is_dir():
                policies = [read_policy(one.read_text("utf-8")) for one in sorted(path.glob("*.policy"))]
                return cls(read_keys((path / "nodes").read_text("utf-8")), tuple(policies))
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
        return cls(read_keys("\n".join(nodes)), (read_policy(rest),))

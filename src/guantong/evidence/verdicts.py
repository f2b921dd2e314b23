"""What an examination of a file comes to: what the file says, what of it is proved, and everything that is wrong."""

from dataclasses import dataclass, field
from typing import Any

from guantong.evidence.keysets import KeySet
from guantong.kit import clock
from guantong.kit.envelope import Envelope
from guantong.kit.errors import GuantongError

LARGEST_FILE = 1 << 22
"""Bytes of a proof, a statement or a document; archives are read piece by piece."""


class FileUnknown(GuantongError):
    """A file that is none of those that can be verified."""

    code = "file_unknown"
    zh = "不是可核验的文件：应为证明文件、签名声明（凭证、协议、承诺、导出清单），或装有它们的 zip。"
    en = (
        "This is no file that can be checked: a proof, a signed statement (receipt, agreement, pledge, "
        "manifest of an export), or a zip of those is wanted."
    )


class FileTooLarge(GuantongError):
    """A file beyond the limit for its kind."""

    code = "file_too_large"
    status = 413
    zh = "文件超过 {limit} 字节，请用 guantong verify 离线核验。"
    en = "The file is larger than {limit} bytes; check it offline with guantong verify."


class DocumentAlone(GuantongError):
    """A document without the statement that signs it."""

    code = "document_alone"
    zh = "单独的文书无法核验：请与其同名的签名协议（.json）一并提交。"
    en = "A document alone cannot be checked: give the signed agreement (.json) of the same name with it."


_MOMENTS = ("at", "issued_at", "published_at", "sent_at")
"""Where a statement says when it was made."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a proof: a code for machines, a sentence in both languages."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``ok`` only without faults. ``facts`` are what the file says; they are proven only if ``ok``.

    ``facts["proved"]`` names the tests that were passed; the words for them are in :mod:`guantong.evidence.sentences`.
    """

    ok: bool
    faults: list[Fault]
    facts: dict[str, Any]


@dataclass(slots=True)
class Examination:
    """One file under the lens. Nothing ends it early: each test adds what it finds."""

    keys: KeySet
    faults: list[Fault] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def fault(self, code: str, zh: str, en: str) -> None:
        """Something is wrong."""
        found = Fault(code, zh, en)
        if found not in self.faults:
            self.faults.append(found)

    def fault_of(self, error: GuantongError) -> None:
        """The same, from a refusal."""
        self.fault(error.code, error.sentence("zh"), error.sentence("en"))

    def passed(self, test: str) -> None:
        """A test was passed."""
        self.facts.setdefault("proved", []).append(test)

    def verdict(self) -> Verdict:
        """What it comes to."""
        return Verdict(not self.faults, self.faults, self.facts)

    def signatures(self, statement: Envelope) -> None:
        """Every signature must be known and fit, and the node that the statement names must be among the signers."""
        for fault in (wrong := statement.faults(self.keys.nodes)):
            self.fault_of(fault)
        is_in_time = self.in_time(statement)
        known = [each.key for each in statement.signatures if each.key in self.keys.nodes]
        signers = sorted(ref.rsplit("+", 1)[0] for ref in known)
        self.facts["signers"] = signers
        is_own = self._is_speaker(statement, signers)
        if is_own and is_in_time and not wrong:
            self.passed("signed")

    def in_time(self, statement: Envelope) -> bool:
        """A key that was changed must have signed before its end: by the moment that the statement claims."""
        claimed = next((statement.body[name] for name in _MOMENTS if name in statement.body), None)
        late = [
            each.key
            for each in statement.signatures
            if each.key in self.keys.until and not _is_before(claimed, self.keys.until[each.key])
        ]
        for ref in late:
            end = self.keys.until[ref]
            self.fault(
                "key_former",
                f"密钥 {ref} 只用到 {end}，之后已更换；所核验内容声称的时间（{claimed}）晚于此。",
                f"The key {ref} was used until {end} and then changed; what it signed claims a later time ({claimed}).",
            )
        return not late

    def _is_speaker(self, statement: Envelope, signers: list[str]) -> bool:
        # A known node must not speak for another: who the record says it is must be among those who signed it.
        node = statement.body.get("node")
        if not isinstance(node, str):
            return True
        self.facts["node"] = node
        if not signers or any(name == node or name.startswith((f"{node}.", f"{node}/")) for name in signers):
            return True
        self.fault(
            "signed_by_another",
            f"凭证自称出自节点 {node}，签名者却是 {'、'.join(signers)}。",
            f"The record claims to come from node {node} but is signed by {', '.join(signers)}.",
        )
        return False


def _is_before(claimed: object, end: str) -> bool:
    try:
        return isinstance(claimed, str) and clock.parse(claimed) <= clock.parse(end)
    except ValueError:
        return False

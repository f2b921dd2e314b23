"""The offline verifier: a proof file and public keys in, one sentence and an exit code out.

It trusts nothing but the key set. A file is good only if *every* byte of it is accounted for: the record is
signed by known nodes, is a leaf of a tree that its log signed, and enough witnesses have cosigned that
tree. It imports nothing but the vocabulary and this package, and uses neither network nor database.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from guantong.evidence import merkle, notes
from guantong.evidence.agreements import PLEDGE_KIND, check_agreement, check_pledge
from guantong.evidence.checkpoints import Checkpoint, CheckpointMalformed, cosigners, read_checkpoint
from guantong.evidence.keysets import KeySet
from guantong.evidence.merkle import ProofWrong
from guantong.evidence.notes import Note, NoteMalformed
from guantong.evidence.proofs import Proof, ProofMalformed, leaf_of, read_proof
from guantong.evidence.sentences import story
from guantong.kit import envelope
from guantong.kit.envelope import BadSignature, Envelope, NotAnEnvelope, UnknownKey
from guantong.kit.errors import GuantongError, Language

LARGEST_FILE = 1 << 22


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a proof: a code for machines, a sentence in both languages."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``ok`` only without faults. ``facts`` are what the file says; they are proven only if ``ok``."""

    ok: bool
    faults: list[Fault]
    facts: dict[str, Any]


@dataclass(slots=True)
class _Examination:
    keys: KeySet
    faults: list[Fault] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def fault(self, code: str, zh: str, en: str) -> None:
        self.faults.append(Fault(code, zh, en))

    def fault_of(self, error: GuantongError) -> None:
        self.fault(error.code, error.sentence("zh"), error.sentence("en"))


def verify(data: bytes, keys: KeySet, document: bytes | None = None) -> Verdict:
    """Examine a proof file (a C2SP tlog-proof with the signed record as extra data); report every fault.

    A signed agreement or pledge, which is a statement by itself, is examined as such; ``document`` is its PDF.
    """
    seen = _Examination(keys)
    if data.startswith(b'{"body":'):
        _examine_agreement(data, document, seen)
        return Verdict(not seen.faults, seen.faults, seen.facts)
    try:
        proof = read_proof(data)
    except ProofMalformed as fault:
        seen.fault_of(fault)
    else:
        _examine_record(proof, seen)
        _examine_checkpoint(proof, seen)
    return Verdict(not seen.faults, seen.faults, seen.facts)


def _examine_agreement(data: bytes, document: bytes | None, seen: _Examination) -> None:
    try:
        kind = envelope.read(data).kind
        nodes = seen.keys.nodes
        body = check_pledge(data, nodes) if kind == PLEDGE_KIND else check_agreement(data, nodes, document)
    except GuantongError as fault:
        seen.fault_of(fault)
        return
    seen.facts |= {"kind": kind, "body": body, "node": body["node"], "has_document": document is not None}


def _examine_record(proof: Proof, seen: _Examination) -> None:
    if proof.extra is None:
        seen.fault(
            "record_missing", "证明文件中没有凭证本身。", "The proof file does not hold the record itself."
        )
        return
    seen.facts["digest"] = sha256(proof.extra).hexdigest()
    try:
        statement = envelope.read(proof.extra)
        seen.facts |= {"kind": statement.kind, "body": statement.body}
        signers = sorted(ref.rsplit("+", 1)[0] for ref in statement.check(seen.keys.nodes))
    except (NotAnEnvelope, UnknownKey, BadSignature) as fault:
        seen.fault_of(fault)
        return
    seen.facts["signers"] = signers
    _examine_speaker(statement, signers, seen)


def _examine_speaker(statement: Envelope, signers: list[str], seen: _Examination) -> None:
    # A known node must not speak for another: who the record says it is must be among those who signed it.
    node = statement.body.get("node")
    if not isinstance(node, str):
        return
    seen.facts["node"] = node
    if not any(name == node or name.startswith((f"{node}.", f"{node}/")) for name in signers):
        seen.fault(
            "signed_by_another",
            f"凭证自称出自节点 {node}，签名者却是 {'、'.join(signers)}。",
            f"The record claims to come from node {node} but is signed by {', '.join(signers)}.",
        )


def _examine_checkpoint(proof: Proof, seen: _Examination) -> None:
    try:
        note = notes.read(proof.checkpoint)
        checkpoint = read_checkpoint(note.text)
    except (NoteMalformed, CheckpointMalformed) as fault:
        seen.fault_of(fault)
        return
    seen.facts |= {"origin": checkpoint.origin, "index": proof.index, "size": checkpoint.size}
    _examine_inclusion(proof, checkpoint, seen)
    _examine_signatures(note, checkpoint, seen)


def _examine_inclusion(proof: Proof, checkpoint: Checkpoint, seen: _Examination) -> None:
    if proof.extra is None:
        return
    try:
        root = merkle.root_of_inclusion(proof.index, checkpoint.size, leaf_of(proof.extra), proof.path)
    except ProofWrong as fault:
        seen.fault_of(fault)
        return
    if root != checkpoint.root:
        seen.fault(
            "not_in_this_tree",
            "凭证不在检查点所签署的树中：内容、位置或日志被改动过。",
            "The record is not in the tree that the checkpoint signs: content, place or log was changed.",
        )


def _examine_signatures(note: Note, checkpoint: Checkpoint, seen: _Examination) -> None:
    trusted = seen.keys.policy(checkpoint.origin)
    if trusted is None:
        seen.fault(
            "unknown_log",
            f"公钥目录中没有日志 {checkpoint.origin} 的策略。",
            f"The key set has no policy for the log {checkpoint.origin}.",
        )
        return
    policy, log_key = trusted
    witnesses = {party.key.ref: party.key for party in policy.witnesses.values()}
    signed = note.signed_by({log_key.ref: log_key})
    cosigned = cosigners(note, witnesses.values())
    listed = [signature.ref for signature in note.signatures]
    if log_key.ref not in listed:
        seen.fault(
            "log_signature_missing", "检查点缺少日志的签名。", "The checkpoint lacks the log's signature."
        )
    for ref in listed:
        if ref not in {log_key.ref, *witnesses} or listed.count(ref) > 1:
            seen.fault(
                "unknown_signature",
                f"检查点上有不认识的签名 {ref}。",
                f"The checkpoint bears an unknown signature {ref}.",
            )
        elif ref not in signed and ref not in cosigned:
            seen.fault(
                "signature_wrong",
                f"{ref} 对检查点的签名不成立。",
                f"The signature of {ref} does not fit the checkpoint.",
            )
    if not policy.is_met_by(cosigned):
        missing = sorted(set(witnesses) - set(cosigned))
        seen.fault(
            "witness_missing",
            f"见证方会签不足，缺少：{'、'.join(missing)}。",
            f"Too few witnesses have cosigned; missing: {', '.join(missing)}.",
        )
    seen.facts["witnesses"] = {ref.rsplit("+", 1)[0]: at_s for ref, at_s in cosigned.items()}


def main(argv: Sequence[str]) -> int:
    """``guantong verify FILE… --keys KEYS [--lang zh|en]``: 0 if all are good, 1 if not, 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="guantong verify", description="离线核验凭证 / verify proofs offline"
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="证明文件 / proof file")
    parser.add_argument(
        "--keys", required=True, type=Path, help="公钥目录 / folder with public keys and policies"
    )
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    try:
        asked = parser.parse_args(argv)
    except SystemExit as leaving:
        return 2 if leaving.code else 0
    try:
        keys = KeySet.load(asked.keys)
    except GuantongError as fault:
        sys.stderr.write(fault.sentence(asked.lang) + "\n")
        return 2
    verdicts = [_tell(path, keys, asked.lang) for path in asked.files]
    return 0 if all(verdicts) else 1


def _document_beside(path: Path) -> bytes | None:
    """The document of an agreement, if it lies beside it under the same name."""
    document = path.with_suffix(".pdf")
    if path.suffix != ".json" or not document.is_file():
        return None
    with document.open("rb") as file:
        return file.read(LARGEST_FILE)


def _tell(path: Path, keys: KeySet, language: Language) -> bool:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE)
        verdict = verify(data, keys, _document_beside(path))
    except OSError as fault:
        unreadable = Fault(
            "unreadable", f"无法读取：{fault.strerror}。", f"It cannot be read: {fault.strerror}."
        )
        verdict = Verdict(ok=False, faults=[unreadable], facts={})
    colon = ": " if language == "en" else "："
    if verdict.ok:
        sys.stdout.write(f"✔ {path.name}{colon}{story(verdict.facts, language)}\n")
    else:
        whys = [f"{getattr(fault, language)} [{fault.code}]" for fault in verdict.faults]
        sys.stdout.write(f"✘ {path.name}{colon}{' '.join(whys)}\n")
    return verdict.ok

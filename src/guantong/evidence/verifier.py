"""The offline verifier: files and public keys in, everything that they prove and everything that is wrong out.

It trusts nothing but the key set. A proof is good only if *every* byte of it is accounted for: the record is
signed by known nodes, is a leaf of a tree that its log signed, and enough witnesses have cosigned that
tree. It imports nothing but the vocabulary and this package, and uses neither network nor database.
The command is :mod:`guantong.evidence.verifying`, the page that of the same name.
"""

from hashlib import sha256

from guantong.evidence import accusations, merkle, notes
from guantong.evidence.agreements import (
    AGREEMENT_KIND,
    PLEDGE_KIND,
    examine_agreement,
    examine_pledge,
)
from guantong.evidence.checkpoints import Checkpoint, CheckpointMalformed, cosigners, read_checkpoint
from guantong.evidence.keysets import KeySet
from guantong.evidence.merkle import ProofWrong
from guantong.evidence.notes import Note, NoteMalformed, NoteSignature
from guantong.evidence.proofs import Sketch, leaf_of, survey
from guantong.evidence.verdicts import DocumentAlone, Examination, Fault, FileUnknown, Verdict
from guantong.kit import canonical, envelope
from guantong.kit.canonical import NotCanonical
from guantong.kit.envelope import Envelope, NotAnEnvelope
from guantong.kit.errors import GuantongError

__all__ = ["Fault", "Verdict", "verify"]

_PROOF, _STATEMENT, _DOCUMENT = b"c2sp.org/tlog-proof@", b'{"body":', b"%PDF-"


def verify(data: bytes, keys: KeySet, document: bytes | None = None) -> Verdict:
    """Examine a file by what is in it, whatever its name; report every fault.

    A proof file is a C2SP tlog-proof with the signed record as extra data. A signed statement by itself (a receipt,
    an agreement or pledge, an export's manifest) is examined as such; ``document`` is an agreement's PDF. An accusation
    is good if it proves that a log signed two histories.
    """
    seen = Examination(keys)
    if data.startswith(_STATEMENT):
        _examine_statement(data, document, seen)
    elif data.startswith(accusations.START):
        _examine_accusation(data, seen)
    elif data.startswith(_DOCUMENT):
        seen.fault_of(DocumentAlone())
    elif _PROOF in data[:64]:
        _examine_proof(survey(data), seen)
    else:
        seen.fault_of(FileUnknown())
    return seen.verdict()


def _examine_statement(data: bytes, document: bytes | None, seen: Examination) -> None:
    try:
        statement = envelope.read(data)
    except NotAnEnvelope as fault:
        seen.fault_of(fault)
        return
    seen.facts |= {"form": "statement", "kind": statement.kind, "body": statement.body}
    seen.facts["digest"] = sha256(data).hexdigest()
    if statement.kind not in {AGREEMENT_KIND, PLEDGE_KIND}:
        seen.signatures(statement)
        return
    is_agreement = statement.kind == AGREEMENT_KIND
    seen.facts["form"] = "agreement" if is_agreement else "pledge"
    seen.facts["has_document"] = document is not None
    if isinstance(node := statement.body.get("node"), str):
        seen.facts["node"] = node
    nodes = seen.keys.nodes
    found = examine_agreement(data, nodes, document) if is_agreement else examine_pledge(data, nodes)
    for each in found.faults:
        seen.fault_of(each)
    in_time = [seen.in_time(each) for each in (statement, *_pledge_of(statement))]
    if not found.faults and all(in_time):
        tests = ("both_signed", *(("within_pledge",) if is_agreement else ()))
        for test in (*tests, *(("document",) if is_agreement and document is not None else ())):
            seen.passed(test)


def _pledge_of(agreement: Envelope) -> list[Envelope]:
    try:
        return [envelope.read(canonical.dumps(agreement.body["pledge"]))]
    except (LookupError, NotCanonical, NotAnEnvelope, TypeError):
        return []  # an agreement without a whole pledge is told by examine_agreement


def _examine_accusation(data: bytes, seen: Examination) -> None:
    seen.facts |= {"form": "accusation", "kind": accusations.KIND, "body": {}}
    keys = [party.key for policy in seen.keys.policies for party in policy.logs]
    try:
        larger, smaller = accusations.check_accusation(accusations.read_accusation(data), keys)
    except GuantongError as fault:
        seen.fault_of(fault)
        return
    seen.facts |= {"origin": larger.origin, "sizes": [larger.size, smaller.size]}
    seen.passed("two_histories")


def _examine_proof(sketch: Sketch, seen: Examination) -> None:
    seen.facts["form"] = "proof"
    for fault in sketch.faults:
        seen.fault_of(fault)
    _examine_record(sketch, seen)
    if sketch.checkpoint is not None:
        _examine_checkpoint(sketch, sketch.checkpoint, seen)


def _examine_record(proof: Sketch, seen: Examination) -> None:
    if proof.extra is None:
        seen.fault(
            "record_missing", "证明文件中没有凭证本身。", "The proof file does not hold the record itself."
        )
        return
    seen.facts["digest"] = sha256(proof.extra).hexdigest()
    try:
        statement = envelope.read(proof.extra)
    except NotAnEnvelope as fault:
        seen.fault_of(fault)
        return
    seen.facts |= {"kind": statement.kind, "body": statement.body}
    seen.signatures(statement)


def _examine_checkpoint(proof: Sketch, written: bytes, seen: Examination) -> None:
    note = _note(written, seen)
    if note is None:
        return
    try:
        checkpoint = read_checkpoint(note.text)
    except CheckpointMalformed as fault:
        seen.fault_of(fault)
        # Which log it claims to be still says whose signatures to look for.
        _examine_signatures(note, note.text.partition("\n")[0], seen)
        return
    seen.facts |= {"origin": checkpoint.origin, "index": proof.index, "size": checkpoint.size}
    _examine_inclusion(proof, checkpoint, seen)
    _examine_signatures(note, checkpoint.origin, seen)


def _note(written: bytes, seen: Examination) -> Note | None:
    """The checkpoint's note; where some of it is malformed, the text with the signature lines that can be read."""
    try:
        return notes.read(written)
    except NoteMalformed as fault:
        seen.fault_of(fault)
    try:
        text, blank, lines = written.decode("utf-8").rpartition("\n\n")
    except UnicodeDecodeError:
        return None
    found: list[NoteSignature] = []
    for line in lines.split("\n")[: notes.MOST_SIGNATURES] if blank else []:
        try:
            found += notes.read_signatures(f"{line}\n") if line else ()
        except NoteMalformed as fault:
            seen.fault_of(fault)
    return Note(f"{text}\n", tuple(found)) if blank else None


def _examine_inclusion(proof: Sketch, checkpoint: Checkpoint, seen: Examination) -> None:
    if proof.extra is None or proof.index is None or proof.path is None:
        return
    try:
        root = merkle.root_of_inclusion(proof.index, checkpoint.size, leaf_of(proof.extra), proof.path)
    except ProofWrong as fault:
        seen.fault_of(fault)
        return
    if root == checkpoint.root:
        seen.passed("in_tree")
        return
    seen.fault(
        "not_in_this_tree",
        "凭证不在检查点所签署的树中：内容、位置或日志被改动过。",
        "The record is not in the tree that the checkpoint signs: content, place or log was changed.",
    )


def _examine_signatures(note: Note, origin: str, seen: Examination) -> None:
    trusted = seen.keys.policy(origin)
    if trusted is None:
        seen.fault(
            "unknown_log",
            f"公钥目录中没有日志 {origin} 的策略。",
            f"The key set has no policy for the log {origin}.",
        )
        return
    policy, log_keys = trusted
    witnesses = {party.key.ref: party.key for party in policy.witnesses.values()}
    signed = note.signed_by(log_keys)
    cosigned = cosigners(note, witnesses.values())
    listed = [signature.ref for signature in note.signatures]
    if not log_keys.keys() & set(listed):
        seen.fault(
            "log_signature_missing", "检查点缺少日志的签名。", "The checkpoint lacks the log's signature."
        )
    for ref in listed:
        if ref not in {*log_keys, *witnesses} or listed.count(ref) > 1:
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
    elif cosigned:
        seen.passed("witnessed")
    if signed:
        seen.passed("log_signed")
    seen.facts["witnesses"] = {ref.rsplit("+", 1)[0]: at_s for ref, at_s in cosigned.items()}

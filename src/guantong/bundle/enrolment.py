"""接入: how an edge proves, the one time that it enrols, that it has been told the token and holds the key."""

import hashlib

from guantong.kit import envelope
from guantong.kit.errors import GuantongError
from guantong.kit.suites import SigningKey, VerifyKey

KIND = "guantong/enrolment@v1"


class EnrolmentProofWrong(GuantongError):
    """The proof is not signed by the key that it brings, or is about something else."""

    code = "enrolment_proof_wrong"
    status = 403
    zh = "接入证明与公钥、编号或口令不符。"
    en = "The proof of enrolment does not fit the key, the edge's code or the token."


def token_digest(token: str) -> str:
    """SHA-256 of a token as hex digits; case, blanks and hyphens do not count, since people type it."""
    return hashlib.sha256("".join(filter(str.isalnum, token.upper())).encode()).hexdigest()


def prove(code: str, token: str, key: SigningKey) -> str:
    """The proof that whoever holds ``key`` was told the token of the edge ``code``."""
    return envelope.seal(KIND, {"code": code, "token": token_digest(token)}, key).decode()


def check(proof: str, *, code: str, digest: str, key: VerifyKey) -> None:
    """EnrolmentProofWrong unless ``proof`` is signed by ``key``, for the edge ``code`` and the token of that ``digest``."""
    try:
        read = envelope.read(proof.encode())
        signed_by = read.check({key.ref: key})
    except GuantongError as error:
        raise EnrolmentProofWrong from error
    if read.kind != KIND or signed_by != {key.ref} or read.body != {"code": code, "token": digest}:
        raise EnrolmentProofWrong

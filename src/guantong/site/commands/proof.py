"""``guantong proof DIGEST``: the proof file of a record of this node, wherever the record rests now."""

import argparse
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from guantong.courier.client import SyncCourier
from guantong.evidence import archive
from guantong.evidence.archive import Archive
from guantong.evidence.index import Index
from guantong.evidence.log import NotInLogYet
from guantong.evidence.proofs import read_proof
from guantong.kit.errors import GuantongError
from guantong.site.node import node_settings


class NoDigest(GuantongError):
    """A word that is not the digest of a record."""

    code = "no_digest"
    zh = "{word} 不是凭证的 SHA-256 摘要。"
    en = "{word} is not the SHA-256 digest of a record."


def main(argv: Sequence[str]) -> int:
    """Write the proof of the record with that SHA-256 digest to standard output, or ``--out FILE``."""
    parser = argparse.ArgumentParser(prog="guantong proof", description="取凭证的证明 / a record's proof")
    parser.add_argument("digest", help="SHA-256, 64 hexadecimal digits")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args(argv)
    settings = node_settings()
    digest = _digest(asked.digest)
    folder = settings.archive_place
    record = _record(settings.log_folder, settings.spool_folder, Archive(folder), digest)
    with SyncCourier([settings.log_url]) as courier:
        reply = courier.send("GET", f"{settings.log_url.rstrip('/')}/proof/{digest.hex()}", peer="log")
    if reply.status != 200:
        raise NotInLogYet
    proof = read_proof(reply.body).with_record(record).to_bytes()
    if asked.out:
        asked.out.write_bytes(proof)
    else:
        sys.stdout.buffer.write(proof)
    return 0


def _digest(word: str) -> bytes:
    try:
        digest = bytes.fromhex(word.removeprefix("sha-256:"))
    except ValueError:
        digest = b""
    if len(digest) != sha256().digest_size:
        raise NoDigest(word=word[:80])
    return digest


def _record(log_folder: Path, spools: Path, store: Archive, digest: bytes) -> bytes:
    if not (log_folder / "log.sqlite").exists():
        raise NotInLogYet
    index = Index(log_folder / "log.sqlite")
    try:
        position = index.position(digest)
        if position is None:
            raise NotInLogYet
        return archive.find(spools, store, *index.place(position))
    finally:
        index.close()

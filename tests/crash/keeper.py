"""A child that archives, or makes a log whole, and dies by its own hand after the n-th write. ``n`` 0 means: never."""

import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from tests.crash.integrator import Fate

from guantong.evidence import archive, notes, spool
from guantong.evidence.archive import Archive
from guantong.evidence.checkpoints import read_checkpoint
from guantong.evidence.log import Log
from guantong.kit.suites import SigningKey


def main(what: str, home: str, key: str, n: str) -> None:
    {"archive": pack, "repair": mend}[what](Path(home), SigningKey.from_text(key), Fate(int(n)))


def pack(folder: Path, key: SigningKey, fate: Fate) -> None:
    del key
    store = Archive(folder / "archive", step=fate.step)
    floors = {"gateway-1": spool.end(folder / "spool", "gateway-1")}
    archive.move_old(store, folder / "spool", floors, before=datetime(2100, 1, 1, tzinfo=UTC))


def mend(folder: Path, key: SigningKey, fate: Fate) -> None:
    """``folder/true`` has the signed note and the records that came after what the log has."""
    log = Log(folder / "log", folder / "spool", key, step=fate.step)
    note = notes.read((folder / "true/note").read_bytes())
    checkpoint = read_checkpoint(note.text)
    if log.latest and log.latest.checkpoint.size < checkpoint.size:
        log.fall_behind(checkpoint.size)
        lines = (folder / "true/records").read_bytes().split(b"\n")
        start = log.latest.checkpoint.size
        log.make_whole([sha256(line).digest() for line in lines[start:]], note, checkpoint)
    while log.integrate(most=100):
        log.sign()
    log.sign()
    log.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

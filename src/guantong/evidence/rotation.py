"""Changing the key of a log or a witness while it runs, so that what the old key signed still holds.

A key is changed in two steps. First the next key is made and announced: it stands on the node's card, so every policy
lists it beside the present one. When those who must know it do, it becomes the present key; the old private key is gone
(a witness keeps it for those that still ask for it), and the old public key stays on the card for good. The log's name,
its origin, is the same all the while.
"""

from pathlib import Path
from typing import Literal

from guantong.evidence import notes
from guantong.evidence.checkpoints import read_checkpoint
from guantong.evidence.configuration import policy_file
from guantong.evidence.cosigning import Cosigning, Send
from guantong.evidence.index import Index
from guantong.evidence.log import Signed
from guantong.evidence.merkle import Hash, consistency_path
from guantong.evidence.tiles import Tiles
from guantong.kit import durable
from guantong.kit.key_files import write_secret
from guantong.kit.suites import INTERNATIONAL, SigningKey

Part = Literal["log", "witness"]
PARTS: tuple[Part, ...] = ("log", "witness")


def read_key(path: Path) -> SigningKey:
    """The private key in ``path``."""
    return SigningKey.from_text(path.read_text("utf-8").strip())


def next_key(folder: Path, part: Part) -> SigningKey | None:
    """The key that was announced and does not sign yet."""
    path = _next(folder, part)
    return read_key(path) if path.exists() else None


def announce(folder: Path, part: Part) -> SigningKey:
    """Make the next key, if there is none waiting; it must be put on the node's card now."""
    name = read_key(folder / f"{part}.key").name
    make = INTERNATIONAL.generate if part == "log" else INTERNATIONAL.generate_witness
    write_secret(_next(folder, part), lambda: make(name).to_text())
    return read_key(_next(folder, part))


def promote(folder: Path, part: Part) -> SigningKey:
    """The announced key signs from now on. Every state that a crash leaves behind is one of before or after."""
    present, following = folder / f"{part}.key", read_key(_next(folder, part))
    old = read_key(present)
    if old.public.to_text() not in former_keys(folder, part):
        listed = "".join(f"{key}\n" for key in [*former_keys(folder, part), old.public.to_text()])
        durable.replace(_former(folder, part), listed.encode())
    if part == "witness":
        durable.replace(folder / "witness.old.key", f"{old.to_text()}\n".encode())
    _next(folder, part).replace(present)
    durable.sync_folder(folder)
    return following


async def refusals(log: Path, following: SigningKey, send: Send) -> list[str]:
    """The witnesses that would not cosign for a log's next key yet, by name: its own latest checkpoint is shown to them.

    ``log`` is the log's folder. A witness that is away counts as one that would not.
    """
    index = Index(log / "log.sqlite")
    try:
        content = index.note("signed")
    finally:
        index.close()
    policy = policy_file(log / "policy").current()
    if content is None:
        return []
    note = notes.read(content)
    signed = Signed(read_checkpoint(note.text), notes.sign(note.text, following))
    tiles = Tiles(log / "tree")

    async def consistency(old: int, new: int) -> list[Hash]:
        return consistency_path(old, new, tiles.node)

    try:
        asking = Cosigning(send, consistency)
        parties = [party for party in policy.witnesses.values() if party.url]
        await asking.ask(signed, parties)
        # The log grows while it is asked for: a witness that has seen more has at least read the signature.
        is_known = asking.largest_seen > signed.checkpoint.size
        return [] if is_known else [party.key.name for party in parties if party.key.ref in asking.troubles]
    finally:
        tiles.close()


def former_keys(folder: Path, part: Part) -> list[str]:
    """The public keys that signed before, oldest first."""
    path = _former(folder, part)
    return path.read_text("utf-8").split() if path.exists() else []


def further_keys(folder: Path) -> list[str]:
    """Every public key of log and witness beside the present ones: those to come first, then the former, newest first."""
    found: list[str] = []
    for part in PARTS:
        present = read_key(folder / f"{part}.key").public.to_text()
        coming = next_key(folder, part)
        listed = [*([coming.public.to_text()] if coming else []), *reversed(former_keys(folder, part))]
        found += [key for key in listed if key != present]
    return found


def _next(folder: Path, part: Part) -> Path:
    return folder / f"{part}.next.key"


def _former(folder: Path, part: Part) -> Path:
    return folder / f"{part}.former"

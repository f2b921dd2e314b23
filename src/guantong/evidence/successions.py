"""How one key of a node follows another: a statement that both of them sign, and the moment of the former's end.

The node's key signs its receipts, messages, cards and bundles. It is changed in two steps: the next key is *announced*
(the present one introduces it; whoever reads the node's card believes both from then on), then *promoted*: it signs,
and the former one is believed until a moment that the card tells, afterwards only for statements from before it.
Whoever held any earlier key can follow the chain of statements to the present one.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec

from guantong.kit import clock, durable, envelope
from guantong.kit.errors import GuantongError
from guantong.kit.key_files import read_key, write_secret
from guantong.kit.keyrings import Former, NodeKeys, PresentRing
from guantong.kit.suites import INTERNATIONAL, NATIONAL, SigningKey, VerifyKey

KIND = "guantong/node-key@v1"
MOST = 20
"""Changes that a card can tell of."""
PRESENT, NEXT, OLD, FORMER = "node.key", "node.next.key", "node.old.key", "node.former"


class SuccessionWrong(GuantongError):
    """Statements that do not lead from one key of a node to the next."""

    code = "succession_wrong"
    status = 422
    zh = "节点密钥的更替声明有误。"
    en = "The statements by which the node's keys follow each other are wrong."


class Succession(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``statement`` introduces a key, signed by the former one and by itself; ``until``: the former's end, if it has ended."""

    statement: Annotated[str, msgspec.Meta(max_length=2_000)]
    until: Annotated[str, msgspec.Meta(max_length=30)] = ""


class TellingKeys(msgspec.Struct, frozen=True):
    """What a node tells whoever knows an earlier key of it: the present one, and how it came to be that."""

    key: str
    successions: Annotated[list[Succession], msgspec.Meta(max_length=MOST)]


def introduce(former: SigningKey, following: SigningKey, at: datetime) -> Succession:
    """``former`` says that ``following`` comes after it, and both sign that."""
    body = {
        "name": former.name,
        "former": former.public.to_text(),
        "next": following.public.to_text(),
        "at": clock.rfc3339(at),
    }
    return Succession(envelope.seal(KIND, body, former, following).decode())


def follow(successions: Sequence[Succession], present: VerifyKey) -> NodeKeys:
    """The keys of the node that signs with ``present``, oldest succession first; SuccessionWrong unless they are a chain."""
    links = [_link(each, present.name) for each in successions]
    coming = None
    if successions and not successions[-1].until:
        before, coming = links.pop()
        if before != present:
            raise SuccessionWrong
    followers = [*(link[0] for link in links[1:]), present]
    if any(link[1] != follower for link, follower in zip(links, followers, strict=False)):
        raise SuccessionWrong
    former = tuple(Former(link[0], each.until) for link, each in zip(links, successions, strict=False))
    if not all(each.until for each in former):
        raise SuccessionWrong
    listed = [present, *([coming] if coming else []), *(each.key for each in former)]
    if len({key.public_bytes for key in listed}) < len(listed):
        raise SuccessionWrong
    return NodeKeys(present, coming, former)


def _link(succession: Succession, name: str) -> tuple[VerifyKey, VerifyKey]:
    """The two keys of a succession whose statement both signed."""
    try:
        sealed = envelope.read(succession.statement.encode())
        former, following = (VerifyKey.from_text(sealed.body[each]) for each in ("former", "next"))
        signers = sealed.check({key.ref: key for key in (former, following)})
        begun = clock.parse(sealed.body["at"])
        is_ended_before = bool(succession.until) and clock.parse(succession.until) < begun
    except (GuantongError, LookupError, TypeError, ValueError, AttributeError) as fault:
        raise SuccessionWrong from fault
    names = {former.name, following.name, sealed.body.get("name")}
    if sealed.kind != KIND or names != {name} or len(signers) != 2 or is_ended_before:
        raise SuccessionWrong
    return former, following


# ── this node's own keys ──


def next_key(folder: Path) -> SigningKey | None:
    """The key that was announced and does not sign yet."""
    return read_key(folder / NEXT) if (folder / NEXT).exists() else None


def announce(folder: Path) -> SigningKey:
    """Make the next key, of the present one's kind, unless one waits; it must be put on the node's card now."""
    present = read_key(folder / PRESENT)
    kind = NATIONAL if present.algorithm == NATIONAL.algorithm else INTERNATIONAL
    write_secret(folder / NEXT, lambda: kind.generate(present.name).to_text())
    return read_key(folder / NEXT)


def promote(folder: Path, *, until: datetime, at: datetime) -> SigningKey:
    """The announced key signs from now on; the former one is believed ``until`` then.

    Every state that a crash leaves behind is that of before, which another call leads on, or that of after.
    """
    with _alone(folder):
        present, following = read_key(folder / PRESENT), read_key(folder / NEXT)
        told = introduce(present, following, at)
        listed = [*_ended(folder, present), Succession(told.statement, clock.rfc3339(until))]
        lines = b"".join(msgspec.json.encode(each) + b"\n" for each in listed[-MOST + 1 :])
        durable.replace(folder / FORMER, lines)
        (folder / OLD).unlink(missing_ok=True)
        write_secret(folder / OLD, present.to_text)
        (folder / NEXT).replace(folder / PRESENT)
        durable.sync_folder(folder)
        return following


def ended_old_key(folder: Path, *, at: datetime) -> VerifyKey | None:
    """The public half of the former private key, if that still rests here although its overlap has ended."""
    old = old_key(folder)
    if old is None:
        return None
    ended = {each.key for each in own_keys(folder).former if clock.parse(each.until) < at}
    return old.public if old.public in ended else None


def forget_old_key(folder: Path, *, at: datetime) -> VerifyKey | None:
    """Delete the former private key once its overlap has ended; its public half if that was done now.

    A key that a change begins to put away meanwhile is another one, and stays.
    """
    with _alone(folder):
        ended = ended_old_key(folder, at=at)
        if ended is not None:
            (folder / OLD).unlink()
            durable.sync_folder(folder)
        return ended


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else changes the node's keys meanwhile."""
    place = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)  # the lock is given back, also by a crash


def own_successions(folder: Path, *, at: datetime) -> list[Succession]:
    """What this node's card tells of its keys: those that ended, and the one to come."""
    present, following = read_key(folder / PRESENT), next_key(folder)
    return [*_ended(folder, present), *([introduce(present, following, at)] if following else [])]


def telling(folder: Path) -> TellingKeys:
    """What this node tells of its keys, for those that missed the news."""
    present = read_key(folder / PRESENT)
    return TellingKeys(present.public.to_text(), _ended(folder, present))


def own_keys(folder: Path) -> NodeKeys:
    """The keys of the node whose keys lie in ``folder``, as its files say at this moment."""
    present, following = read_key(folder / PRESENT).public, next_key(folder)
    ended = follow(_ended(folder, read_key(folder / PRESENT)), present)
    return NodeKeys(present, following.public if following else None, ended.former)


class OwnRing(PresentRing):
    """The keys by which this node may have signed what is read now, as fresh as the last :meth:`renew`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.renew()

    def renew(self) -> None:
        """Look at the files again."""
        self._keys = own_keys(self._folder)


def old_key(folder: Path) -> SigningKey | None:
    """The former private key: what was sealed for it on its way here can still be opened."""
    try:
        return read_key(folder / OLD)
    except FileNotFoundError:
        return None


def _ended(folder: Path, present: SigningKey) -> list[Succession]:
    """The successions that lead to ``present``; one that a crash kept from coming into force is left out."""
    path = folder / FORMER
    if not path.exists():
        return []
    found = [msgspec.json.decode(line, type=Succession) for line in path.read_bytes().splitlines() if line]
    if found and _link(found[-1], present.name)[1] != present.public:
        found.pop()
    return found

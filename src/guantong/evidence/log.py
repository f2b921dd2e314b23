"""The log: it turns spooled records into leaves, signs what the tree has become, and proves what is in it.

The order of writes is what makes a crash harmless: leaves and cursors commit to the index; tiles follow and
are synced; the checkpoint is signed last. Starting up is the same path: tiles are written again from the
last signed size on, and the tree must still have the root that was signed. One integrator at a time, by a
file lock.
"""

import fcntl
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path

from guantong.evidence import merkle, notes, spool
from guantong.evidence.checkpoints import Checkpoint, cosigners, read_checkpoint
from guantong.evidence.configuration import policy_file
from guantong.evidence.generations import begin as begin_generation
from guantong.evidence.index import Index
from guantong.evidence.merkle import Hash
from guantong.evidence.notes import Note, NoteSignature
from guantong.evidence.policy import Policy
from guantong.evidence.proofs import Proof
from guantong.evidence.tiles import TilePath, Tiles, TreeDamaged
from guantong.kit.errors import GuantongError
from guantong.kit.suites import SigningKey, VerifyKey

BATCH = 32_768
"""Leaves a commit when many wait: the more at once, the fewer pages of the index are written again and again."""

RESTORED = "restored"
"""In the log's folder, a file that says that it came from a backup and that no witness was asked since."""

LOST = "~lost"
"""In the index, the writer of leaves whose records were lost with a disk: no spool bears such a name."""

_REMEMBERED_VERDICTS = 64

Step = Callable[[str], None]


class LogBusy(GuantongError):
    """Another process runs this log."""

    code = "log_busy"
    status = 409
    zh = "该日志已有进程在运行。"
    en = "Another process is running this log already."


class NotInLogYet(GuantongError):
    """The record is not a leaf of the signed tree, or not yet."""

    code = "not_in_log_yet"
    status = 404
    zh = "该凭证尚未进入日志。"
    en = "The record is not in the log yet."


class NotYetWitnessed(GuantongError):
    """The record is in the log, but the witnesses have not cosigned a tree that holds it."""

    code = "not_yet_witnessed"
    status = 404
    zh = "该凭证已进入日志，尚待见证方会签。"
    en = "The record is in the log and waits for the witnesses' cosignatures."


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint with the note that signs it and whatever cosignatures it has."""

    checkpoint: Checkpoint
    note: Note


class Log:
    """One log: ``folder`` holds its index and tree, ``spool_folder`` its writers' records.

    The log's origin is the name of its ``key``. ``step`` is called between any two writes with the name of
    what was just done; the tests kill the process there.
    """

    def __init__(
        self, folder: Path, spool_folder: Path, key: SigningKey, *, step: Step = lambda _: None
    ) -> None:
        """Open the log and finish what a crash left undone; :class:`LogBusy`, :class:`TreeDamaged`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._lease = _leased(folder / "lease")
        self._spool_folder = spool_folder
        self._key = key
        self._former: tuple[VerifyKey, ...] = ()
        self._step = step
        self._restored = folder / RESTORED
        self._policy = policy_file(folder / "policy")
        self._index = Index(folder / "log.sqlite")
        self._tiles = Tiles(folder / "tree")
        self._tiled = 0
        self._verdicts: tuple[Policy, dict[Note, bool]] = (self.policy, {})
        self.troubles: dict[str, GuantongError] = {}
        """Writers whose records cannot be read, and why."""
        behind = self._index.note("behind")
        self.behind: int | None = int(behind) if behind else None
        """The size that witnesses have cosigned, if this log was set back behind it: then nothing is added or signed."""
        self._latest = self._kept("signed")
        self._witnessed = self._kept("witnessed")
        try:
            self._recover()
        except BaseException:
            self.close()
            raise

    @property
    def origin(self) -> str:
        """The log's name in its checkpoints."""
        return self._key.name

    @property
    def keys(self) -> Mapping[str, VerifyKey]:
        """The public keys by which this log signs, or has signed."""
        return {key.ref: key for key in (self._key.public, *self._former)}

    @property
    def policy(self) -> Policy:
        """The witnesses and the quorum in force now."""
        return self._policy.current()

    @property
    def policy_trouble(self) -> GuantongError | None:
        """Why the last change of the policy file was not taken, if so."""
        return self._policy.trouble

    @property
    def latest(self) -> Signed | None:
        """The newest signed tree, with the cosignatures it has so far."""
        return self._latest

    @property
    def witnessed(self) -> Signed | None:
        """The newest signed tree that meets the policy in force."""
        candidates = (self._latest, self._witnessed)
        return next((signed for signed in candidates if signed and self._is_witnessed(signed.note)), None)

    @property
    def size(self) -> int:
        """How many leaves there are, signed or not yet."""
        return self._index.size

    @property
    def is_restored(self) -> bool:
        """Whether it came from a backup, and no witness has been asked since how far it had been."""
        return self._restored.exists()

    # ── writing: one thread only ──

    def rekey(self, key: SigningKey, former: Sequence[VerifyKey]) -> None:
        """Sign with ``key`` from the next checkpoint on; it bears the log's name, as the ``former`` ones do."""
        if any(each.name != self.origin for each in (key.public, *former)):
            raise ValueError("a log keeps its name when its key changes")
        self._key, self._former = key, tuple(former)

    def integrate(self, most: int = BATCH) -> int:
        """Make leaves of up to ``most`` waiting records and say how many; :meth:`sign` makes them count."""
        if self.behind is not None:
            return 0
        added = 0
        for writer in spool.writers(self._spool_folder):
            if added < most:
                added += self._integrate_writer(writer, most - added)
        self._fill_tiles()
        return added

    def sign(self) -> Signed | None:
        """Sign the tree as it is now, if it is not signed already; the newest signed tree."""
        size = self._index.size
        if self.behind is None and (self._latest is None or self._latest.checkpoint.size != size):
            self._fill_tiles()
            self._tiles.sync()
            self._step("tiles synced")
            checkpoint = Checkpoint(self.origin, size, merkle.root(size, self._tiles.node))
            self._keep(Signed(checkpoint, notes.sign(checkpoint.text(), self._key)))
        return self._latest

    def cosign(self, signed: Signed, cosignatures: list[NoteSignature]) -> None:
        """Add witnesses' signatures to a tree that this log signed; the caller has verified them."""
        known = {signature.ref for signature in cosignatures}
        kept = [old for old in self._cosignatures_of(signed) if old.ref not in known]
        note = Note(signed.note.text, (signed.note.signatures[0], *kept, *cosignatures))
        self._keep(Signed(signed.checkpoint, note))

    def settle(self) -> None:
        """The witnesses have been asked: what was restored is what they have seen, or it is noted how far it is behind."""
        self._restored.unlink(missing_ok=True)

    def fall_behind(self, seen: int) -> None:
        """A witness has cosigned a tree of ``seen`` leaves, more than this log has: stop until :meth:`make_whole`."""
        begin_generation(self._spool_folder)  # nor do writers know any more which numbers they gave out
        self._index.keep_note("behind", str(seen).encode())
        self._step("behind noted")
        self.behind = seen

    def make_whole(self, digests: Sequence[bytes], note: Note, checkpoint: Checkpoint) -> None:
        """Add the leaves that this log signed once and lost: ``digests`` follow what is signed here now.

        ``note`` is the log's own checkpoint over them all; :class:`TreeDamaged` if they do not lead to its root. Records
        that wait in the spool and are among them become those leaves; the others are known by their digest alone.
        """
        base = self._latest.checkpoint.size if self._latest else 0
        if self._index.size > base:  # integrated, never signed: the signed history goes on differently
            self._index.cut(base)
            self._step("unsigned leaves cut")
        self._tiled = min(self._tiled, base)
        self._tiles.write(base, digests)
        self._tiles.sync()
        self._step("tiles written")
        if checkpoint.size != base + len(digests) or not self._has_root(checkpoint):
            raise TreeDamaged(why=f"another root at size {checkpoint.size}")
        leaves, cursors = self._places(digests, base)
        self._index.make_whole(leaves, cursors, note.to_bytes())
        self._step("made whole")
        self._tiled = checkpoint.size
        self._latest, self.behind = Signed(checkpoint, note), None

    # ── reading: any thread ──

    def proof(self, digest: bytes) -> Proof:
        """The proof that the record with this SHA-256 ``digest`` is in the witnessed tree.

        :class:`NotInLogYet` and :class:`NotYetWitnessed` say what it waits for.
        """
        position, latest, witnessed = self._index.position(digest), self._latest, self.witnessed
        if position is None or latest is None or position >= latest.checkpoint.size:
            raise NotInLogYet
        if witnessed is None or position >= witnessed.checkpoint.size:
            raise NotYetWitnessed
        path = merkle.inclusion_path(position, witnessed.checkpoint.size, self._tiles.node)
        return Proof(position, tuple(path), witnessed.note.to_bytes())

    def consistency(self, old: int, new: int) -> list[Hash]:
        """The proof that the tree of ``new`` leaves begins with that of ``old``."""
        return merkle.consistency_path(old, new, self._tiles.node)

    def tile(self, path: TilePath) -> bytes | None:
        """The bytes of a tile of the signed tree, None if there is no such tile."""
        signed = self._latest.checkpoint.size if self._latest else 0
        height = 8 * path.level if isinstance(path.level, int) else 0
        if path.number * 256 + path.width > signed >> height:
            return None
        return self._tiles.read(path)

    def close(self) -> None:
        """Let go of the files and the lease."""
        self._tiles.close()
        self._index.close()
        os.close(self._lease)

    def _places(
        self, digests: Sequence[bytes], base: int
    ) -> tuple[list[tuple[str, int, bytes]], dict[str, int]]:
        """Where the records of leaves that came back lie: in a writer's spool, or nowhere any more (:data:`LOST`)."""
        wanted = {digest: number for number, digest in enumerate(digests)}
        leaves = [(LOST, base + number, digest) for number, digest in enumerate(digests)]
        cursors: dict[str, int] = {}
        for writer in spool.writers(self._spool_folder):
            # What of a writer cannot be read any more stays a lost record: its digest is in the tree all the same.
            with suppress(spool.SpoolDamaged):
                for found in spool.read(self._spool_folder, writer, self._index.cursor(writer)):
                    number = wanted.pop(sha256(found.record).digest(), None)
                    if number is None:
                        break  # a writer's records became leaves in their order: the rest is new
                    leaves[number] = (writer, found.offset, digests[number])
                    cursors[writer] = found.next_offset
        return leaves, cursors

    def _integrate_writer(self, writer: str, most: int) -> int:
        offset = self._index.cursor(writer)
        end = spool.end(self._spool_folder, writer)
        if end == offset:
            return 0
        if end < offset:  # records that are leaves already have vanished from the spool
            self.troubles[writer] = spool.SpoolDamaged(writer=writer, offset=end)
            return 0
        rows: list[tuple[int, bytes]] = []
        try:
            for one in islice(spool.read(self._spool_folder, writer, offset), most):
                rows.append((one.offset, sha256(one.record).digest()))
                offset = one.next_offset
            self.troubles.pop(writer, None)
        except spool.SpoolDamaged as fault:
            self.troubles[writer] = fault  # one writer's damage must not stop the others
            return 0
        if rows:
            self._step("records read")
            self._index.add(writer, rows, offset)
            self._step("leaves committed")
        return len(rows)

    def _keep(self, signed: Signed) -> None:
        content = signed.note.to_bytes()
        is_newest = self._latest is None or signed.checkpoint.size >= self._latest.checkpoint.size
        if is_newest:
            self._index.keep_note("signed", content)
            self._step("checkpoint kept")
            self._latest = signed
        before = self._witnessed.checkpoint.size if self._witnessed else 0
        if signed.checkpoint.size >= before and self._is_witnessed(signed.note):
            self._index.keep_note("witnessed", content)
            self._step("witnessed checkpoint kept")
            self._witnessed = signed

    def _kept(self, kind: str) -> Signed | None:
        content = self._index.note(kind)
        if content is None:
            return None
        note = notes.read(content)
        return Signed(read_checkpoint(note.text), note)

    def _recover(self) -> None:
        signed = self._latest.checkpoint if self._latest else Checkpoint(self.origin, 0, merkle.EMPTY_ROOT)
        if signed.origin != self.origin or signed.size > self._index.size:
            raise TreeDamaged(why="the index is shorter than what was signed, or belongs to another log")
        self._tiled = signed.size
        self._fill_tiles()
        if not self._has_root(signed):
            self._tiled = 0  # the tree's files were lost or harmed: the index still knows every leaf
            self._fill_tiles()
            if not self._has_root(signed):
                raise TreeDamaged(why=f"another root at size {signed.size}")

    def _fill_tiles(self) -> None:
        if self._tiled == self._index.size:
            return
        for digests in self._index.digests(self._tiled):
            self._tiles.write(self._tiled, digests)
            self._tiled += len(digests)
        self._step("tiles written")

    def _has_root(self, checkpoint: Checkpoint) -> bool:
        try:
            return merkle.root(checkpoint.size, self._tiles.node) == checkpoint.root
        except TreeDamaged:
            return False

    def _is_witnessed(self, note: Note) -> bool:
        policy = self.policy
        if policy is not self._verdicts[0] or len(self._verdicts[1]) > _REMEMBERED_VERDICTS:
            self._verdicts = (policy, {})
        verdicts = self._verdicts[1]
        if note not in verdicts:
            witnesses = (party.key for party in policy.witnesses.values())
            verdicts[note] = policy.is_met_by(cosigners(note, witnesses))
        return verdicts[note]

    def _cosignatures_of(self, signed: Signed) -> tuple[NoteSignature, ...]:
        latest = self._latest
        same = latest is not None and latest.note.text == signed.note.text
        return (latest.note if latest and same else signed.note).signatures[1:]


def _leased(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise LogBusy from None
    return file

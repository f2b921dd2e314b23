"""The consumer's half of a run that was read elsewhere: chunks are taken from the mailroom and applied in order."""

from collections.abc import Callable
from contextlib import ExitStack

from guantong.bundle.types import Bundle
from guantong.exchange.columns import column_of
from guantong.exchange.decide import Permit
from guantong.exchange.errors import ChunkGone
from guantong.exchange.mail.postings import CLOSING, Posting
from guantong.exchange.mail.room import Mailroom
from guantong.exchange.node import Node
from guantong.exchange.progress import Progress
from guantong.exchange.receiving import Receiver
from guantong.exchange.targets.applying import Standing
from guantong.exchange.unpacking import Unpacker


class Taking:
    """Applies what a box holds. ``judge`` gives the permit of this moment, or raises Stopped."""

    def __init__(
        self, node: Node, room: Mailroom, box: str, permit: Permit, progress: Progress,
        judge: Callable[[], Permit], bundle: Callable[[], Bundle],
    ) -> None:  # fmt: skip
        self._node = node
        self._room = room
        self._box = box
        self._permit = permit
        self._progress = progress
        self._judge = judge
        self._unpacker = Unpacker(node, judge, bundle)

    def next_run(self) -> str | None:
        """The run to be applied next: the oldest whole one, else the newest; what a newer one replaced is dropped."""
        runs = self._room.runs(self._box)
        for run in runs[:-1]:
            if self._room.is_whole(self._box, run):
                return run
            self._room.forget(self._box, run)
        return runs[-1] if runs else None

    def take(self, run: str, more: Callable[[], bool] = lambda: False) -> tuple[int, int] | None:
        """Apply what there is of ``run``; rows and chunks of the whole run once its end was applied, else None.

        ``more`` is asked when nothing is there: it waits for more, and says whether any may still come.
        Raises the errors of :mod:`exchange.errors` and the refusals of :mod:`bundle.refusals`.
        """
        with ExitStack() as held:
            posting = self._awaited(run, more)
            if posting is None:
                return None
            receiver, standing = self._opened(posting, held)
            previous = standing.previous
            while posting is not None:
                if _is_known(posting, standing):
                    self._room.taken(posting.name)
                    if posting.name.chunk == CLOSING:
                        return standing.rows, standing.chunk
                elif posting.name.chunk != CLOSING and posting.sealed is None:
                    raise ChunkGone(run=run, chunk=posting.name.chunk)
                else:
                    parcel = self._unpacker.unpacked(posting, previous=previous)
                    previous = parcel.manifest.digest
                    if posting.name.chunk == CLOSING:
                        counts = receiver.close_run(parcel)
                        self._room.taken(posting.name)
                        return counts
                    load, refused = receiver.encoded(parcel)
                    receiver.apply(parcel, load, refused)
                    self._room.taken(posting.name)
                posting = self._awaited(run, more)
        return None

    def _awaited(self, run: str, more: Callable[[], bool]) -> Posting | None:
        while True:
            name = self._room.next(self._box, run)
            if name is not None:
                return self._room.get(name)
            if not more():
                return None

    def _opened(self, posting: Posting, held: ExitStack) -> tuple[Receiver, Standing]:
        """The target, made ready for the run of ``posting``, and how far that run has come there."""
        body, run = posting.body, posting.name.run
        travelling = {column["name"]: column_of(column) for column in body["schema"]}
        receiver = held.enter_context(
            Receiver(self._node, self._permit, travelling, self._progress, is_ordered=body["ordered"])
        )
        receiver.sign_for_the_last(body["declaration"])
        standing = receiver.standing()
        if standing.run != run:
            standing = Standing(run=run, is_closed=False)
            receiver.begin(run, fresh=True)
        elif not standing.is_closed:
            receiver.begin(run, fresh=False)
        self._progress.run = run
        self._progress.expected = int(body.get("expected", 0))
        self._progress.resumed_rows = standing.rows
        return receiver, standing


def _is_known(posting: Posting, standing: Standing) -> bool:
    """Whether the posting is in the target already: applied, but a crash came before it left the room."""
    return standing.is_closed or 0 < posting.name.chunk <= standing.chunk

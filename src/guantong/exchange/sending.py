"""The provider's half of a run whose rows are applied elsewhere, or later: chunks are sealed and posted.

The mailroom's last manifest tells how far the sending has come; nothing else has to survive.
"""

from collections.abc import Callable, Iterator
from contextlib import closing

from guantong.exchange.decide import Permit
from guantong.exchange.mail.postings import box_of, posting_of
from guantong.exchange.mail.room import Mailroom
from guantong.exchange.node import Node
from guantong.exchange.producing import Parcel, Producer
from guantong.exchange.progress import Progress
from guantong.exchange.sealing import Wrap, seal_chunk
from guantong.exchange.starting import Since, gathers_aside, start_from
from guantong.exchange.targets.applying import Standing


class Sending:
    """One run of the sending half. ``wrap`` seals for whoever opens the chunks."""

    def __init__(
        self, node: Node, room: Mailroom, producer: Producer, table: str, wrap: Wrap,
        judge: Callable[[], Permit],
    ) -> None:  # fmt: skip
        self._node = node
        self._room = room
        self._producer = producer
        self._table = table
        self._wrap = wrap
        self._judge = judge
        self._box = box_of(node.code, producer.job.id)

    def standing(self) -> Standing:
        """How far the job has been sent."""
        return self._room.standing(self._box, self._node.suite)

    def chunks(self, *, since: Since | None, progress: Progress | None = None) -> Iterator[str]:
        """Post every chunk and then the run's end; yields the run's name at first, and after each of them."""
        producer, standing = self._producer, self.standing()
        is_aside = gathers_aside(producer.job, is_ordered=bool(producer.order))
        start, is_fresh = start_from(standing, producer, is_aside=is_aside, since=since)
        if is_fresh and not standing.is_closed:
            self._room.forget(self._box, standing.run)
        if progress is not None:
            progress.run = start.run
        yield start.run
        last = Standing(previous=start.previous, high=start.high)
        with closing(producer.parcels(start, self._table, self._judge)) as parcels:
            for parcel in parcels:
                self._post(parcel)
                last = Standing(previous=parcel.manifest.digest, high=parcel.high)
                if progress is not None:
                    _tell(progress, parcel)
                yield start.run
        self._room.put(posting_of(producer.closing(start, last.previous, last.high, 0).manifest.raw, None))
        producer.settle(start.run)
        yield start.run

    def give_up(self) -> None:
        """Forget the run that stands open; what of it was sent is dropped where it is to be applied."""
        standing = self.standing()
        if standing.run and not standing.is_closed:
            self._room.forget(self._box, standing.run)

    def _post(self, parcel: Parcel) -> None:
        sealed = seal_chunk(parcel.stream, self._node.suite, self._wrap, manifest=parcel.manifest.digest)
        self._room.put(posting_of(parcel.manifest.raw, sealed))


def _tell(progress: Progress, parcel: Parcel) -> None:
    body = parcel.manifest.body
    progress.add(chunk=body["chunk"], read=parcel.read, applied=0, refused=parcel.refused, size=body["size"])

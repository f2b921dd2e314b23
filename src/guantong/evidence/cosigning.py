"""How a log gets its checkpoints cosigned: it asks every witness of its policy until all have answered."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

from guantong.evidence import notes, witness
from guantong.evidence.checkpoints import CheckpointMalformed, cosigned_at, read_size
from guantong.evidence.log import Signed
from guantong.evidence.merkle import Hash
from guantong.evidence.notes import NoteMalformed, NoteSignature
from guantong.evidence.policy import Party
from guantong.kit.errors import GuantongError

PATIENCE_S = 3.0

_ATTEMPTS = 3


class Reply(Protocol):
    """A peer's answer, as :class:`guantong.courier.client.Reply`."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, names in lower case."""

    @property
    def body(self) -> bytes:
        """The whole body."""


Send = Callable[[str, str, bytes], Awaitable[Reply]]
"""``send(method, url, body)``."""

Consistency = Callable[[int, int], Awaitable[list[Hash]]]


class Cosigning:
    """Asks witnesses; remembers how far each one has seen this log, and what went wrong with whom."""

    def __init__(self, send: Send, consistency: Consistency) -> None:
        self._send = send
        self._consistency = consistency
        self._seen: dict[str, int] = {}
        self.largest_seen = 0
        """The largest tree of this log that a witness says it has cosigned."""
        self.troubles: dict[str, str] = {}
        """Witness key → why it did not cosign when last asked."""

    async def ask(self, signed: Signed, parties: Iterable[Party]) -> list[NoteSignature]:
        """The cosignatures on ``signed`` that can be had now, from all of ``parties`` at once."""
        found = await asyncio.gather(*(self._ask_one(signed, party) for party in parties))
        return [signature for signature in found if signature]

    async def _ask_one(self, signed: Signed, party: Party) -> NoteSignature | None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                signature = await self._exchange(signed, party)
        except TimeoutError:
            self.troubles[party.key.ref] = "no answer in time"
        except (GuantongError, _Refused) as fault:
            self.troubles[party.key.ref] = str(fault)
        else:
            self.troubles.pop(party.key.ref, None)
            return signature
        return None

    async def _exchange(self, signed: Signed, party: Party) -> NoteSignature:
        size, ref = signed.checkpoint.size, party.key.ref
        for _ in range(_ATTEMPTS):
            old = self._seen.get(ref, 0)
            path = await self._consistency(old, size)
            request = witness.write_request(old, path, signed.note.to_bytes())
            reply = await self._send("POST", f"{(party.url or '').rstrip('/')}/add-checkpoint", request)
            if reply.status == 200:
                self._seen[ref] = size
                return _cosignature(reply.body, signed, party)
            if reply.status != 409 or reply.headers.get("content-type") != witness.SIZE_TYPE:
                raise _Refused(
                    f"refused with {reply.status}: {reply.body[:200].decode('utf-8', 'replace').strip()}"
                )
            seen = _size(reply.body)
            self.largest_seen = max(self.largest_seen, seen)
            if seen > size:
                raise _Refused(f"it has cosigned a larger tree ({seen}) than this log's ({size})")
            if seen == old:
                raise _Refused("it has seen another tree of this size")
            self._seen[ref] = seen
        raise _Refused("what it has seen changes from one question to the next")


class _Refused(Exception):
    pass


def _size(body: bytes) -> int:
    try:
        return read_size(body.decode("ascii").removesuffix("\n"))
    except (UnicodeDecodeError, CheckpointMalformed) as fault:
        raise _Refused("it answers a size that cannot be read") from fault


def _cosignature(body: bytes, signed: Signed, party: Party) -> NoteSignature:
    try:
        signatures = notes.read_signatures(body.decode("utf-8"))
    except (UnicodeDecodeError, NoteMalformed) as fault:
        raise _Refused("its answer cannot be read") from fault
    for signature in signatures:
        if cosigned_at(signed.note.text, signature, party.key) is not None:
            return signature
    raise _Refused("its answer holds no cosignature by its key")

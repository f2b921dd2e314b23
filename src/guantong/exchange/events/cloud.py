"""One row that changed, as a CloudEvent 1.0 in structured JSON (https://github.com/cloudevents/spec, v1.0.2).

``source`` names the provider's node and the resource, ``subject`` is a pseudonym of the row's key that holds within
one grant, ``data`` the granted fields after masks. Extensions: ``grant``, ``purpose``, ``manifest`` (the signed
manifest of the chunk that brought it), ``job``, ``run``; and ``sequence`` where the node itself hands events out.
"""

import base64
import hmac
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
import polars as pl

from guantong.exchange.decide import Permit
from guantong.exchange.targets.applying import Entry
from guantong.kit import clock

CHANGED = "guantong.row.changed"
VANISHED = "guantong.row.gone"
ARRIVED = "guantong.batch.arrived"
MEDIA_TYPE = "application/cloudevents+json"
LARGEST = 900_000
"""Bytes of one event: what brokers take without being asked to take more."""
_SURE = 2**53


@dataclass(frozen=True, slots=True)
class Event:
    """An event ready to be kept: its body is the whole structured form."""

    id: str
    grant: str
    subject: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """Who tells: the permit, the key's columns, and the column that dates a row (or none)."""

    permit: Permit
    key: tuple[str, ...]
    dated: str
    salt: bytes

    def rows(self, rows: pl.DataFrame, entry: Entry) -> Iterator[tuple[int, Event]]:
        """An event for each row, with the row's number."""
        moment = clock.rfc3339(clock.now())
        for number, row in enumerate(rows.iter_rows(named=True)):
            data = {name: plain(value) for name, value in row.items()}
            subject, name = self._subject(data), self._id(data, entry, number)
            body = self._body(name, CHANGED, moment, subject, data, entry)
            yield number, Event(name, self.permit.grant.id, subject, body)

    def gone(self, keys: pl.DataFrame, entry: Entry, *, start: int) -> Iterator[Event]:
        """An event for each row that is no more, of which the key alone is told; ``start`` rows came before them."""
        moment = clock.rfc3339(clock.now())
        for number, row in enumerate(keys.iter_rows(named=True), start):
            data = {name: plain(row[name]) for name in self.key}
            subject, name = self._subject(data), self._place(entry, number)
            body = self._body(name, VANISHED, moment, subject, data, entry)
            yield Event(name, self.permit.grant.id, subject, body)

    def arrived(self, entry: Entry) -> Event:
        """The event that a run is whole."""
        name = f"{self.permit.job.id}/{entry.run}"
        data = {"job": self.permit.job.id, "run": entry.run, "rows": entry.rows}
        moment = clock.rfc3339(clock.now())
        return Event(name, self.permit.grant.id, "", self._body(name, ARRIVED, moment, "", data, entry))

    def _subject(self, data: Mapping[str, Any]) -> str:
        if not self.key:
            return ""
        told = msgspec.json.encode([data.get(name) for name in self.key])
        return hmac.digest(self.salt, b"subject\n" + told, "sha256").hex()[:32]

    def _id(self, data: Mapping[str, Any], entry: Entry, number: int) -> str:
        """The same for the same row in the same state, where rows are dated; else for the same place in a run."""
        if not self.dated or data.get(self.dated) is None:
            return self._place(entry, number)
        told = msgspec.json.encode([self.permit.target.id, self.permit.grant.id, *sorted(data.items())])
        return hmac.digest(self.salt, b"event\n" + told, "sha256").hex()

    def _place(self, entry: Entry, number: int) -> str:
        return f"{self.permit.job.id}/{entry.run}/{entry.chunk}/{number}"

    def _body(
        self, name: str, kind: str, moment: str, subject: str, data: Mapping[str, Any], entry: Entry
    ) -> bytes:
        permit = self.permit
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": name,
            "source": f"urn:guantong:{permit.resource.node}:{permit.resource.code}",
            "type": kind,
            "time": moment,
            **({"subject": subject} if subject else {}),
            "datacontenttype": "application/json",
            "grant": permit.grant.id,
            "purpose": permit.job.purpose,
            "job": permit.job.id,
            "run": entry.run,
            "manifest": entry.digest,
            "data": data,
        }
        return msgspec.json.encode(event)


def told_by(permit: Permit, key: Sequence[str], salt: bytes) -> Told:
    """How rows under this permit are told. Only a date that is neither masked nor rounded to days dates a row."""
    job, columns = permit.job, permit.target.columns
    is_plain = all(permit.masks.get(item, "none") == "none" for item in (job.watermark, *job.key))
    item = permit.resource.items.get(job.watermark)
    is_dated = (
        job.reading == "watermark"
        and bool(key)
        and is_plain
        and {job.watermark, *job.key} <= set(job.fields)
        and item is not None
        and item.type == "T"
    )
    return Told(permit, tuple(key), columns[job.watermark] if is_dated else "", salt)


def plain(value: Any) -> Any:
    """A value as JSON has it: exact numbers and what JSON cannot hold as text, bytes in base64, times in ISO 8601."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if -_SURE <= value <= _SURE else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value)


def with_sequence(body: bytes, number: int) -> bytes:
    """The same event with its number on this node, by which a reader goes on."""
    return body[:-1] + b',"sequence":"%d"}' % number

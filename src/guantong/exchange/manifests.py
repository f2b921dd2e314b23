"""清单: what a chunk holds, signed by the provider's node. Each names the one before, so none can be left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from guantong.bundle.jobs import Job
from guantong.exchange.chunks import Place
from guantong.exchange.columns import Column
from guantong.exchange.decide import Permit
from guantong.kit import canonical, clock, envelope
from guantong.kit.envelope import Envelope
from guantong.kit.suites import SigningKey, Suite

KIND = "guantong/manifest@v1"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A signed manifest. ``raw`` is the envelope, ``digest`` its name (:func:`name_of`), ``body`` what it says."""

    raw: bytes
    digest: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Contents:
    """What one chunk holds, before it is signed for. ``digest`` is that of its bytes as Arrow IPC stream."""

    chunk: int
    rows: int
    read: int
    refused: int
    digest: str
    size: int
    place: Place
    floor: str
    high: str
    form: str = ""
    """How the rows were encoded for the digest; empty: Arrow IPC stream. ``postgresql-copy``: as rows of COPY."""


class Scribe:
    """Signs the manifests of one run, one after the other."""

    def __init__(
        self,
        permit: Permit,
        run: str,
        previous: str,
        *,
        key: SigningKey,
        suite: Suite,
        node: str,
        expected: int = 0,
        until: str = "",
        resent: str = "",
    ) -> None:
        """``node`` is the provider's; ``expected`` the source's estimate of the run's rows, 0 if it has none.

        ``until`` is where a backfill's range of watermarks ends.
        """
        self._until = until
        self._key = key
        self._suite = suite
        self._previous = previous or None
        job = permit.job
        self._head: dict[str, Any] = {
            "job": job.id,
            "run": run,
            "declaration": declaration(job, suite),
            "grant": permit.grant.id,
            "resource": permit.resource.code,
            "version": permit.resource.version,
            "node": node,
            "suite": suite.name,
            "expected": expected,
            "target": job.target,
            "writing": job.writing,
        }
        if resent:
            # Not from the source itself: rows that its officer corrected and handed in.
            self._head["resent"] = resent

    def sign(self, contents: Contents, columns: Mapping[str, Column], *, is_ordered: bool) -> Manifest:
        """The manifest of the next chunk. ``is_ordered``: the run could resume after it."""
        body = {
            **self._head,
            "at": clock.rfc3339(clock.now()),
            "chunk": contents.chunk,
            "rows": contents.rows,
            "read": contents.read,
            "refused": contents.refused,
            "digest": contents.digest,
            "size": contents.size,
            "schema": [column.as_body(name) for name, column in columns.items()],
            "place": [str(value) for value in contents.place],
            "watermark": {"floor": contents.floor, "high": contents.high} | self._range(),
            "ordered": is_ordered,
            "prev": self._previous,
        }
        if contents.form:
            body["form"] = contents.form
        raw = envelope.seal(KIND, body, self._key)
        self._previous = name_of(envelope.read(raw), self._suite)
        return Manifest(raw, self._previous, body)

    def _range(self) -> dict[str, str]:
        return {"until": self._until} if self._until else {}


def name_of(statement: Envelope, suite: Suite) -> str:
    """The digest that names a manifest: of what is signed, whoever signs it (a node signs again for its edges)."""
    return f"{suite.digest_name}:{suite.digest(statement.signed).hex()}"


def declaration(job: Job, suite: Suite) -> str:
    """The digest of what a job says about its data: a run that stands open belongs to one declaration only."""
    told = msgspec.to_builtins(job)
    for name in ("name", "limits", "every_s", "active"):
        told.pop(name)
    return f"{suite.digest_name}:{suite.digest(canonical.dumps(told)).hex()}"


def as_stream(rows: pl.DataFrame, *, is_compressed: bool) -> bytes:
    """The rows as one Arrow IPC stream, by zstd if they are to travel."""
    return rows.write_ipc_stream(
        None,
        compression="zstd" if is_compressed else "uncompressed",
        compat_level=pl.CompatLevel.oldest(),
    ).getvalue()

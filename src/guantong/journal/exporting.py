"""The result of a search as a signed file: rows in a zip, and a manifest that the node signs once the last row is written.

The archive is made while it is sent: rows are read in batches, packed and passed on, so neither memory nor disk grows with it.
The manifest stands last, since it holds the digest of the rows; ``guantong verify`` reads it wherever it stands.
"""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

from guantong.evidence.parcels import EXPORT_KIND, MANIFEST
from guantong.kit import clock, envelope
from guantong.kit.suites import SigningKey

Form = Literal["jsonl", "csv"]
Cells = Mapping[str, Any]

_PIECE = 1 << 16


class _Pipe(io.RawIOBase):
    """A file that keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._at += len(part)
        return len(part)

    def tell(self) -> int:
        return self._at

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def export(
    rows: Iterable[Cells],
    columns: list[str],
    *,
    form: Form,
    stated: Mapping[str, Any],
    key: SigningKey,
    most: int,
    when_done: Callable[[str, int], object],
) -> Iterator[bytes]:
    """The archive's bytes, piece by piece. ``stated`` is what the manifest says of who, when and which search.

    At most ``most`` rows go out; ``is_cut`` in the manifest says whether there were more. ``when_done`` is told the
    digest of the rows and their number before the manifest is signed; an archive that breaks off earlier has no manifest.
    """
    pipe = _Pipe()
    hashed, size, number, is_cut = sha256(), 0, 0, False
    name = f"rows.{form}"
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(name, "w", force_zip64=True) as file:
            for piece, count in _pieces(rows, columns, form, most + 1):
                is_cut = count > most
                if is_cut:
                    break
                number = count
                hashed.update(piece)
                size += len(piece)
                file.write(piece)
                if len(waiting := pipe.take()) > 0:
                    yield waiting
        digest = f"sha-256:{hashed.hexdigest()}"
        when_done(digest, number)
        listed = [{"name": name, "size": size, "digest": digest}]
        body = {**stated, "count": number, "is_cut": is_cut, "limit": most, "files": listed}
        archive.writestr(MANIFEST, envelope.seal(EXPORT_KIND, body, key))
    yield pipe.take()


def stated_by(node: str, who: Mapping[str, str], sought: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """What a manifest says besides its files: which node, for whom, when, and what was looked for."""
    return {"node": node, "at": clock.rfc3339(at), "by": dict(who), "what": "journal", "query": dict(sought)}


def _pieces(rows: Iterable[Cells], columns: list[str], form: Form, most: int) -> Iterator[tuple[bytes, int]]:
    """Each row as it is written, with its number; the heading of a CSV goes with the first."""
    head = _csv_line(columns) if form == "csv" else b""
    number = 0
    for row in rows:
        number += 1
        if number > most:
            return
        line = (
            _csv_line([row.get(name) for name in columns])
            if form == "csv"
            else json.dumps(row, ensure_ascii=False).encode() + b"\n"
        )
        yield head + line, number
        head = b""
    if number == 0 and head:
        yield head, 0


def _csv_line(cells: list[Any]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue().encode()

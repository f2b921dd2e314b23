"""Looking behind a link: the database's own catalogue, the interface through the guarded client, the folder's files.

Reads only, within seconds. What can be reached is what the node's ``sources.json`` names, and nothing else: the path
of an interface is joined to its base address, and the courier refuses whatever leaves that origin.
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from guantong.catalog.harvesting import measuring, reading
from guantong.catalog.harvesting.errors import SourceFailed
from guantong.catalog.harvesting.guessing import item_type
from guantong.catalog.links.types import INTERFACE, NO_HEALTH_PATH, Fault, Seen, SeenColumn, Verdict
from guantong.courier.client import SyncCourier, origin_of
from guantong.courier.errors import DestinationNotAllowed, PeerAnswerTooLarge, PeerTimedOut, PeerUnreachable
from guantong.kit.errors import GuantongError

SECONDS: Final = 5.0
MOST_FILES: Final = 100_000
LARGEST: Final = 1 << 20
# Rows of an interface's answer stand at its top, or under one of these names.
_WRAPPED: Final = ("data", "rows", "list", "records", "result", "items")


class Bound(Protocol):
    """What of a link is needed to look behind it."""

    @property
    def source(self) -> str:
        """The source's name in ``sources.json``."""

    @property
    def dialect(self) -> str:
        """What it is."""

    @property
    def table(self) -> str:
        """Table, path or pattern."""

    @property
    def fresh(self) -> str:
        """The column that says when a row was last written."""


def look(link: Bound, known: Mapping[str, str]) -> "Seen | Verdict":
    """What stands there; or at once the verdict that it is broken, or that this process cannot look."""
    address = known.get(link.source, "")
    if not address:
        return Verdict("unwatched", (Fault("source_elsewhere", detail=link.source),))
    if link.dialect == INTERFACE:
        headers = _headers(known.get(f"{link.source}.headers", ""))
        seen = [_interface(each, link.table, headers) for each in address.split()]
        # Several addresses: it is there as long as one of them answers.
        return next((each for each in seen if isinstance(each, Seen)), seen[0])
    if link.dialect == "folder":
        return _folder(address, link.table)
    if not reading.dialect(address):
        return Verdict("unwatched", (Fault("kind_unwatched", detail=link.dialect),))
    return _table(link, known)


def _table(link: Bound, known: Mapping[str, str]) -> "Seen | Verdict":
    try:
        found = reading.tables(link.source, known, only=link.table, with_sample=False)
        if not found:
            return Verdict("broken", (Fault("table_gone", detail=link.table),))
        names = {column.name for column in found[0].columns}
        fresh = link.fresh if link.fresh in names else ""
        rows, newest_at = measuring.measure(link.source, known, link.table, newest_of=fresh)
    except SourceFailed:
        return Verdict("broken", (Fault("source_failed", detail=link.source),))
    return Seen(columns_of(found[0].columns), rows, newest_at)


def columns_of(columns: "tuple[Any, ...]") -> tuple[SeenColumn, ...]:
    """The columns of a table as :mod:`guantong.catalog.harvesting` has read them."""
    return tuple(SeenColumn(c.name, item_type(c.type), c.type, c.comment) for c in columns)


def _headers(text: str) -> dict[str, str]:
    """What the interface wants to be shown, one ``Name: value`` a line, as the gateway reads it."""
    lines = [line.partition(":") for line in text.splitlines()]
    return {name.strip().lower(): value.strip() for name, colon, value in lines if colon}


def _interface(address: str, path: str, headers: Mapping[str, str]) -> "Seen | Verdict":
    url = address_of(address, "/" if path == NO_HEALTH_PATH else path)
    try:
        with SyncCourier([address], timeout_s=SECONDS, max_body=LARGEST) as courier:
            reply = courier.send("GET", url, headers={"accept": "application/json", **headers})
    except DestinationNotAllowed:
        return Verdict("broken", (Fault("address_refused"),))
    except PeerAnswerTooLarge:
        # It answers, and with more than a look needs.
        return Seen()
    except (PeerUnreachable, PeerTimedOut):
        return Verdict("broken", (Fault("interface_failed"),))
    if fault := _refusal(reply.status, is_health=path != NO_HEALTH_PATH):
        return Verdict("broken", (fault,))
    columns, rows = _fields(reply.body) if reply.status == 200 else (None, None)
    return Seen(columns, rows, _moment(reply.headers.get("last-modified", "")))


def _refusal(status: int, *, is_health: bool) -> Fault | None:
    """What a status says against an interface; of one without a path for it, only that it fails."""
    if not is_health:
        return Fault("interface_failed", detail=str(status)) if status >= 500 else None
    if status in {401, 403}:
        return Fault("interface_refuses", detail=str(status))
    # 400, 405 and 422 are what an interface answers that wants parameters, or another method: it is there.
    is_there = status < 300 or status in {400, 405, 422}
    return None if is_there else Fault("interface_failed", detail=str(status))


def address_of(base: str, path: str) -> str:
    """The path below its base address; :class:`DestinationNotAllowed` for one that would lead elsewhere or out of it."""
    origin = origin_of(base)
    steps = unquote(unquote(path.partition("?")[0])).split("/")
    if (
        {".", ".."} & set(steps)
        or not path.startswith("/")
        or path.startswith("//")
        or "\\" in path
        or urlsplit(path).netloc
    ):
        raise DestinationNotAllowed(origin=origin)
    return base.rstrip("/") + path


def _fields(body: bytes) -> tuple[tuple[SeenColumn, ...] | None, int | None]:
    """The fields of the first row of a JSON answer; None where it is none, or has no rows to look at."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None, None
    if isinstance(told, dict):
        told = next((told[name] for name in _WRAPPED if isinstance(told.get(name), list)), None)
    if not isinstance(told, list):
        return None, None
    if not told or not isinstance(told[0], dict):
        return None, len(told)
    return tuple(SeenColumn(str(name), _letter(value)) for name, value in told[0].items()), len(told)


def _letter(value: object) -> str:
    if isinstance(value, bool):
        return "L"
    return "I" if isinstance(value, int) else "B" if isinstance(value, float) else ""


def _moment(text: str) -> datetime | None:
    try:
        told = parsedate_to_datetime(text)
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _folder(address: str, pattern: str) -> "Seen | Verdict":
    """The files that a pattern names: how many, and how new the newest is. Links are not followed."""
    # The exchange's reader of folders brings its data frames along; a worker that watches no folder does without.
    from guantong.exchange.sources.folder import fits, split_pattern, walk  # noqa: PLC0415

    gone = Verdict("broken", (Fault("folder_gone", detail=pattern),))
    where, wanted = split_pattern(pattern)
    if where is None or "\0" in pattern:
        return gone
    try:
        root = os.open(Path(unquote(urlsplit(address).path)), os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return gone
    count, newest = 0, 0
    try:
        if where:
            os.close(os.open("/".join(where), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root))
        for seen in islice(walk(root, where), MOST_FILES):
            if fits(seen.parts[len(where) :], wanted):
                count, newest = count + 1, max(newest, seen.modified)
    except (OSError, GuantongError):
        return gone
    finally:
        os.close(root)
    return Seen(None, count, datetime.fromtimestamp(newest / 1_000_000, UTC) if newest else None)

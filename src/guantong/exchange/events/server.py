"""Readers fetch events here: ``GET /v1/events/<target>?after=<n>&limit=<n>&wait_s=<s>``, signed by their application.

The answer is a CloudEvents batch; ``guantong-cursor`` says after which number to ask next. A reader keeps that
number with what it did, and asks again from there after a crash. With ``wait_s`` the answer waits for news.
Before each answer the bundle of that moment is asked: only events under grants in force for that application go out.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from guantong.bundle.deciding import Stopped
from guantong.bundle.directory import application_named, key_named
from guantong.bundle.types import Bundle
from guantong.exchange.decide import permit
from guantong.exchange.errors import EventsExpired, QueryMisshapen, SubscriptionUnknown
from guantong.exchange.events.cloud import with_sequence
from guantong.exchange.events.store import EventStore, Kept, path_of
from guantong.kit import clock
from guantong.kit.asgi import (
    Incoming,
    MethodNotAllowed,
    NotReady,
    Outgoing,
    PathUnknown,
    Receive,
    Scope,
    Send,
    answered,
    deliver,
    incoming,
)
from guantong.kit.doorkeeper import Doorkeeper, bound
from guantong.kit.errors import GuantongError
from guantong.kit.http_signatures import Request, Verifier
from guantong.kit.suites import SigningKey

PREFIX = "/v1/events/"
MOST, USUAL = 1000, 100
LARGEST_BODY = 8 << 20
LONGEST_WAIT_S = 25.0
MOST_WAITING = 200
LOOK_EVERY_S = 0.2

logger = logging.getLogger("guantong.exchange.events")


class EventServer:
    """The ASGI application. ``folder`` is the exchange's; with ``key`` answers are signed by the node ``code``."""

    def __init__(
        self, folder: Path, bundle: Callable[[], Bundle | None], url: str, *, key: SigningKey | None = None,
        code: str = "",
    ) -> None:  # fmt: skip
        self._folder = folder
        self._bundle = bundle
        self._url = url.rstrip("/")
        self._key = key
        self._code = code
        self._door = Doorkeeper()
        self._waiting = 0
        self._stores: dict[str, EventStore] = {}
        # SQLite's connections stay with one thread.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="events")

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        del receive  # a GET has no body that would count
        if scope["type"] != "http":
            return
        head = incoming(scope)
        answer = await answered(self._served(head), node=self._code, logger=logger)
        await deliver(send, self._signed(head, answer))

    __call__ = answer

    def close(self) -> None:
        """Give the files back."""
        for store in self._stores.values():
            self._reader.submit(store.close).result()
        self._stores.clear()
        self._reader.shutdown()

    async def _served(self, head: Incoming) -> Outgoing:
        path, _, query = head.path.partition("?")
        target = unquote(path.removeprefix(PREFIX))
        if not path.startswith(PREFIX) or not target:
            raise PathUnknown
        if head.method != "GET":
            raise MethodNotAllowed
        request = Request("GET", self._url + head.path, head.headers)
        keyid = self._door.admit(request, b"", self._key_of, covering=("@target-uri",))
        named = application_named(self._in_force(), keyid)
        reader = named.id if named else keyid
        asked = dict(parse_qsl(query, keep_blank_values=True))
        after, limit = _number(asked, "after", 0, 2**53), _number(asked, "limit", USUAL, MOST)
        wait_s = _number(asked, "wait_s", 0, 3600)
        return await self._news(target, reader, after, max(limit, 1), min(float(wait_s), LONGEST_WAIT_S))

    async def _news(self, target: str, reader: str, after: int, limit: int, wait_s: float) -> Outgoing:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (wait_s if self._waiting < MOST_WAITING else 0.0)
        self._waiting += 1
        try:
            while True:
                grants = grants_for(self._in_force(), target, reader)
                kept, cursor = await loop.run_in_executor(
                    self._reader, self._read, target, after, limit, grants
                )
                if kept or loop.time() >= deadline:
                    return _batch(kept, cursor)
                after = cursor
                await asyncio.sleep(min(LOOK_EVERY_S, max(deadline - loop.time(), 0.0)))
        finally:
            self._waiting -= 1

    def _read(self, target: str, after: int, limit: int, grants: list[str]) -> tuple[list[Kept], int]:
        store = self._stores.get(target)
        if store is None:
            path = path_of(self._folder, target)
            if not path.exists():
                if after:
                    raise EventsExpired(target=target, oldest=after)
                return [], 0
            store = self._stores[target] = EventStore(path)
        forgotten = store.forgotten()
        if 0 < after < forgotten or after > store.last():
            raise EventsExpired(target=target, oldest=forgotten)
        kept, cursor = store.after(after, limit, grants)
        size = 0
        for number, one in enumerate(kept):
            size += len(one.body)
            if size > LARGEST_BODY and number:
                return kept[:number], kept[number - 1].n
        return kept, cursor

    def _in_force(self) -> Bundle:
        bundle = self._bundle()
        if bundle is None:
            raise NotReady
        return bundle

    def _key_of(self, keyid: str) -> Verifier | None:
        application = application_named(self._in_force(), keyid)
        return key_named(application.keys, application.id, keyid) if application else None

    def _signed(self, head: Incoming, answer: Outgoing) -> Outgoing:
        if self._key is None:
            return answer
        request = Request(head.method, self._url + head.path, head.headers)
        return bound(answer, request, self._key, self._code)


def grants_for(bundle: Bundle, target: str, application: str) -> list[str]:
    """The grants under which an application may read a target's events now.

    Raises the refusal of the first that is not in force if none is, SubscriptionUnknown if there never was one.
    """
    declared = bundle.targets.get(target)
    jobs = [
        job
        for job in bundle.jobs.values()
        if (job.target, job.application) == (target, application)
        and declared
        and declared.dialect == "events"
    ]
    grants: dict[str, None] = {}
    refusal: GuantongError = SubscriptionUnknown(target=target, application=application)
    for job in jobs:
        try:
            grants[permit(bundle, job.id, at=clock.now()).grant.id] = None
        except Stopped as stop:
            refusal = stop.reason
        except GuantongError as fault:
            refusal = fault
    if not grants:
        raise refusal
    return list(grants)


def _batch(kept: list[Kept], cursor: int) -> Outgoing:
    body = b"[" + b",".join(with_sequence(one.body, one.n) for one in kept) + b"]"
    headers = {
        "content-type": "application/cloudevents-batch+json; charset=utf-8",
        "guantong-cursor": str(cursor),
    }
    return Outgoing(200, body, headers)


def _number(asked: dict[str, str], name: str, usual: int, most: int) -> int:
    text = asked.get(name, str(usual))
    if not (text.isascii() and text.isdecimal() and len(text) < 17 and int(text) <= most):
        raise QueryMisshapen(name=name, most=most)
    return int(text)

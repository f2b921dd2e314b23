"""The exchange's process: watches the bundle and the orders, runs jobs, carries and hands out postings.

One process a node writes the batch receipts. It needs the node's folder and its databases, and nothing of the
control plane: jobs with a period run by the bundle alone.
"""

import json
import logging
import signal
import socket
import threading
from dataclasses import replace
from types import FrameType
from typing import Self

import uvicorn

from guantong.bundle import orders
from guantong.bundle.addresses import read_secrets
from guantong.bundle.depot import Depot, Rejected
from guantong.bundle.directory import door_key
from guantong.bundle.types import Bundle
from guantong.evidence.successions import PRESENT, OwnRing
from guantong.exchange.errors import JobUnknown
from guantong.exchange.events.delivering import Deliverer
from guantong.exchange.events.server import PREFIX as EVENTS
from guantong.exchange.events.server import EventServer
from guantong.exchange.mail.link import Line, Link, Peer
from guantong.exchange.mail.room import Mailroom
from guantong.exchange.mail.server import Office
from guantong.exchange.node import Node
from guantong.exchange.receipts import Accounts
from guantong.exchange.runner import Runner
from guantong.kit import clock
from guantong.kit.durable import replace_news
from guantong.kit.errors import GuantongError
from guantong.kit.key_files import HeldKey
from guantong.kit.settings import Settings
from guantong.kit.suites import SigningKey, suite

POLL_S = 0.2
SWEEP_EVERY_S = 3600
KEPT_S = 7 * 86_400
"""How long a staged chunk waits to be fetched."""

logger = logging.getLogger("guantong.exchange")


class Exchange:
    """One node's jobs. ``look`` does what is to be done at this moment; ``watch`` does so until told to stop."""

    def __init__(self, settings: Settings) -> None:
        self._key = key = HeldKey(settings.key_folder / PRESENT)
        self._settings = settings
        self._keyring = OwnRing(settings.key_folder)
        self._depot = Depot(settings.bundle_folder, self._keyring, node=settings.node)
        node = node_of(settings, key)
        self.room = Mailroom(node.store())
        self.node = replace(node, mailroom=self.room)
        self.runner = Runner(self.node, self.room, at_once=settings.jobs_at_once)
        self._links: dict[str, Link] = {}
        self._said = ""
        self._stopping = threading.Event()
        self._depot.recover()

    def watch(self) -> None:
        """Until SIGTERM or SIGINT; runs under way rest at their next chunk."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        url, key = self._settings.exchange_url, self.node.key
        events = EventServer(self.node.folder, lambda: self._depot.bundle, url, key=key, code=self.node.code)
        office = Office(self.node, lambda: self._depot.bundle, self.room, url=url, mounts={EVENTS: events})
        deliverer = Deliverer(self.node, lambda: self._depot.bundle)
        # Listeners may be slow: what is being told when the process ends is told again.
        threading.Thread(
            target=deliverer.watch, args=(self._stopping,), name="delivering", daemon=True
        ).start()
        swept = 0.0
        with Serving(office, self._settings.host, self._settings.exchange_port):
            while not self._stopping.is_set():
                self.look()
                self.dial()
                self._tell_links()
                now = clock.now().timestamp()
                if now - swept > SWEEP_EVERY_S:
                    self.room.store.expire(KEPT_S)
                    swept = now
                self._stopping.wait(POLL_S)
        self.close()

    def refresh(self) -> bool:
        """Take in a new bundle if there is one; whether any is in force."""
        self._key.renew()
        self._keyring.renew()
        news = self._depot.poll()
        if isinstance(news, Rejected):
            logger.warning("a bundle was refused: %s", news.reason)
        return self._depot.bundle is not None

    def look(self) -> None:
        """Take in a new bundle and new orders, and start what is due."""
        if self.refresh():
            self.runner.look(self.bundle())
            self._obey()

    def dial(self) -> None:
        """Have a link to every node that we are to dial, and no other."""
        bundle = self._depot.bundle
        wanted = peers_of(bundle) if bundle else {}
        for code in [code for code, link in self._links.items() if wanted.get(code) != link.peer]:
            self._links.pop(code).close()
        for code, peer in wanted.items():
            if code not in self._links:
                line = Line(self.node.code, self.node.key, peer)
                self._links[code] = link = Link(line, self.room, lambda: self._depot.bundle)
                link.start()

    def _tell_links(self) -> None:
        """Leave word of the links for the control plane, when there is something new to say."""
        said = json.dumps([link.as_json() for link in self._links.values()], ensure_ascii=False)
        if said != self._said:
            self._said = said
            path = self.node.folder / "links.json"
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_news(path, said)

    def bundle(self) -> Bundle:
        """The bundle in force."""
        if self._depot.bundle is None:
            raise JobUnknown(job="-")
        return self._depot.bundle

    def close(self) -> None:
        """Have every run rest at its next chunk, and wait for it."""
        for link in self._links.values():
            link.close()
        self.runner.close()
        self.node.accounts.close()

    def _obey(self) -> None:
        folder = self.node.folder / "orders"
        try:
            waiting = orders.waiting(folder, self._keyring, node=self._settings.node)
        except GuantongError as fault:
            logger.warning("an order was refused: %s", fault)
            return
        for order in waiting:
            if not self.runner.obey(order):
                return
            orders.take(folder, order)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopping.set()


class Serving:
    """The office's server, in a thread of its own, for as long as this context lasts."""

    def __init__(self, office: Office, host: str, port: int) -> None:
        """Listen at once, so that a port that is taken is told here."""
        self._office = office
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, port))
        self._socket.listen(256)
        config = uvicorn.Config(
            office, http="httptools", lifespan="off", log_level="warning", access_log=False,
            server_header=False, timeout_keep_alive=60, timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="office", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._office.close()
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


def peers_of(bundle: Bundle) -> dict[str, Peer]:
    """The neighbours that this node dials: those whose exchange's address its bundle tells."""
    return {
        code: Peer(code, door_key(node), node.exchange_url)
        for code, node in bundle.nodes.items()
        if node.exchange_url and code != bundle.node and bundle.routes.get(code) == code
    }


def node_of(settings: Settings, key: SigningKey) -> Node:
    """This node's side of exchanges, from its folder. SpoolBusy if another process has it."""
    chosen = suite(settings.suite)
    return Node(
        code=settings.node,
        key=key,
        suite=chosen,
        folder=settings.home / "exchange",
        subject_key=(settings.key_folder / "subject.key").read_bytes().strip(),
        addresses=lambda: read_secrets(settings.home / "sources.json"),
        accounts=Accounts(settings.spool_folder, node=settings.node, key=key, suite=chosen),
        quota=settings.staging_quota,
        staging_url=settings.staging_url,
        staging_credentials=settings.staging_credentials,
    )


def run_exchange(settings: Settings) -> None:
    """Run due jobs until told to stop."""
    Exchange(settings).watch()

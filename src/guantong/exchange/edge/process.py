"""``guantong edge``: polls its node for its bundle and orders, reads and writes, hands over and fetches postings.

It opens no port. When the node cannot be reached it goes on with the bundle that it has, and delivers later.
"""

import json
import logging
import signal
import sys
import threading
from base64 import b64decode
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from guantong import __version__
from guantong.bundle import depot, orders
from guantong.bundle.addresses import read_secrets
from guantong.bundle.depot import Depot, Rejected
from guantong.bundle.types import Bundle
from guantong.courier.client import Reply
from guantong.courier.errors import PeerAnswerNotProved
from guantong.exchange.desk import Answer, Report
from guantong.exchange.edge.home import EdgeHome, NodeRing, read_home, read_key
from guantong.exchange.edge.statements import Statements
from guantong.exchange.ends import part_of
from guantong.exchange.errors import PeerRefusedPosting, SaltMissing
from guantong.exchange.events.delivering import Deliverer
from guantong.exchange.mail.link import Line, Link, Peer
from guantong.exchange.mail.room import Mailroom
from guantong.exchange.mail.server import KEYS
from guantong.exchange.node import Node
from guantong.exchange.progress import progress_path, told
from guantong.exchange.runner import Runner
from guantong.exchange.sealing import wrap_for
from guantong.exchange.staging import DEFAULT_QUOTA, FolderStore
from guantong.kit import clock
from guantong.kit.durable import replace_news
from guantong.kit.errors import GuantongError
from guantong.kit.suites import suite

POLL_S = 0.2
REPORT_S = 2.0
LARGEST_SKEW_MS = 60_000

logger = logging.getLogger("guantong.edge")


class EdgeProcess:
    """One edge. ``report`` speaks with the node once, ``look`` does what is to be done here now."""

    def __init__(self, home: Path) -> None:
        """EdgeNotEnrolled."""
        self.facts: EdgeHome = read_home(home)
        self._home = home
        key, self._keyring = read_key(home), NodeRing(home)
        chosen = suite(self.facts.suite)
        self._folder = home / "exchange"
        self._statements = Statements(self._folder / "statements", key=key, suite=chosen)
        self._room = Mailroom(FolderStore(self._folder / "staging", quota=DEFAULT_QUOTA))
        self._node = Node(
            code=self.facts.node,
            key=key,
            suite=chosen,
            folder=self._folder,
            subject_key=b"",
            addresses=lambda: read_secrets(home / "sources.json"),
            accounts=self._statements,
            mailroom=self._room,
            salts=self._salt,
        )
        self._depot = Depot(home / "bundle", self._keyring, node=self.facts.node, edge=self.facts.edge)
        self._depot.recover()
        peer = Peer(self.facts.node, self._keyring, self.facts.exchange_url)
        self._line = Line(self.facts.edge, key, peer, timeout_s=30)
        self._link = Link(Line(self.facts.edge, key, peer), self._room, lambda: self._depot.bundle)
        self._runner = Runner(self._node, self._room)
        self._warned: set[str] = set()
        self._stopping = threading.Event()

    def watch(self) -> None:
        """Until SIGTERM or SIGINT; runs under way rest at their next chunk."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        talking = threading.Thread(target=self._talk, name="report", daemon=True)
        talking.start()
        self._link.start()
        deliverer = Deliverer(self._node, lambda: self._depot.bundle, name=self.facts.edge)
        threading.Thread(
            target=deliverer.watch, args=(self._stopping,), name="delivering", daemon=True
        ).start()
        while not self._stopping.is_set():
            self.look()
            self._stopping.wait(POLL_S)
        self._link.close()
        self._runner.close()

    def look(self) -> None:
        """Take in a new bundle and new orders, and start what is due."""
        news = self._depot.poll()
        if isinstance(news, Rejected):
            logger.warning("a bundle was refused: %s", news.reason)
        if self._depot.bundle is None:
            return
        self._runner.look(self._depot.bundle)
        folder = self._folder / "orders"
        for order in orders.waiting(folder, self._keyring, node=self.facts.node):
            if not self._runner.obey(order):
                return
            orders.take(folder, order)

    def report(self) -> None:
        """Tell how we are, take in what the node has for us, state what it must answer for.

        Raises the courier's errors and PeerRefusedPosting.
        """
        bundle, folder = self._depot.bundle, self._folder / "orders"
        told_ = Report(
            at=clock.rfc3339(clock.now()),
            version=__version__,
            sequence=bundle.sequence if bundle else -1,
            taken=orders.taken(folder),
            jobs=self._progress(bundle) if bundle else [],
        )
        asking = msgspec.json.encode(told_)
        try:
            heard = msgspec.json.decode(self._asked("POST", "/v1/edge", asking), type=Answer)
        except PeerAnswerNotProved:
            # Has the node changed its key? Its statements say so, and the key that we know signed the first of them.
            if not self._keyring.learn(self._line.fetch(KEYS)):
                raise
            heard = msgspec.json.decode(self._asked("POST", "/v1/edge", asking), type=Answer)
        self._keep_orders(heard.orders, folder)
        self._keep_salts(heard.salts)
        if bundle is None or heard.sequence > bundle.sequence:
            depot.publish(self._home / "bundle", self._asked("GET", "/v1/bundle"))
        for path in self._statements.waiting():
            self._asked("POST", "/v1/statements", path.read_bytes())
            path.unlink()
        self._warn(heard.version)

    def _asked(self, method: str, path: str, body: bytes = b"") -> bytes:
        reply: Reply = self._line.ask(method, path, body)
        if reply.status == 200:
            return reply.body
        try:
            said = json.loads(reply.body)["error"]
            zh, en, code = said["message"]["zh"], said["message"]["en"], said["code"]
        except (ValueError, LookupError, TypeError):
            raise PeerAnswerNotProved(peer=self.facts.node) from None
        raise PeerRefusedPosting(peer=self.facts.node, said=code, why_zh=zh, why_en=en)

    def _progress(self, bundle: Bundle) -> list[dict[str, Any]]:
        found = []
        for job in bundle.jobs.values():
            part = part_of(bundle, job)
            facts = told(progress_path(self._folder / "progress", job.id, part)) if part else {}
            found += [facts] if facts else []
        return found

    def _keep_orders(self, raws: list[str], folder: Path) -> None:
        """Lay new orders down; they are judged when they are read."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for raw in raws:
            orders.lay_down(folder, raw.encode(), self._keyring, node=self.facts.node)

    def _keep_salts(self, sealed: dict[str, str]) -> None:
        path = self._folder / "salts.json"
        said = json.dumps(sealed, sort_keys=True)
        if not path.exists() or path.read_text("ascii") != said:
            # Sealed for our key: of no use to whoever finds the file without it.
            replace_news(path, said)

    def _salt(self, grant: str) -> bytes:
        try:
            sealed = json.loads((self._folder / "salts.json").read_text("ascii"))[grant]
        except (FileNotFoundError, ValueError, LookupError) as fault:
            if not self._needs_salt(grant):
                return b""
            raise SaltMissing(grant=grant) from fault
        node = self._node
        return wrap_for(node.suite, node.key.public, own=node.key, keys=node.keys).unwrap(b64decode(sealed))

    def _needs_salt(self, grant: str) -> bool:
        bundle = self._depot.bundle
        found = bundle.grants.get(grant) if bundle else None
        resource = bundle.resources.get(found.resource) if bundle and found else None
        masks = {*(found.masks.values() if found else ())}
        masks |= {item.mask for item in resource.items.values()} if resource else set()
        return "hash" in masks

    def _warn(self, version: str) -> None:
        """A clock or a version that differs is told once."""
        skew = self._line.skew_ms
        troubles = {
            "clock": f"本机时钟与节点相差 {skew / 1000:+.1f} 秒 | our clock differs by {skew / 1000:+.1f} s"
            if abs(skew) > LARGEST_SKEW_MS
            else "",
            "version": f"节点版本为 {version}，本机为 {__version__} | the node runs {version}, we {__version__}"
            if version != __version__
            else "",
        }
        for name, sentence in troubles.items():
            if sentence and name not in self._warned:
                sys.stderr.write(sentence + "\n")
            self._warned = self._warned | {name} if sentence else self._warned - {name}

    def _talk(self) -> None:
        trouble = ""
        while not self._stopping.is_set():
            try:
                self.report()
                if trouble:
                    sys.stderr.write("已恢复与节点的联系 | the node answers again\n")
                trouble = ""
            except GuantongError as fault:
                if fault.code != trouble:
                    sys.stderr.write(f"{fault.sentence('zh')} | {fault.sentence('en')}\n")
                trouble = fault.code
            except Exception as fault:
                # The next report begins anew; an edge that stopped for one would be out of reach.
                logger.exception("the report failed: %s", type(fault).__name__)
            self._stopping.wait(REPORT_S)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopping.set()

"""Is a chain of receipts whole? Names every number that is missing, every number that is there twice, every broken link.

The receipts of one grant written by one process form a chain: ``chain`` names it, ``n`` counts from 1, ``prev`` is the
digest of the receipt before. Pure: it is given links, wherever they come from, and touches neither file nor database.
A chain alone cannot tell whether its end was cut off; for that the caller says how far it should go (``ends``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from guantong.kit import envelope
from guantong.kit.suites import INTERNATIONAL, NATIONAL

_KEPT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Link:
    """What one receipt says of its place: its chain, its number (from 1), the digest of the one before, its own digests.

    ``digests`` has the receipt's digest in every suite, because the next receipt may name it in either; of the whole record and
    of what is signed in it, because receipts that are signed together name what was signed.
    """

    chain: str
    n: int
    prev: str | None
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a chain: the numbers ``first`` to ``last`` are missing, or ``first`` is repeated or broken off."""

    chain: str
    kind: Literal["missing", "repeated", "broken"]
    first: int
    last: int

    def sentence(self, language: Literal["zh", "en"]) -> str:
        """The flaw in words."""
        span = str(self.first) if self.first == self.last else f"{self.first}–{self.last}"
        said = {
            "missing": (f"缺少第 {span} 号凭证", f"receipt {span} is missing"),
            "repeated": (f"第 {span} 号有不同的凭证", f"different receipts bear the number {span}"),
            "broken": (f"第 {span} 号与前一号不相接", f"receipt {span} does not follow the one before it"),
        }[self.kind]
        return f"链 {self.chain}：{said[0]}。" if language == "zh" else f"Chain {self.chain}: {said[1]}."


def link_of(raw: bytes) -> Link | None:
    """The link that a signed record states, or None if the record is no receipt of a chain. NotAnEnvelope."""
    sealed = envelope.read(raw)
    body: Mapping[str, Any] = sealed.body
    chain, number, prev = body.get("chain"), body.get("n"), body.get("prev")
    if not isinstance(chain, str) or not isinstance(number, int) or number < 1:
        return None
    if not (prev is None or isinstance(prev, str)):
        return None
    named = [
        envelope.digest(part, suite) for part in (raw, sealed.signed) for suite in (INTERNATIONAL, NATIONAL)
    ]
    return Link(chain, number, prev, tuple(named))


@dataclass(slots=True)
class _Chain:
    """How far one chain has been followed: ``first`` to ``last`` without a gap, and what came ahead of its turn."""

    first: int = 1
    last: int = 0
    tail: tuple[str, ...] = ()
    seen: bytearray = field(default_factory=bytearray)
    """The first bytes of the digests of ``first`` to ``last``, end to end, to tell a copy from a second receipt."""
    ahead: dict[int, Link] = field(default_factory=dict)


class Completeness:
    """Takes links in any order, cheapest in the order of their numbers (16 bytes a receipt then), and names the flaws."""

    def __init__(self, starts: Mapping[str, tuple[int, Sequence[str]]] | None = None) -> None:
        """``starts``: chain → number and digests of the last receipt before those that will be given, as by :meth:`tails`."""
        self._chains: dict[str, _Chain] = {}
        self._flaws: list[Flaw] = []
        for chain, (number, digests) in (starts or {}).items():
            self._chains[chain] = _Chain(number + 1, number, tuple(digests))

    def take(self, link: Link) -> None:
        """One more receipt. The same receipt given twice counts once."""
        chain = self._chains.setdefault(link.chain, _Chain())
        if link.n > chain.last + 1:
            waiting = chain.ahead.setdefault(link.n, link)
            if waiting.digests != link.digests:
                self._flaw(link.chain, "repeated", link.n)
        elif link.n == chain.last + 1:
            self._follow(chain, link)
            while waits := chain.ahead.pop(chain.last + 1, None):
                self._follow(chain, waits)
        elif not self._is_copy(chain, link):
            self._flaw(link.chain, "repeated", link.n)

    def flaws(self, ends: Mapping[str, int] | None = None) -> list[Flaw]:
        """Every flaw of what was given, ordered by chain and number; ``ends`` says how far each chain should go."""
        found = list(self._flaws)
        for name, chain in self._chains.items():
            found += _gaps(name, chain, (ends or {}).get(name, 0))
        found += [Flaw(name, "missing", 1, end) for name, end in (ends or {}).items()
                  if end and name not in self._chains]  # fmt: skip
        return sorted(set(found), key=lambda flaw: (flaw.chain, flaw.first, flaw.kind))

    def tails(self) -> dict[str, tuple[int, tuple[str, ...]]]:
        """Where each chain stands: the last number without a gap before it, and that receipt's digests."""
        return {name: (chain.last, chain.tail) for name, chain in self._chains.items() if chain.last}

    def counts(self) -> dict[str, int]:
        """How many different receipts of each chain were given."""
        return {name: chain.last - chain.first + 1 + len(chain.ahead) for name, chain in self._chains.items()}

    def _follow(self, chain: _Chain, link: Link) -> None:
        fits = link.prev in chain.tail if chain.last else link.prev is None
        if not fits:
            self._flaw(link.chain, "broken", link.n)
        chain.last, chain.tail = link.n, link.digests
        chain.seen += _short(link)

    def _is_copy(self, chain: _Chain, link: Link) -> bool:
        if link.n < chain.first:
            return True  # before the start that was given: not ours to judge
        at = (link.n - chain.first) * _KEPT_BYTES
        return chain.seen[at : at + _KEPT_BYTES] == _short(link)

    def _flaw(self, chain: str, kind: Literal["repeated", "broken"], number: int) -> None:
        self._flaws.append(Flaw(chain, kind, number, number))


def examine(links: Iterable[Link], ends: Mapping[str, int] | None = None) -> list[Flaw]:
    """Every flaw in the chains of ``links``; see :class:`Completeness`."""
    completeness = Completeness()
    for link in links:
        completeness.take(link)
    return completeness.flaws(ends)


def _gaps(name: str, chain: _Chain, end: int) -> list[Flaw]:
    """What is missing from a chain, and the links that are broken beyond its first gap."""
    found: list[Flaw] = []
    last, before = chain.last, None
    for number in sorted(chain.ahead):
        link = chain.ahead[number]
        if number > last + 1:
            found.append(Flaw(name, "missing", last + 1, number - 1))
        elif before and link.prev not in before.digests:
            found.append(Flaw(name, "broken", number, number))
        last, before = number, link
    if end > last:
        found.append(Flaw(name, "missing", last + 1, end))
    return found


def _short(link: Link) -> bytes:
    return bytes.fromhex(link.digests[0].partition(":")[2])[:_KEPT_BYTES]

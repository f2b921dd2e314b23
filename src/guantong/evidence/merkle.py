"""Merkle tree hashing and proofs exactly as RFC 6962 §2.1, over SHA-256. Pure arithmetic, no storage.

A *node* ``(height, index)`` is the root of the complete subtree over the leaves ``index·2^height`` up to
``(index+1)·2^height``; whoever stores the tree gives a function that looks nodes up.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

from guantong.kit.errors import GuantongError

Hash = bytes
NodeAt = Callable[[int, int], Hash]

EMPTY_ROOT: Hash = sha256(b"").digest()
HASH_BYTES = 32


class ProofWrong(GuantongError):
    """A Merkle proof that proves nothing."""

    code = "proof_wrong"
    status = 422
    zh = "默克尔证明不成立：{why}。"
    en = "The Merkle proof does not hold: {why}."


def leaf_hash(entry: bytes) -> Hash:
    """The hash of a leaf: SHA-256 of 00 and the entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """The hash of an inner node: SHA-256 of 01 and both children."""
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[Hash]) -> Hash:
    """The root over 2^k hashes of equal height (k ≥ 0)."""
    row = list(hashes)
    while len(row) > 1:
        pairs = zip(row[::2], row[1::2], strict=True)
        row = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return row[0]


def root(size: int, node: NodeAt) -> Hash:
    """The Merkle tree hash of the first ``size`` leaves."""
    return _range_hash(0, size, node) if size else EMPTY_ROOT


def inclusion_path(index: int, size: int, node: NodeAt) -> list[Hash]:
    """PATH(index, D[size]) of RFC 6962 §2.1.1: from the leaf's sibling up to the root's child."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in the tree")
    path: list[Hash] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range_hash(middle, high, node))
            high = middle
        else:
            path.append(_range_hash(low, middle, node))
            low = middle
    return path[::-1]


def consistency_path(old: int, new: int, node: NodeAt) -> list[Hash]:
    """PROOF(old, D[new]) of RFC 6962 §2.1.2; empty if ``old`` is 0 or equals ``new``."""
    if not 0 <= old <= new:
        raise ValueError("the old tree is larger than the new one")
    if old in {0, new}:
        return []
    path: list[Hash] = []
    low, high = 0, new
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_range_hash(middle, high, node))
            high = middle
        else:
            path.append(_range_hash(low, middle, node))
            low = middle
    if low:
        path.append(_range_hash(low, high, node))
    return path[::-1]


def root_of_inclusion(index: int, size: int, leaf: Hash, path: Sequence[Hash]) -> Hash:
    """The root that ``path`` leads to from ``leaf`` (RFC 9162 §2.1.3.2); :class:`ProofWrong` if it cannot."""
    if not 0 <= index < size:
        raise ProofWrong(why="the leaf lies outside the tree")
    number, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ProofWrong(why="the path is too long")
        if number & 1 or number == last:
            found = node_hash(sibling, found)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        number, last = number >> 1, last >> 1
    if last:
        raise ProofWrong(why="the path is too short")
    return found


def check_consistency(old: int, old_root: Hash, new: int, new_root: Hash, path: Sequence[Hash]) -> None:
    """:class:`ProofWrong` unless the tree of ``new`` leaves begins with that of ``old`` leaves."""
    if not 0 <= old <= new:
        raise ProofWrong(why="the old tree is larger than the new one")
    if old in {0, new}:
        _check_trivial(old, old_root, new, new_root, path)
        return
    starts_complete = old & (old - 1) == 0
    rest = [old_root, *path] if starts_complete else list(path)
    if _roots_of_consistency(old, new, rest) != (old_root, new_root):
        raise ProofWrong(why="the roots do not match")


def _roots_of_consistency(old: int, new: int, hashes: Sequence[Hash]) -> tuple[Hash, Hash]:
    """The old and the new root that the hashes lead to (RFC 9162 §2.1.4.2, steps 3 to 7)."""
    if not hashes:
        raise ProofWrong(why="the path is too short")
    number, last = old - 1, new - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    was = now = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise ProofWrong(why="the path is too long")
        if number & 1 or number == last:
            was, now = node_hash(sibling, was), node_hash(sibling, now)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            now = node_hash(now, sibling)
        number, last = number >> 1, last >> 1
    if last:
        raise ProofWrong(why="the path is too short")
    return was, now


def _check_trivial(old: int, old_root: Hash, new: int, new_root: Hash, path: Sequence[Hash]) -> None:
    if path:
        raise ProofWrong(why="the path should be empty")
    if (old == 0 and old_root != EMPTY_ROOT) or (old == new and old_root != new_root):
        raise ProofWrong(why="the roots do not match")


def _split(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_hash(low: int, high: int, node: NodeAt) -> Hash:
    """MTH(D[low:high]) where ``low`` is a multiple of a power of two at least as large as the range."""
    hashes: list[Hash] = []
    while low < high:
        height = (high - low).bit_length() - 1
        hashes.append(node(height, low >> height))
        low += 1 << height
    found = hashes.pop()
    while hashes:
        found = node_hash(hashes.pop(), found)
    return found

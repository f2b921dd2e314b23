"""One signature over many statements: a Merkle tree whose root is signed, and each statement's way up to it.

Shape and hashing follow RFC 9162 §2.1 (leaves and nodes are told apart by a first byte), in the digest of the signing
suite. A statement so signed stands for itself: it carries its way up, and needs none of the others.
"""

from collections.abc import Callable, Sequence

Digest = Callable[[bytes], bytes]

LARGEST = 4096


class WayWrong(ValueError):
    """The way does not lead up a tree of that size."""


def leaf_of(statement: bytes, digest: Digest) -> bytes:
    """The leaf of what a signature would cover."""
    return digest(b"\0" + statement)


def tree(leaves: Sequence[bytes], digest: Digest) -> tuple[bytes, list[list[bytes]]]:
    """The root over ``leaves`` (at least one), and of each leaf the siblings on its way up."""
    level, levels = list(leaves), []
    while len(level) > 1:
        levels.append(level)
        pairs = zip(level[::2], level[1::2], strict=False)
        raised = [digest(b"\1" + left + right) for left, right in pairs]
        # The odd one is raised as it is.
        level = [*raised, level[-1]] if len(level) % 2 else raised
    return level[0], [_way(place, levels) for place in range(len(leaves))]


def root_of(index: int, size: int, leaf: bytes, way: Sequence[bytes], digest: Digest) -> bytes:
    """The root that ``way`` leads to from leaf ``index`` of ``size``; WayWrong if it is too long or too short."""
    if not 0 <= index < size <= LARGEST:
        raise WayWrong
    found, place, last, siblings = leaf, index, size - 1, iter(way)
    while last:
        sibling = b"" if place == last and not place & 1 else next(siblings, None)
        if sibling is None:
            raise WayWrong
        if sibling:
            found = digest(b"\1" + sibling + found) if place & 1 else digest(b"\1" + found + sibling)
        place, last = place >> 1, last >> 1
    if next(siblings, None) is not None:
        raise WayWrong
    return found


def _way(place: int, levels: Sequence[Sequence[bytes]]) -> list[bytes]:
    way = []
    for level in levels:
        sibling = place ^ 1
        if sibling < len(level):
            way.append(level[sibling])
        place >>= 1
    return way

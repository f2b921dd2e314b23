"""Every proof of every tree, against the definition of RFC 6962 §2.1 written as it stands there."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guantong.evidence import merkle
from guantong.evidence.merkle import ProofWrong


def defined(leaves):
    if not leaves:
        return merkle.EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return merkle.node_hash(defined(leaves[:split]), defined(leaves[split:]))


LEAVES = [merkle.leaf_hash(b"%d" % number) for number in range(300)]


def node(height, index):
    return merkle.fold(LEAVES[index << height : (index + 1) << height])


@given(st.integers(0, 300))
def test_the_root_is_as_defined(size):
    assert merkle.root(size, node) == defined(LEAVES[:size])


@given(st.data(), st.integers(1, 300))
def test_every_leaf_is_proven_at_its_place_only(data, size):
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(index, size, node)
    root = defined(LEAVES[:size])
    assert merkle.root_of_inclusion(index, size, LEAVES[index], path) == root
    if other != index:
        with contextlib.suppress(ProofWrong):
            assert merkle.root_of_inclusion(other, size, LEAVES[index], path) != root
    for wrong in ([*path, path[0] if path else LEAVES[0]], path[:-1] if path else None):
        if wrong is not None:
            with pytest.raises(ProofWrong):
                merkle.root_of_inclusion(index, size, LEAVES[index], wrong)


@given(st.data(), st.integers(0, 300))
def test_every_tree_is_consistent_with_its_beginnings_only(data, new):
    old = data.draw(st.integers(0, new))
    path = merkle.consistency_path(old, new, node)
    roots = defined(LEAVES[:old]), defined(LEAVES[:new])
    merkle.check_consistency(old, roots[0], new, roots[1], path)
    rewritten = [merkle.leaf_hash(b"rewritten"), *LEAVES[1:new]]
    if old:
        with pytest.raises(ProofWrong):
            merkle.check_consistency(old, roots[0], new, defined(rewritten), path)


@pytest.mark.parametrize(("old", "new"), [(1, 2), (2, 3), (4, 300), (8, 9)])
def test_a_tree_that_claims_to_grow_under_the_same_root(old, new):
    root = defined(LEAVES[:old])
    with pytest.raises(ProofWrong):
        merkle.check_consistency(old, root, new, root, [])


def test_a_leaf_outside():
    with pytest.raises(ProofWrong):
        merkle.root_of_inclusion(1, 1, LEAVES[0], [])
    with pytest.raises(ValueError, match="leaf"):
        merkle.inclusion_path(1, 1, node)
    with pytest.raises(ValueError, match="larger"):
        merkle.consistency_path(2, 1, node)

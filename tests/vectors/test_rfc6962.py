"""RFC 6962 §2.1: the reference tree of eight leaves that Certificate Transparency's implementations share.

Leaves, roots and proofs are those of the reference implementation (google/certificate-transparency);
every proof is both made and checked.
"""

import pytest

from guantong.evidence import merkle
from guantong.evidence.merkle import ProofWrong

LEAVES = [bytes.fromhex(leaf) for leaf in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [bytes.fromhex(root) for root in (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)]  # fmt: skip
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (2, 8): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}


def node(height, index):
    return merkle.fold([merkle.leaf_hash(leaf) for leaf in LEAVES[index << height : (index + 1) << height]])


def hashes(texts):
    return [bytes.fromhex(text) for text in texts]


@pytest.mark.parametrize("size", range(9))
def test_roots(size):
    assert merkle.root(size, node) == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion(index, size):
    path = hashes(INCLUSION[index, size])
    assert merkle.inclusion_path(index, size, node) == path
    assert merkle.root_of_inclusion(index, size, merkle.leaf_hash(LEAVES[index]), path) == ROOTS[size]


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_consistency(old, new):
    path = hashes(CONSISTENCY[old, new])
    assert merkle.consistency_path(old, new, node) == path
    merkle.check_consistency(old, ROOTS[old], new, ROOTS[new], path)


@pytest.mark.parametrize(("old", "new"), [pair for pair in CONSISTENCY if pair[0] != pair[1]])
def test_a_wrong_consistency_proof_is_refused(old, new):
    path = hashes(CONSISTENCY[old, new])
    touched = [path[0][:-1] + bytes([path[0][-1] ^ 1]), *path[1:]]
    for wrong in (touched, path[:-1], [*path, path[0]], path[::-1] if len(path) > 1 else []):
        with pytest.raises(ProofWrong):
            merkle.check_consistency(old, ROOTS[old], new, ROOTS[new], wrong)
    with pytest.raises(ProofWrong):
        merkle.check_consistency(old, ROOTS[new], new, ROOTS[new], path)
    with pytest.raises(ProofWrong):
        merkle.check_consistency(new, ROOTS[new], old, ROOTS[old], path)

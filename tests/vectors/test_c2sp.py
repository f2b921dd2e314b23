"""Published examples of C2SP's transparency-log formats: notes, checkpoints, tile paths, entries, policies.

Sources: the signed-note reference implementation golang.org/x/mod/sumdb/note (key PeterNeumann and its note);
https://c2sp.org/tlog-tiles, /tlog-checkpoint, /tlog-cosignature, /tlog-proof and /tlog-policy for the rest.
"""

import pytest

from guantong.evidence import notes
from guantong.evidence.checkpoints import cosigners, read_checkpoint
from guantong.evidence.policy import PolicyMalformed, read_policy
from guantong.evidence.proofs import read_proof
from guantong.evidence.tiles import TilePath, read_tile_path, write_tile_path
from guantong.kit.suites import BadKey, SigningKey, VerifyKey, suite

VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"

CHECKPOINT = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""


def test_keys_are_those_of_the_reference():
    key = SigningKey.from_text(SKEY)
    assert key.to_text() == SKEY
    assert key.public.to_text() == VKEY
    assert VerifyKey.from_text(VKEY) == key.public


def test_no_part_of_a_key_and_no_changed_key_is_a_key():
    for start in range(len(VKEY)):
        for end in range(start + 1, len(VKEY) + (start > 0)):
            with pytest.raises(BadKey):
                VerifyKey.from_text(VKEY[start:end])
    for at, character in enumerate(VKEY):
        with pytest.raises(BadKey):
            VerifyKey.from_text(VKEY[:at] + chr(ord(character) + 1) + VKEY[at + 1 :])


def test_the_reference_note_is_reproduced_and_verified():
    note = notes.sign(TEXT, SigningKey.from_text(SKEY))
    assert note.to_bytes() == f"{TEXT}\n{LINE}".encode()
    key = VerifyKey.from_text(VKEY)
    assert notes.read(note.to_bytes()).signed_by({key.ref: key}) == {key.ref}
    assert (
        notes.read(note.to_bytes().replace(b"cryptography", b"cryptographY")).signed_by({key.ref: key})
        == set()
    )


@pytest.mark.parametrize(
    "note",
    [TEXT, f"{TEXT}{LINE}", f"{TEXT}\n", f"{TEXT}\n{LINE[:-1]}", f"{TEXT}\n{LINE}\n", f"{TEXT}\n{LINE[2:]}",
     f"{TEXT}\n{LINE}x\n", f"{TEXT}\n— PeterNeumann AAAA\n", f"\x01{TEXT}\n{LINE}", f"{TEXT}\n{LINE * 101}",
     f"{TEXT}\n{LINE.replace('— ', '—  ')}"],
)  # fmt: skip
def test_malformed_notes(note):
    with pytest.raises(notes.NoteMalformed):
        notes.read(note.encode())


def test_the_published_checkpoint():
    note = notes.read(CHECKPOINT.encode())
    checkpoint = read_checkpoint(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == note.text
    assert note.to_bytes() == CHECKPOINT.encode()
    # The time of the published cosignature, from tlog-cosignature's example message.
    assert int.from_bytes(note.signatures[1].value[:8]) == 1679315147
    assert cosigners(note, []) == {}


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("0/x001/x234/067", TilePath(0, 1234067, 256)),
        ("0/273.p/112", TilePath(0, 273, 112)),
        ("1/001.p/17", TilePath(1, 1, 17)),
        ("2/000.p/1", TilePath(2, 0, 1)),
        ("63/000", TilePath(63, 0, 256)),
        ("entries/x001/000", TilePath("entries", 1000, 256)),
        ("entries/000.p/255", TilePath("entries", 0, 255)),
    ],
)
def test_tile_paths(path, tile):
    assert read_tile_path(path) == tile
    assert write_tile_path(tile) == path


@pytest.mark.parametrize(
    "path",
    ["0", "0/1", "0/0001", "00/001", "64/000", "0/001/234", "0/x001", "0/x000/001", "0/001.p/0", "0/001.p/256",
     "0/001.p/01", "0/001.p", "entries", "x/001", "0/001/", "0/../001", "-1/000", "0/001.p/1000", "0/001\n"],
)  # fmt: skip
def test_paths_that_name_no_tile(path):
    assert read_tile_path(path) is None


def test_a_proof_in_the_published_shape():
    # tlog-proof's example, its elided signatures replaced by the published checkpoint.
    text = """\
c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=

"""
    proof = read_proof(text.encode() + CHECKPOINT.encode())
    assert (proof.index, len(proof.path), proof.extra) == (73894, 2, b"age-v1.2.1-darwin-arm64.tar.gz")
    assert proof.checkpoint == CHECKPOINT.encode()
    assert proof.to_bytes() == text.encode() + CHECKPOINT.encode()


INTERNATIONAL = suite("international")
X = [INTERNATIONAL.generate_witness(f"x{n}").public for n in range(3)]
Y = [INTERNATIONAL.generate_witness(f"y{n}").public for n in range(3)]
LOG = INTERNATIONAL.generate("log.example").public
EXAMPLE = f"""\
log {LOG.to_text()}

witness X1 {X[0].to_text()} https://x1.example/
witness X2 {X[1].to_text()}
witness X3 {X[2].to_text()}
group X-witnesses 2 X1 X2 X3

witness Y1 {Y[0].to_text()}
witness Y2 {Y[1].to_text()}
witness Y3 {Y[2].to_text()}
group Y-witnesses any Y1 Y2 Y3
\t# a comment
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def test_the_published_policy():
    policy = read_policy(EXAMPLE)
    refs_x, refs_y = [key.ref for key in X], [key.ref for key in Y]
    assert policy.log("log.example") == {LOG.ref: LOG}
    assert policy.log("log.elsewhere") == {}
    assert policy.witnesses["X1"].url == "https://x1.example/"
    assert policy.is_met_by([*refs_x[:2], refs_y[1]])
    assert not policy.is_met_by([*refs_x[:1], *refs_y])
    assert not policy.is_met_by(refs_x)
    assert read_policy("quorum none\n").is_met_by([])


@pytest.mark.parametrize(
    "text",
    ["", "quorum X", "quorum none\nquorum none", "group a any none\nquorum a", f"log {X[0].to_text()}\nquorum none",
     f"witness w {LOG.to_text()}\nquorum w", f"witness none {X[0].to_text()}\nquorum none",
     f"witness a {X[0].to_text()}\nwitness b {X[0].to_text()}\nquorum a",
     f"witness a {X[0].to_text()}\ngroup g 2 a\nquorum g", f"witness a {X[0].to_text()}\ngroup g 0 a\nquorum g",
     f"witness a {X[0].to_text()}\ngroup g any a a\nquorum g", "hello\nquorum none", "witness a b\nquorum none",
     f"witness a {X[0].to_text()}\ngroup g any a\ngroup h any a\nquorum h", "log\nquorum none"],
)  # fmt: skip
def test_policies_that_break_the_rules(text):
    with pytest.raises(PolicyMalformed):
        read_policy(text)

"""The offline verifier: good files get a sentence, everything else is refused with its reasons."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile

import pytest
from tests.evidence.cast import (
    CITY_LOG,
    CITY_NODE,
    INTERNATIONAL,
    PROVINCE_WITNESS,
    City,
    policy_text,
    receipt,
)

from guantong.evidence import notes, proofs, verifying
from guantong.evidence.checkpoints import cosign
from guantong.evidence.keysets import KeySet, KeySetMissing
from guantong.evidence.notes import Note
from guantong.evidence.parcels import Dropped, verify_all
from guantong.evidence.sentences import account, limits, proved, story, title
from guantong.evidence.verifier import verify
from guantong.kit import envelope
from guantong.kit.canonical import to_base64

STRANGER = INTERNATIONAL.generate("999999.guantong.example/node")


def write_keys(folder, *, nodes=(CITY_NODE,), policy=None):
    folder.mkdir(exist_ok=True)
    lines = [key.public.to_text() for key in nodes]
    (folder / "nodes").write_text("# who signs receipts\n" + "\n".join(lines) + "\n")
    (folder / "511600.policy").write_text(policy_text() if policy is None else policy)
    return folder


@pytest.fixture
def keys(tmp_path):
    return KeySet.load(write_keys(tmp_path / "keys"))


def proven(city, record):
    city.append(*(receipt(number) for number in range(5)), record)
    city.settle()
    return city.proof(record)


def codes(verdict):
    assert verdict.ok is not bool(verdict.faults)
    for fault in verdict.faults:
        assert fault.zh
        assert fault.en
        assert fault.zh != fault.en
    return {fault.code for fault in verdict.faults}


def test_a_good_proof(city, keys):
    verdict = verify(proven(city, receipt(7)), keys)
    assert codes(verdict) == set()
    assert verdict.ok
    assert verdict.facts["body"]["call"] == "call-7"
    assert (verdict.facts["index"], verdict.facts["origin"]) == (5, CITY_LOG.name)
    assert list(verdict.facts["witnesses"]) == [PROVINCE_WITNESS.name]


def test_no_single_bit_anywhere_can_be_changed(city, keys):
    data = proven(city, receipt(7))
    for position in range(len(data)):
        for bit in (position % 8, 5):
            touched = bytearray(data)
            touched[position] ^= 1 << bit
            assert not verify(bytes(touched), keys).ok, (position, bit)


def test_nothing_can_be_added_or_left_out(city, keys):
    data = proven(city, receipt(7))
    for wrong in (
        b"",
        data + b"\n",
        data + b" ",
        b"\n" + data,
        data[:-1],
        data.replace(b"\n", b"\r\n"),
        data * 2,
    ):
        assert not verify(wrong, keys).ok
    lines = data.split(b"\n")
    for number in range(len(lines)):
        assert not verify(b"\n".join(lines[:number] + lines[number + 1 :]), keys).ok, lines[number]
        assert not verify(b"\n".join([*lines[:number], lines[number], *lines[number:]]), keys).ok, lines[
            number
        ]


def test_another_record_in_its_place(city, keys):
    proof = proofs.read_proof(proven(city, receipt(7)))
    assert codes(verify(proof.with_record(receipt(8)).to_bytes(), keys)) == {"not_in_this_tree"}
    without = proofs.Proof(proof.index, proof.path, proof.checkpoint)
    assert codes(verify(without.to_bytes(), keys)) == {"record_missing"}


def test_a_log_rewritten_by_its_operator(city, keys, tmp_path):
    before = proofs.read_proof(proven(city, receipt(7)))
    # The operator starts again with the same key, leaving one receipt out.
    rewritten = City(tmp_path / "again")
    rewritten.witness.close()
    rewritten.witness = city.witness
    rewritten.append(*(receipt(number) for number in range(1, 5)), receipt(7), receipt(8))
    rewritten.sign()
    assert rewritten.cosign() == ["it has seen another tree of this size"]
    rewritten.append(receipt(9))
    rewritten.sign()
    (trouble,) = rewritten.cosign()
    assert trouble.startswith("refused with 422")
    assert len(city.witness.suspicions()) == 2

    # Its new tree has no cosignature; those of the old one do not fit; the old proof does not lead to the new root.
    (tmp_path / "again/log/policy").write_text("quorum none\n")
    after = proofs.read_proof(rewritten.proof(receipt(7)))
    assert codes(verify(after.to_bytes(), keys)) == {"witness_missing"}
    old, new = notes.read(before.checkpoint), notes.read(after.checkpoint)
    stolen = Note(new.text, (*new.signatures, old.signatures[1]))
    forged = proofs.Proof(after.index, after.path, stolen.to_bytes(), receipt(7))
    assert codes(verify(forged.to_bytes(), keys)) == {"signature_wrong", "witness_missing"}
    mixed = proofs.Proof(before.index, before.path, new.to_bytes(), receipt(7))
    assert codes(verify(mixed.to_bytes(), keys)) >= {"witness_missing"}
    rewritten.spool.close()
    rewritten.log.close()


def test_signatures_that_are_missing_or_strange(city, keys):
    proof = proofs.read_proof(proven(city, receipt(7)))
    note = notes.read(proof.checkpoint)
    log, witness = note.signatures
    other_witness = cosign(note.text, INTERNATIONAL.generate_witness("x/witness"), 1)
    plain = notes.sign(note.text, STRANGER).signatures[0]
    for signatures, expected in [
        ((log,), {"witness_missing"}),
        ((witness,), {"log_signature_missing"}),
        ((log, witness, other_witness), {"unknown_signature"}),
        ((log, witness, plain), {"unknown_signature"}),
        ((log, witness, witness), {"unknown_signature"}),
        ((log, other_witness), {"unknown_signature", "witness_missing"}),
    ]:
        content = Note(note.text, signatures).to_bytes()
        changed = proofs.Proof(proof.index, proof.path, content, proof.extra)
        assert codes(verify(changed.to_bytes(), keys)) == expected


def test_the_wrong_key_set(city, tmp_path):
    data = proven(city, receipt(7))
    for nodes, policy, expected in [
        ([STRANGER], None, {"unknown_key"}),
        ([CITY_NODE], policy_text(log=INTERNATIONAL.generate("other/log")), {"unknown_log"}),
        (
            [CITY_NODE],
            policy_text(log=INTERNATIONAL.generate(CITY_LOG.name)),
            {"log_signature_missing", "unknown_signature"},
        ),
        (
            [CITY_NODE],
            policy_text(witness=INTERNATIONAL.generate_witness("w")),
            {"unknown_signature", "witness_missing"},
        ),
    ]:
        wrong = KeySet.load(write_keys(tmp_path / "wrong", nodes=nodes, policy=policy))
        assert codes(verify(data, wrong)) == expected


def test_a_node_cannot_speak_for_another(city, tmp_path):
    keys = KeySet.load(write_keys(tmp_path / "keys", nodes=[CITY_NODE, STRANGER]))
    claimed = receipt(7, key=STRANGER, node="511600")
    assert codes(verify(proven(city, claimed), keys)) == {"signed_by_another"}


def test_every_fault_is_told(city, keys):
    proof = proofs.read_proof(proven(city, receipt(7)))
    note = notes.read(proof.checkpoint)
    wrong = proofs.Proof(
        proof.index, proof.path, Note(note.text, note.signatures[:1]).to_bytes(), receipt(8, key=STRANGER)
    )
    assert codes(verify(wrong.to_bytes(), keys)) == {"unknown_key", "not_in_this_tree", "witness_missing"}


def test_faults_of_every_part_are_told_at_once(city, keys):
    """A record signed by a stranger and by the city wrongly, a broken hash of the path, a cut cosignature, a wrong root."""
    proof = proofs.read_proof(proven(city, receipt(7)))
    twice = envelope.read(envelope.seal("guantong/receipt@v1", {"node": "510000"}, CITY_NODE, STRANGER))
    forged = twice.raw.replace(b"510000", b"000000")
    note = notes.read(proof.checkpoint)
    wrong_root = note.text.replace(note.text.split("\n")[2], to_base64(bytes(32)))
    cut = Note(wrong_root, note.signatures).to_bytes()[:-8] + b"\n"
    found = verify(proofs.Proof(proof.index, proof.path, cut, forged).to_bytes(), keys)
    assert codes(found) == {
        "unknown_key",
        "bad_signature",
        "signed_by_another",
        "not_in_this_tree",
        "note_malformed",
        "signature_wrong",
        "witness_missing",
    }
    lines = proofs.Proof(proof.index, proof.path, cut, forged).to_bytes().split(b"\n")
    lines[3] = b"not base64"
    broken = verify(b"\n".join(lines), keys)
    assert codes(broken) == (codes(found) - {"not_in_this_tree"}) | {"proof_malformed"}
    lines[0], lines[2] = b"c2sp.org/tlog-proof@v9", b"index 00"
    worst = verify(b"\n".join(lines), keys)
    assert codes(worst) == codes(broken)
    assert len([fault for fault in worst.faults if fault.code == "proof_malformed"]) == 3


def test_a_receipt_by_itself_is_believed_for_what_it_is(city, keys):
    verdict = verify(receipt(7), keys)
    assert codes(verdict) == set()
    assert verdict.facts["proved"] == ["signed"]
    assert "不含日志中的位置" in story(verdict.facts, "zh")
    assert "ask the node for its proof file" in limits(verdict.facts, "en")
    assert codes(verify(receipt(7, key=STRANGER), keys)) == {"unknown_key"}
    assert codes(verify(receipt(7).replace(b"call-7", b"call-8"), keys)) == {"bad_signature"}


def test_what_is_none_of_ours_is_called_so(keys):
    for raw in (b"", b"hello", b"\x89PNG\r\n", b"<html>", b"\0" * 99):
        assert codes(verify(raw, keys)) == {"file_unknown"}
    assert codes(verify(b"%PDF-1.7 alone", keys)) == {"document_alone"}


def packed(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return buffer


def together(keys, **files):
    dropped = [Dropped(name.replace("__", "."), io.BytesIO(data)) for name, data in files.items()]
    return {name: codes(verdict) for name, verdict in verify_all(dropped, keys)}


def test_several_files_and_an_archive(city, keys):
    good = proven(city, receipt(7))
    assert together(keys, a__proof=good, b__json=receipt(1), c__txt=b"?") == {
        "a.proof": set(),
        "b.json": set(),
        "c.txt": {"file_unknown"},
    }
    inside = packed(a__proof=good, b__proof=good[:-2]).getvalue()
    assert together(keys, all__zip=inside) == {
        "all.zip/a.proof": set(),
        "all.zip/b.proof": {"note_malformed", "witness_missing"},
    }
    assert together(keys, cut__zip=inside[:-30]) == {"cut.zip": {"archive_unreadable"}}
    assert together(keys, large__json=b'{"body":' + b" " * (1 << 22)) == {"large.json": {"file_too_large"}}
    bomb = packed(bomb=b"\0" * (1 << 23)).getvalue()
    assert together(keys, bomb__zip=bomb) == {"bomb.zip/bomb": {"file_too_large"}}
    bombs = packed(**{f"m{number}": b"\0" * (1 << 22) for number in range(20)}).getvalue()
    assert len(bombs) < 100_000
    assert together(keys, bombs__zip=bombs) == {"bombs.zip": {"archive_unreadable"}}
    many = packed(**{f"m{number}": b"" for number in range(501)}).getvalue()
    assert together(keys, many__zip=many) == {"many.zip": {"archive_unreadable"}}
    nested = packed(inner__zip=inside).getvalue()
    assert together(keys, outer__zip=nested) == {"outer.zip/inner.zip": {"file_unknown"}}


def exported(rows=b'{"a":1}\n', *, key=CITY_NODE, **changes):
    listed = {
        "name": "rows.jsonl",
        "size": len(rows),
        "digest": f"sha-256:{hashlib.sha256(rows).hexdigest()}",
    }
    body = {"node": "511600", "at": "2026-11-22T13:20:00.123Z", "by": {"name": "高审"}, "count": 1}
    body |= {"query": {"grant": "g-1"}, "files": [listed], **changes}
    return envelope.seal("guantong/export@v1", body, key)


def test_an_export_is_checked_as_a_whole(city, keys):
    rows = b'{"a":1}\n'
    good = packed(rows__jsonl=rows, manifest__json=exported())
    ((_, verdict),) = verify_all([Dropped("journal.zip", good)], keys)
    assert codes(verdict) == set()
    assert verdict.facts["proved"] == ["signed", "export_whole"]
    assert "节点 511600 于 2026-11-22T13:20:00.123Z 应高审之请导出 1 条（grant=g-1）" in story(
        verdict.facts, "zh"
    )
    for expected, archive in [
        ({"export_file_changed"}, packed(rows__jsonl=b'{"a":2}\n', manifest__json=exported())),
        ({"export_file_missing"}, packed(manifest__json=exported())),
        ({"export_file_unknown"}, packed(rows__jsonl=rows, more=b"", manifest__json=exported())),
        ({"export_incomplete"}, packed(rows__jsonl=rows, manifest__json=exported(files=[]))),
        (
            {"unknown_key", "export_file_changed", "export_file_unknown"},
            packed(rows__jsonl=b"", more=b"", manifest__json=exported(key=STRANGER)),
        ),
        (
            {"signed_by_another", "export_file_missing"},
            packed(manifest__json=exported(node="510000")),
        ),
    ]:
        assert together(keys, x__zip=archive.getvalue()) == {"x.zip": expected}


def test_an_export_that_unpacks_to_too_much_is_not_unpacked(city, keys):
    rows = b"\0" * (1 << 20)
    bomb = packed(rows__jsonl=rows, manifest__json=exported(rows))
    ((_, verdict),) = verify_all([Dropped("x.zip", bomb)], keys, most=1 << 19)
    assert codes(verdict) == {"archive_unreadable"}
    ((_, verdict),) = verify_all([Dropped("x.zip", bomb)], keys)
    assert codes(verdict) == set()
    # A member that lies about its size is read no further than that, and its checksum does not fit.
    lying = bomb.getvalue().replace((1 << 20).to_bytes(4, "little"), (1 << 10).to_bytes(4, "little"))
    ((_, verdict),) = verify_all([Dropped("x.zip", io.BytesIO(lying))], keys, most=1 << 19)
    assert not verdict.ok


def test_the_command_speaks_json(city, tmp_path, capsys):
    folder = write_keys(tmp_path / "keys")
    good, bad = tmp_path / "a.proof", tmp_path / "b.proof"
    good.write_bytes(proven(city, receipt(7)))
    bad.write_bytes(b"c2sp.org/tlog-proof@v1\n")
    assert verifying.main([str(good), str(bad), "--keys", str(folder), "--json"]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["file"], first["ok"], first["form"]) == ("a.proof", True, "proof")
    assert set(first["proved"]) == {"signed", "in_tree", "log_signed", "witnessed"}
    assert first["story"]["en"].startswith("node 511600 provided data")
    assert (second["ok"], {fault["code"] for fault in second["faults"]}) == (
        False,
        {"proof_malformed", "record_missing"},
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_words_for_whatever_a_file_says(city, keys, language):
    for raw in (proven(city, receipt(7)), receipt(1), exported(), receipt(2, grant={"a": [1]}, fields=7)):
        verdict = verify(raw, keys)
        assert verdict.ok
        assert title(verdict.facts, language)
        assert account(verdict.facts, language)
        assert proved(verdict.facts, language)
        assert limits(verdict.facts, language)
        assert story(verdict.facts, language)
    assert account({}, language) == []


def test_the_command(city, tmp_path, capsys):
    folder = write_keys(tmp_path / "keys")
    good, bad = tmp_path / "nation-identity.proof", tmp_path / "bad.proof"
    good.write_bytes(proven(city, receipt(7)))
    bad.write_bytes(good.read_bytes()[:-2])
    assert verifying.main([str(good), "--keys", str(folder)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "✔ nation-identity.proof：节点 511600 于 2026-11-22T13:20:00.123Z 提供了数据（提供方 公安部门；"
    )
    for part in (
        "字段 姓名、籍贯",
        "授权 g-1",
        "用途 入学审核",
        "的第 6 条",
        "见证方 510000.guantong.example/witness",
    ):
        assert part in said
    assert verifying.main([str(good), str(bad), "--keys", str(folder), "--lang", "en"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("✔ nation-identity.proof: node 511600 provided data at 2026-11-22")
    assert out[1].startswith(
        "✘ bad.proof: The signed note is malformed: no newline at the end. [note_malformed]"
    )
    assert "[witness_missing]" in out[1], "what follows from the cut is told, too"
    assert verifying.main([str(tmp_path / "none.proof"), "--keys", str(folder)]) == 1
    assert "[unreadable]" in capsys.readouterr().out


def test_the_command_used_wrongly(tmp_path, capsys):
    assert verifying.main([]) == 2
    assert verifying.main(["a.proof", "--keys", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_key_sets(tmp_path):
    folder = write_keys(tmp_path / "keys")
    one = tmp_path / "one-file"
    one.write_text(policy_text() + f"node {CITY_NODE.public.to_text()}\n")
    assert KeySet.load(one).nodes == KeySet.load(folder).nodes
    assert KeySet.load(one).policy(CITY_LOG.name)[1] == {CITY_LOG.public.ref: CITY_LOG.public}
    assert KeySet.load(folder).policy("other") is None
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(KeySetMissing):
        KeySet.load(folder)


def test_it_needs_neither_network_nor_database():
    forbidden = (
        "sqlite3",
        "_sqlite3",
        "pyreqwest",
        "uvicorn",
        "django",
        "guantong.courier",
        "guantong.bundle",
    )
    code = f"import sys, guantong.evidence.verifying; sys.exit([m for m in {forbidden!r} if m in sys.modules] or 0)"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("inside", ["a.proof", "manifest.json"])
def test_a_member_that_does_not_unpack_is_told_however_it_is_packed(
    keys: KeySet, packing: int, inside: str
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        archive.writestr(inside, b"abcdefgh" * 500)
    whole = bytearray(buffer.getvalue())
    start = whole.index(inside.encode()) + len(inside)
    for at in range(start, whole.index(b"PK\x01\x02")):
        broken = bytearray(whole)
        broken[at] ^= 0xFF
        ((_, verdict),) = verify_all([Dropped("x.zip", io.BytesIO(broken))], keys)
        assert not verdict.ok
        assert {fault.code for fault in verdict.faults} <= {
            "archive_unreadable",
            "file_unknown",
            "file_too_large",
        }

"""The verifier as a page: any number of files, words in both languages, every fault, and nothing kept."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.cast import assemble
from tests.sharing.test_agreement import agreed

from guantong.evidence import verifying
from guantong.federation import keyset
from guantong.federation.keys import node_key
from guantong.kit import envelope
from guantong.kit.suites import INTERNATIONAL
from guantong.site.node import node_settings

pytestmark = pytest.mark.django_db


def receipt(**changes: object) -> bytes:
    body = {"node": "511600", "at": "2026-11-20T04:00:00.000Z", "role": "provider", "decision": "allow"}
    return envelope.seal("guantong/receipt@v1", {**body, **changes}, node_key(node_settings()))


def drop(*files: tuple[str, bytes], language: str = "zh-hans", accept: str = "text/html") -> object:
    client = Client(enforce_csrf_checks=False)
    client.cookies["django_language"] = language
    parts = [SimpleUploadedFile(name, data) for name, data in files]
    return client.post("/prove/check/", {"proof": parts}, headers={"accept": accept})


@pytest.fixture
def agreement() -> tuple[bytes, bytes]:
    _, found = agreed(assemble())
    keyset.write_keyset(keyset.keyset_folder(node_settings()))
    return bytes(found.statement), bytes(found.document)


def test_an_agreement_with_its_document_and_a_receipt(agreement: tuple[bytes, bytes]) -> None:
    statement, document = agreement
    page = drop(("a.json", statement), ("another-name.pdf", document), ("r.json", receipt()))
    said = page.content.decode()
    assert said.count("✓ 成立") == 2
    assert "同名文书与签署的一致" in said
    assert "文书就是签署的那一份" in said
    english = drop(("r.json", receipt()), language="en").content.decode()
    assert "What is proved" in english
    assert "ask the node for its proof file" in english


def test_every_fault_of_every_file(agreement: tuple[bytes, bytes]) -> None:
    statement, document = agreement
    stranger = envelope.seal("guantong/receipt@v1", {"node": "1"}, INTERNATIONAL.generate("x/node"))
    answer = drop(
        ("a.json", statement.replace(b'"per_day"', b'"per_dax"', 1)),
        ("a.pdf", document + b" "),
        ("s.json", stranger),
        ("n.txt", "内容".encode()),
        accept="application/json",
    ).json()
    assert answer["ok"] is False
    found = {each["file"]: {fault["code"] for fault in each["faults"]} for each in answer["files"]}
    assert found == {
        "a.json": {"bad_signature", "agreement_wrong"},
        "s.json": {"unknown_key"},
        "n.txt": {"file_unknown"},
    }
    page = drop(("a.json", statement), ("a.pdf", document + b" "), language="en").content.decode()
    assert "the document is not the one that was signed" in page
    assert "What it claims: do not rely on it" in page


def test_a_zip_and_names_that_are_markup(agreement: tuple[bytes, bytes]) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../<script>.json", receipt(purpose="<img src=x>"))
        archive.writestr("b.json", b"{}")
    page = drop(("all.zip", packed.getvalue())).content.decode()
    assert "<img src=x>" not in page
    assert "<script>.json" not in page
    assert "2 个文件中 1 个成立" in page


def test_nothing_is_kept_and_limits_hold(agreement: tuple[bytes, bytes]) -> None:
    home = node_settings().home
    before = {path for path in home.rglob("*") if "sqlite" not in path.name}
    large = b'{"body":' + b" " * 4_300_000
    answer = drop(("l.json", large), accept="application/json").json()
    assert [fault["code"] for fault in answer["files"][0]["faults"]] == ["file_too_large"]
    assert {path for path in home.rglob("*") if "sqlite" not in path.name} == before
    assert not list(Path("/tmp").glob("*.upload*"))  # noqa: S108 - where Django keeps large files while it reads
    assert drop(*[(f"{n}.json", b"x") for n in range(51)]).status_code == 413
    assert drop(("l.json", b" " * 6_100_000)).status_code == 413
    assert "请先" in drop().content.decode()


def test_the_public_keys_can_be_taken_along(
    agreement: tuple[bytes, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = Client().get("/prove/check/keys.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {"keys/nodes", "keys/511600.policy"} <= set(archive.namelist())
        assert all(b"PRIVATE" not in archive.read(name) for name in archive.namelist())
        archive.extractall(tmp_path)  # the node's own file
    (tmp_path / "r.json").write_bytes(receipt())
    assert verifying.main([str(tmp_path / "r.json"), "--keys", str(tmp_path / "keys")]) == 0
    assert "提供了数据" in capsys.readouterr().out


def test_the_verifier_can_be_taken_along_as_one_file(agreement: tuple[bytes, bytes], tmp_path: Path) -> None:
    program = tmp_path / "guantong-verify.pyz"
    program.write_bytes(Client().get("/prove/check/guantong-verify.pyz").content)
    keyset.write_keyset(tmp_path / "keys")
    (tmp_path / "a.json").write_bytes(agreement[0])
    (tmp_path / "a.pdf").write_bytes(agreement[1])
    command = [sys.executable, "-I", str(program), str(tmp_path / "a.json"), "--keys", str(tmp_path / "keys")]
    good = subprocess.run(command, capture_output=True, text=True, env={}, cwd=tmp_path, check=False)
    assert (good.returncode, "同名文书与签署的一致" in good.stdout) == (0, True), good.stderr
    (tmp_path / "a.pdf").write_bytes(agreement[1] + b" ")
    bad = subprocess.run(command, capture_output=True, text=True, env={}, cwd=tmp_path, check=False)
    assert (bad.returncode, "agreement_wrong" in bad.stdout) == (1, True)

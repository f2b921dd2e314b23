"""The pilot story, whole, over HTTP, on both control databases."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from examples.guangan.story import Story
from examples.guangan.town import ROOT, Town

pytestmark = pytest.mark.town


def verify(*proofs: Path, keys: Path) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "guantong", "verify", *map(str, proofs), "--keys", str(keys)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_story_on_sqlite_leaves_summary_proofs_and_keys(told: Story) -> None:
    summary = json.loads((told.folder / "summary.json").read_text())
    assert summary["ok"]
    assert {step["node"] for step in summary["steps"]} >= {"000000", "511600"}
    assert sum(bool(step["receipt"]) for step in summary["steps"]) >= 13
    proofs = sorted(told.folder.glob("*.proof"))
    assert {"provider", "relay", "consumer"} <= {part for proof in proofs for part in proof.stem.split("-")}
    assert verify(*proofs, keys=told.folder / "keys").returncode == 0


def test_a_proof_with_one_flipped_byte_or_without_its_witness_is_refused(told: Story, tmp_path: Path) -> None:
    proof = next(told.folder.glob("*verify_child-000000-provider*.proof"))
    text = bytearray(proof.read_bytes())
    text[len(text) // 3] ^= 1
    flipped, unwitnessed = tmp_path / "flipped.proof", tmp_path / "unwitnessed.proof"
    flipped.write_bytes(text)
    unwitnessed.write_text("".join(proof.read_text().splitlines(keepends=True)[:-1]))
    for wrong in (flipped, unwitnessed):
        verdict = verify(wrong, keys=told.folder / "keys")
        assert verdict.returncode == 1
        assert "✘" in verdict.stdout


def test_the_story_on_postgresql_with_departments_on_postgresql_and_mariadb(
    town_on_servers: Town, tmp_path: Path
) -> None:
    Story(town_on_servers, tmp_path / "story", seed=23).tell()

"""The log's long life on a node's own folders: old records are packed, found, proven, and nothing is missing."""

import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.gateway.processes import ended, wait_for
from tests.gateway.town import listening
from tests.journal.test_records import KEY, receipt
from tests.site.test_commands import guantong

from guantong.evidence import spool
from guantong.evidence.keysets import KeySet
from guantong.evidence.log import Log
from guantong.evidence.spool import Spool
from guantong.evidence.verifier import verify
from guantong.journal.actions import take_in_records
from guantong.journal.models import Receipt
from guantong.journal.types import SYSTEM
from guantong.kit import clock, envelope
from guantong.kit.settings import Settings
from guantong.kit.suites import INTERNATIONAL
from guantong.site.archiving import archive_of, archive_old

pytestmark = [pytest.mark.django_db, pytest.mark.control]
COUNT = 40


@pytest.fixture
def node(tmp_path: Path) -> Settings:
    """A node whose gateway has written a chain of receipts in several segments, all of them leaves by now."""
    with listening() as place:
        port = place.getsockname()[1]
    settings = replace(Settings("511600", tmp_path, development=True, log_port=port)).completed()
    settings.key_folder.mkdir()
    log_key = INTERNATIONAL.generate(f"{settings.name}/log")
    (settings.key_folder / "log.key").write_text(log_key.to_text())
    keyset = f"node {KEY.public.to_text()}\nlog {log_key.public.to_text()}\nquorum none\n"
    (tmp_path / "keys.txt").write_text(keyset)
    prev = None
    with Spool(settings.spool_folder, "gateway-0", segment_bytes=4000) as writing:
        for number in range(1, COUNT + 1):
            raw = receipt(f"c-{number}", node="511600", chain="GX1/gateway-0", n=number, prev=prev)
            writing.append_now(raw)
            prev = envelope.digest(raw)
    log = Log(settings.log_folder, settings.spool_folder, log_key)
    while log.integrate():
        pass
    log.sign()
    log.close()
    return settings


def said(settings: Settings, *words: str) -> "subprocess.CompletedProcess[str]":
    return guantong(*words, **environment(settings))


def started_log(settings: Settings, out: BinaryIO) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "guantong", "log"]
    return subprocess.Popen(command, env={**os.environ, **environment(settings)}, stdout=out, stderr=out)


def environment(settings: Settings) -> dict[str, str]:
    return {
        "GUANTONG_NODE": settings.node,
        "GUANTONG_HOME": str(settings.home),
        "GUANTONG_DEVELOPMENT": "true",
        "GUANTONG_LOG_PORT": str(settings.log_port),
    }


def test_nothing_leaves_the_spool_before_the_journal_has_read_it(node: Settings) -> None:
    assert archive_old(node, days=0, at=clock.now()) == []
    assert take_in_records(node.spool_folder, by=SYSTEM, at=clock.now()) == COUNT
    assert archive_old(node, days=1, at=clock.now()) == []
    moved = archive_old(node, days=0, at=clock.now())
    assert moved[-1].end == spool.first(node.spool_folder, "gateway-0")
    assert take_in_records(node.spool_folder, by=SYSTEM, at=clock.now()) == 0
    assert said(node, "archive", "--check").stdout.count("gateway-0") == len(moved)


def test_an_archived_record_has_its_proof_and_the_chain_is_whole(node: Settings) -> None:
    take_in_records(node.spool_folder, by=SYSTEM, at=clock.now())
    assert archive_old(node, days=0, at=clock.now())
    raw = bytes(Receipt.objects.get(call="c-1").raw)
    with (node.home / "log.out").open("wb") as out, ended(started_log(node, out)) as process:
        wait_for(f"{node.log_url}/health", process)
        done = said(node, "proof", sha256(raw).hexdigest(), "--out", str(node.home / "c-1.proof"))
        assert (done.returncode, done.stderr) == (0, "")
        refused = said(node, "proof", "0" * 64)
        assert (refused.returncode, "not in the log yet" in refused.stderr) == (1, True)
        assert said(node, "proof", "zz").returncode == 1
    verdict = verify((node.home / "c-1.proof").read_bytes(), KeySet.load(node.home / "keys.txt"))
    assert verdict.ok, verdict.faults
    done = said(node, "complete", "--lang", "en")
    assert (done.returncode, done.stdout) == (0, f"1 chains, {COUNT} receipts, nothing missing.\n")


def test_the_missing_number_is_named(node: Settings) -> None:
    records = [one.record for one in spool.read(node.spool_folder, "gateway-0")]
    paths = []
    for number, record in enumerate(records, start=1):
        paths.append(node.home / f"{number}.json")
        paths[-1].write_bytes(record)
    words = [str(path) for path in paths if path.name not in {"7.json", "40.json"}]
    done = said(node, "complete", *words, "--until", "GX1/gateway-0=40")
    assert done.returncode == 1
    assert "缺少第 7 号凭证" in done.stdout
    assert "缺少第 40 号凭证" in done.stdout
    # A segment that somebody took away, and one put back.
    take_in_records(node.spool_folder, by=SYSTEM, at=clock.now())
    archive = archive_of(node)
    segments = archive_old(node, days=0, at=clock.now())
    assert said(node, "archive", "--restore", "gateway-0", str(segments[1].start)).returncode == 0
    assert said(node, "complete").returncode == 0
    for path in (node.home / "archive/gateway-0").glob(f"{segments[0].start:020d}*"):
        path.unlink()
    done = said(node, "complete", "--lang", "en")
    last = segments[0].records
    assert f"receipt {f'1–{last}' if last > 1 else '1'} is missing" in done.stdout
    assert [one.start for one in archive.segments("gateway-0")] == [one.start for one in segments[1:]]

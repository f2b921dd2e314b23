"""A node is copied while it writes, and put back: nothing that the copy has is lost, and no number is given twice."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.site.test_archiving import COUNT, KEY, receipt, said
from tests.site.test_archiving import node as node  # noqa: PLC0414 - a fixture

from guantong.evidence import spool
from guantong.evidence.chains import examine, link_of
from guantong.evidence.generations import Generation
from guantong.evidence.index import Index
from guantong.evidence.log import RESTORED, Log
from guantong.evidence.spool import Spool
from guantong.kit import clock, envelope
from guantong.kit.settings import Settings
from guantong.kit.suites import SigningKey
from guantong.site.backups import BackupFailed, BackupWrong, NodeNotEmpty, back_up, restore


def beside(node: Settings, tmp_path: Path) -> Settings:
    return replace(node, home=tmp_path / "again")


@pytest.fixture
def copy(node: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy") / "backup"
    back_up(node, folder, has_keys=False, at=clock.now())
    return folder


def test_a_node_comes_back_and_its_chains_begin_anew(node: Settings, copy: Path, tmp_path: Path) -> None:
    again = beside(node, tmp_path)
    assert not (copy / "keys").exists()
    restore(again, copy)
    assert (again.log_folder / RESTORED).exists()
    assert [one.record for one in spool.read(again.spool_folder, "gateway-0")] == [
        one.record for one in spool.read(node.spool_folder, "gateway-0")
    ]
    log = Log(
        again.log_folder, again.spool_folder, SigningKey.from_text((node.key_folder / "log.key").read_text())
    )
    assert (log.size, log.latest and log.latest.checkpoint.size, log.is_restored) == (COUNT, COUNT, True)
    log.close()
    mark = Generation(again.spool_folder).mark()
    assert mark == "~1"
    with Spool(again.spool_folder, "gateway-0") as writing:
        writing.append_now(receipt("new", chain=f"GX1/gateway-0{mark}", n=1, prev=None))
    links = [link_of(one.record) for one in spool.read(again.spool_folder, "gateway-0")]
    assert examine(link for link in links if link) == []


def test_a_copy_made_while_records_arrive_is_consistent(node: Settings, tmp_path: Path) -> None:
    """Whatever the copied index knows of the spool, the copied spool has it."""
    stopping = threading.Event()
    key = SigningKey.from_text((node.key_folder / "log.key").read_text())

    def work() -> None:
        log, number = Log(node.log_folder, node.spool_folder, key), COUNT
        with Spool(node.spool_folder, "gateway-0", segment_bytes=4000) as writing:
            while not stopping.is_set():
                number += 1
                writing.append_now(envelope.seal("guantong/receipt@v1", {"n": number}, KEY))
                log.integrate()
                log.sign()
        log.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for turn in range(5):
            back_up(node, tmp_path / f"copy-{turn}", has_keys=True, at=clock.now())
    finally:
        stopping.set()
        worker.join()
    for turn in range(5):
        again = replace(node, home=tmp_path / f"again-{turn}")
        restore(again, tmp_path / f"copy-{turn}")
        index = Index(again.log_folder / "log.sqlite")
        assert index.size >= COUNT
        assert index.cursor("gateway-0") <= spool.end(again.spool_folder, "gateway-0")
        index.close()
        assert (again.key_folder / "log.key").exists()
        log = Log(again.log_folder, again.spool_folder, key)
        while log.integrate():
            pass
        signed = log.sign()
        assert signed
        assert signed.checkpoint.size == len(list(spool.read(again.spool_folder, "gateway-0")))
        log.close()


def test_what_is_refused(node: Settings, copy: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed):
        back_up(node, copy, has_keys=False, at=clock.now())
    with pytest.raises(NodeNotEmpty):
        restore(node, copy)
    again = beside(node, tmp_path)
    with pytest.raises(BackupWrong, match="is of node"):
        restore(replace(again, node="510000"), copy)
    with pytest.raises(BackupWrong, match="no manifest"):
        restore(again, tmp_path)
    path = copy / "log/log.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(BackupWrong, match="damaged"):
        restore(again, copy)
    path.write_bytes(whole)
    restore(again, copy)


def test_the_commands(node: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("commands") / "backup"
    done = said(node, "backup", str(folder))
    assert (done.returncode, done.stderr, "私钥不在备份内" in done.stdout) == (0, "", True)
    assert [path for path in folder.rglob("*") if path.stat().st_mode & 0o077] == []
    assert said(node, "restore", str(folder)).returncode == 1
    shutil.rmtree(node.log_folder)
    shutil.rmtree(node.spool_folder)
    done = said(node, "restore", str(folder))
    assert (done.returncode, "begin new chains" in done.stdout) == (0, True)

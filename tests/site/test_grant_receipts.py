"""Whether a grant's receipts are complete: every gap, repeat and broken link named; one side against the other."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.cast import NOON, PERMITS, Cast, assemble, need, publish_permits
from tests.journal.test_records import receipt

from guantong.evidence.spool import Spool
from guantong.federation import keyset
from guantong.federation.keys import node_key
from guantong.identity.models import Person
from guantong.journal import exporting
from guantong.journal.actions import take_in_records
from guantong.journal.models import Entry, Receipt
from guantong.journal.types import SYSTEM
from guantong.kit import clock, envelope
from guantong.kit.suites import INTERNATIONAL, NATIONAL, Suite
from guantong.sharing import actions
from guantong.sharing.models import Grant
from guantong.site.node import node_settings

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    cast = assemble()
    publish_permits(cast)
    asked = actions.file_request(need(), consumer=cast.education, by=cast.as_actor(cast.xu), at=NOON)
    for decider in (cast.jiang, cast.tian):
        actions.decide(asked, "approved", by=cast.as_actor(decider), at=NOON)
    return cast


def write(
    folder: Path,
    *,
    writer: str = "gateway-0",
    count: int = 10,
    without: tuple[int, ...] = (),
    forged: int = 0,
    suite: Suite = INTERNATIONAL,
    **changes: Any,
) -> None:
    """A chain of ``count`` receipts of which some never reach the spool, and one names another before it."""
    grant, previous = Grant.objects.get().code, None
    with Spool(folder, writer) as spool:
        for number in range(1, count + 1):
            raw = receipt(
                f"{writer}-{number}",
                **{"grant": grant, "resource": PERMITS, "chain": f"{grant}/{writer}", "n": number,
                   "at": clock.rfc3339(NOON + timedelta(seconds=number)),
                   "prev": "sha-256:00" if number == forged else previous, **changes},
            )  # fmt: skip
            previous = envelope.digest(raw, suite)
            if number not in without:
                spool.append_now(raw)
    take_in_records(folder, by=SYSTEM, at=NOON)


def signed_in(username: str, language: str = "zh-hans") -> Client:
    client = Client()
    client.cookies["django_language"] = language
    client.force_login(Person.objects.get(username=username))
    return client


def page(username: str = "gao", **more: Any) -> Any:
    return signed_in(username, more.pop("language", "zh-hans")).get(
        f"/prove/grants/{Grant.objects.get().code}/", more
    )


@pytest.mark.parametrize("suite", [INTERNATIONAL, NATIONAL])
def test_all_are_there_in_either_suite(cast: Cast, tmp_path: Path, suite: Suite) -> None:
    write(tmp_path, suite=suite)
    write(tmp_path, writer="gateway-1", count=3, suite=suite)
    said = page().content.decode()
    assert "13 份凭证全部在，逐份首尾相接" in said
    assert "All 13 receipts are there" in page(language="en").content.decode()
    rows = page(format="json").json()["rows"]
    assert [(row["present"], row["last"], row["missing"]) for row in rows] == [(10, 10, 0), (3, 3, 0)]


@pytest.mark.parametrize("suite", [INTERNATIONAL, NATIONAL])
def test_every_gap_and_broken_link_is_named(cast: Cast, tmp_path: Path, suite: Suite) -> None:
    write(tmp_path, without=(1, 4, 5, 9), forged=8, suite=suite)
    (row,) = page(format="json").json()["rows"]
    assert (row["missing_numbers"], row["broken_numbers"], row["missing"]) == ("1 4-5 9", "8", 4)
    said = page().content.decode()
    for sentence in ("缺少第 1 号凭证", "缺少第 4–5 号凭证", "第 8 号与前一号不相接", "缺少 4 份凭证"):
        assert sentence in said
    assert 'class="missing"' in said
    csv = page(format="csv").content.decode()
    assert "1 4-5 9" in csv


def test_a_part_of_the_time_is_judged_by_itself(cast: Cast, tmp_path: Path) -> None:
    write(tmp_path, without=(4,))
    later = {"at": clock.rfc3339(NOON + timedelta(days=9))}
    write(tmp_path / "later", writer="gateway-3", count=5, without=(1, 3), **later)
    rows = page(format="json", since="2026-11-25").json()["rows"]
    assert [(row["missing_numbers"], row["present"]) for row in rows] == [("3", 3)]
    rows = page(format="json", until="2026-11-25").json()["rows"]
    assert [(row["missing_numbers"], row["present"]) for row in rows] == [("4", 9)]


def test_a_receipt_taken_out_of_the_index_shows_and_a_twin_does(cast: Cast, tmp_path: Path) -> None:
    write(tmp_path)
    Receipt.objects.get(number=6).delete()
    twin = Receipt.objects.get(number=3)
    twin.pk, twin.digest = None, "sha-256:11"
    twin.save()
    (row,) = page(format="json").json()["rows"]
    assert (row["missing_numbers"], row["repeated_numbers"]) == ("6", "3")


def test_a_tail_that_was_cut_off_shows_by_the_writers_mark(cast: Cast, tmp_path: Path) -> None:
    write(tmp_path)
    folder = node_settings().spool_folder / "gateway-0"
    folder.mkdir(parents=True, exist_ok=True)
    grant = Grant.objects.get().code
    (folder / "00000000000000000000").touch()
    mark = folder / "chains.json"
    mark.write_text(f'{{"offset":0,"chains":{{"{grant}/gateway-0":[12,"x"],"{grant}/gone":[2,"x"]}}}}')
    try:
        rows = page(format="json").json()["rows"]
    finally:
        mark.unlink()
    assert [(row["chain"].rpartition("/")[2], row["missing_numbers"]) for row in rows] == [
        ("gateway-0", "11-12"),
        ("gone", "1-2"),
    ]


def test_both_parties_and_the_auditor_look_and_nobody_else(cast: Cast, tmp_path: Path) -> None:
    write(tmp_path)
    assert {name: page(name).status_code for name in ("xu", "luo", "jiang", "gao", "tian")} == {
        "xu": 200,
        "luo": 200,
        "jiang": 200,
        "gao": 200,
        "tian": 404,  # decided on it, but uses and provides nothing
    }
    assert Entry.objects.filter(act="chains.read").count() == 4


def other_side(*calls: tuple[str, str, str], key: Any, node: str = "511602") -> SimpleUploadedFile:
    grant = Grant.objects.get().code
    rows = [
        {"grant": grant, "call": call, "role": role, "decision": decision, "reason": "", "at": "2026-11-20"}
        for call, role, decision in calls
    ]
    pieces = exporting.export(
        rows, [], form="jsonl", stated=exporting.stated_by(node, {}, {"grant": grant}, NOON),
        key=key, most=99, when_done=lambda *_: None,
    )  # fmt: skip
    return SimpleUploadedFile("other.zip", io.BytesIO(b"".join(pieces)).getvalue())


def test_one_side_against_the_other(cast: Cast, tmp_path: Path) -> None:
    Grant.objects.update(consumer_node="511602")
    folder = keyset.keyset_folder(node_settings())
    keyset.write_keyset(folder)
    county = INTERNATIONAL.generate("511602.guantong.example/node")
    (folder / "nodes").write_text((folder / "nodes").read_text() + f"{county.public.to_text()}\n")
    write(tmp_path, count=3)
    address = f"/prove/grants/{Grant.objects.get().code}/"
    theirs = other_side(
        ("gateway-0-1", "consumer", "allow"),
        ("x", "consumer", "refuse"),
        ("y", "consumer", "allow"),
        key=county,
    )
    said = signed_in("gao").post(address, {"other": theirs}).content.decode()
    assert "双方都有的调用 1 次；仅本方有 2 次，仅对方有 2 次" in said
    for reason in (
        "答复未送达，或对方缺少凭证",
        "在对方即被拒绝，未到达本方",
        "对方称已收到答复：本方缺少凭证",
    ):
        assert reason in said
    stranger = other_side(("x", "consumer", "allow"), key=INTERNATIONAL.generate("511602.x/node"))
    assert (
        "不是对方节点签名导出的本授权凭证"
        in signed_in("gao").post(address, {"other": stranger}).content.decode()
    )
    own = other_side(("x", "consumer", "allow"), key=node_key(node_settings()), node="511600")
    assert "它出自另一节点" in signed_in("gao").post(address, {"other": own}).content.decode()
    nothing = SimpleUploadedFile("a.zip", b"PK")
    assert "不是可核验的文件" in signed_in("gao").post(address, {"other": nothing}).content.decode()
    assert "没有选择文件" in signed_in("gao").post(address).content.decode()

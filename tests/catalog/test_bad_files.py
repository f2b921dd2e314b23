"""What people really hand in: every file is read rightly or refused in words, in both languages, cell by cell."""

import contextlib
import io
import zipfile
from datetime import date
from typing import Any

import openpyxl
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from tests.cast import POLICE, assemble
from tests.catalog.test_import import HEADINGS, ROW, handed_in, saved, sheet, told

from guantong.catalog import codes
from guantong.catalog.errors import ContentWrong
from guantong.catalog.models import ExtensionField, ImportBatch, Resource
from guantong.catalog.sheets import reading
from guantong.catalog.sheets.errors import FileRefused

pytestmark = pytest.mark.django_db
CODE = "3070511600001/000007"
# Letters and digits as a Chinese keyboard types them.
WIDE = {ord(sign): ord(sign) + 0xFEE0 for sign in "aeflmnu0123456789"}


def with_part(data: bytes, name: str, content: bytes) -> bytes:
    """The workbook with one part changed or added."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            if part.filename != name:
                new.writestr(part.filename, old.read(part.filename))
        new.writestr(name, content)
    return buffer.getvalue()


def first_fault(batch: ImportBatch) -> dict[str, Any]:
    assert batch.progress == "refused"
    fault: dict[str, Any] = batch.faults[0]
    assert fault["zh"]
    assert fault["en"]
    return fault


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-8", "utf-8-sig", "utf-16"])
def test_encodings_are_told_apart(encoding: str) -> None:
    cast = assemble()
    text = ",".join(HEADINGS) + "\n" + ",".join(ROW).replace("户籍信息", "户籍信息（镕）") + "\n"
    if encoding == "gbk":
        text = text.replace("镕", "容")
    assert handed_in(cast, text.encode(encoding)).drafted == 1
    assert Resource.objects.get().name.startswith("户籍信息")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("信息资源名称,提供方代码".encode("utf-16-le"), "catalogue_file_encoding"),
        ("信息资源名称".encode() + b"\xff\xff", "catalogue_file_encoding"),
        ("信息资源名称,共享类型,信息项名称\n".encode("big5", "ignore"), "catalogue_headings_missing"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "catalogue_file_unreadable"),
        (b"", "catalogue_headings_missing"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "catalogue_file_old"),
        (b"PK\x03\x04" + b"\0" * 60, "catalogue_file_unreadable"),
    ],
)
def test_what_is_no_file_of_entries_is_refused(data: bytes, code: str) -> None:
    batch = handed_in(assemble(), data)
    assert batch.failure is not None
    assert batch.failure["code"] == code
    assert set(batch.failure["message"]) == {"zh", "en"}


GOOD = sheet(ROW)


@settings_of_hypothesis(max_examples=300, deadline=None)
@given(places=st.lists(st.integers(0, len(GOOD) - 1), min_size=1, max_size=12), by=st.integers(1, 255))
def test_a_workbook_with_broken_bytes_is_read_or_refused_in_words(places: list[int], by: int) -> None:
    broken = bytearray(GOOD)
    for place in places:
        broken[place] ^= by
    with contextlib.suppress(FileRefused):  # refused in words, which is what is wanted
        reading.read(bytes(broken))


def test_macros_are_refused_and_what_declares_entities_too() -> None:
    cast, good = assemble(), sheet(ROW)
    macros = handed_in(cast, with_part(good, "xl/vbaProject.bin", b"x"))
    assert macros.failure is not None
    assert macros.failure["code"] == "catalogue_file_macros"
    growing = (
        b'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1" t="str"><v>&b;</v></c></row></sheetData></worksheet>'
    )
    with pytest.raises(FileRefused):
        reading.read(with_part(good, "xl/worksheets/sheet1.xml", growing))
    with pytest.raises(FileRefused):
        reading.read(with_part(good, "xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row r='1'>"))


def test_limits_are_told_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    good = sheet(ROW)
    monkeypatch.setattr(reading, "LARGEST_UNPACKED", 1000)
    with pytest.raises(FileRefused, match="unpacked"):
        reading.read(good)
    monkeypatch.undo()
    monkeypatch.setattr(reading, "LARGEST_FILE", 100)
    with pytest.raises(FileRefused):
        reading.read(good)
    monkeypatch.undo()
    monkeypatch.setattr(reading, "MOST_ROWS", 3)
    with pytest.raises(FileRefused, match="3 rows"):
        reading.read(sheet(*[ROW] * 4))
    with pytest.raises(FileRefused):
        reading.read(b"a,b\n" * 5)


def test_a_row_far_down_and_a_column_far_right_take_no_memory() -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(HEADINGS)
    book.active.append(ROW)
    book.active["XFD2"] = "far"
    (found,) = reading.read(saved(book))
    assert max(len(cells) for _, cells in found.rows) <= reading.MOST_COLUMNS
    book.active["A1048576"] = "deep"
    (found,) = reading.read(saved(book))
    assert [number for number, _ in found.rows] == [1, 2, 1_048_576]


def test_dates_numbers_blanks_and_full_width_signs_are_read_as_meant() -> None:
    cast = assemble()
    ExtensionField.objects.create(name="since", label="起始日", kind="day")
    headings = [*HEADINGS, "数据长度", "起始日"]
    typed = [" 3070511600001/000007 ", "户籍信息\u3000", POLICE, " 有条件共享", "办事 ", "姓名"]
    row = [*typed, "full_name".translate(WIDE), "C", "3".translate(WIDE), 20.0, date(2026, 11, 22)]
    batch = handed_in(cast, sheet(row, headings=headings))
    assert batch.faults == []
    draft = Resource.objects.get(code=CODE).draft
    assert draft
    assert (draft["name"], draft["extension"], draft["sharing_condition"]) == (
        "户籍信息",
        {"since": "2026-11-22"},
        "办事",
    )
    assert [(i["name"], i["level"], i["length"]) for i in draft["items"]] == [("full_name", 3, 20)]


def test_a_serial_number_says_which_day_it_probably_is() -> None:
    ExtensionField.objects.create(name="since", label="起始日", kind="day")
    fault = first_fault(handed_in(assemble(), sheet([*ROW, 46348], headings=[*HEADINGS, "起始日"])))
    assert "2026-11-22" in fault["zh"]
    assert "2026-11-22" in fault["en"]


def test_formulas_shared_formulas_and_errors_are_named() -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(HEADINGS)
    book.active.append([*ROW[:1], '=CONCATENATE("户","籍")', *ROW[2:8], "#REF!"])
    book.active["I2"].data_type = "e"
    batch = handed_in(assemble(), saved(book))
    assert [fault[:2] for fault in told(batch)] == [(2, "信息资源名称"), (2, "数据级别")]


def test_the_providers_name_and_code_must_agree() -> None:
    cast = assemble()
    headings = [*HEADINGS, "信息资源提供方"]
    fault = first_fault(handed_in(cast, sheet([*ROW, "广安市教育局"], headings=headings)))
    assert (fault["row"], fault["column"], fault["read"]) == (2, 10, "广安市教育局")
    assert cast.police.name in fault["zh"]
    assert handed_in(cast, sheet([*ROW, " 广安市 公安局"], headings=headings)).drafted == 1


def test_codes_that_occur_twice_in_a_file_are_named() -> None:
    other = [CODE.replace("7", "8"), "别的", *ROW[2:]]
    batch = handed_in(assemble(), sheet(ROW, other, [CODE, "又一条", *ROW[2:]]))
    fault = first_fault(batch)
    assert (fault["row"], fault["heading"]) == (4, "信息资源代码")
    assert "2" in fault["en"]


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (
            "guide",
            "3070511600001/000007",
            ["4070511600001/000007", "30705/000007", "3070511600001/7", "307051160000A/000007"],
        ),
        ("loose", "307A511600001/AB7", ["4070511600001/000007", "3070511600001/", "307a511600001/7"]),
    ],
)
def test_two_rules_for_codes(rule: str, good: str, bad: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(settings.NODE), "catalogue_code_rule", rule, raising=False)
    monkeypatch.setattr(codes, "rule", lambda _name: codes.RULES[rule])
    cast = assemble()
    for code in bad:
        with pytest.raises(ContentWrong):
            codes.RULES[rule].check(code)
    faulty = handed_in(cast, sheet([bad[0], *ROW[1:]]))
    fault = first_fault(faulty)
    assert (fault["heading"], fault["zh"]) == ("信息资源代码", codes.RULES[rule].zh)
    assert handed_in(cast, sheet([good, *ROW[1:]])).drafted == 1
    assert Resource.objects.get().code == good

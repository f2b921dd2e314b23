"""Files of entries: a round trip that loses nothing, every wrong cell named, nothing half imported, bad files refused."""

import io
import zipfile
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cast import NODE, NOON, PERMITS, POLICE, Cast, assemble, content, publish_permits

from guantong.catalog import actions, extensions
from guantong.catalog.models import ExtensionField, ImportBatch, Resource, State
from guantong.catalog.sheets import writing
from guantong.catalog.sheets.guarding import bare, guarded
from guantong.catalog.sheets.parsing import find_table, judge, parse
from guantong.catalog.sheets.reading import read
from guantong.catalog.types import ResourceContent
from guantong.identity.models import Person

HEADINGS = [
    "信息资源代码",
    "信息资源名称",
    "提供方代码",
    "共享类型",
    "共享条件",
    "信息项名称",
    "信息项英文名",
    "数据类型",
    "数据级别",
]
ROW = ["3070511600001/000007", "户籍信息", POLICE, "有条件共享", "办事", "姓名", "full_name", "C", "3"]


def sheet(*rows: list[Any], headings: list[str] = HEADINGS) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (headings, *rows):
        book.active.append(row)
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def handed_in(cast: Cast, data: bytes, *, good: bool = False) -> ImportBatch:
    by = cast.as_actor(cast.luo)
    batch = actions.hand_in(data, name="f", organisation=cast.police, takes_good_ones=good, by=by, at=NOON)
    return actions.run_import(batch, by=by, at=NOON)


def told(batch: ImportBatch) -> list[tuple[int, str, str]]:
    return [(fault["row"], fault["heading"], fault["read"]) for fault in batch.faults]


def client(person: Person) -> Client:
    visitor = Client()
    visitor.force_login(person)
    return visitor


@pytest.mark.django_db
def test_a_file_becomes_drafts() -> None:
    cast = assemble()
    second = ["", "", "", "", "", "出生日期", "born_on", "日期型D", "3"]
    batch = handed_in(cast, sheet(ROW, second))
    assert (batch.progress, batch.drafted, batch.faults) == ("done", 1, [])
    resource = Resource.objects.get()
    assert (resource.state, resource.draft["provider"], resource.due_on is None) == ("draft", POLICE, False)
    assert [item["name"] for item in resource.draft["items"]] == ["full_name", "born_on"]
    assert resource.draft["items"][1]["type"] == "D"
    again = handed_in(cast, sheet(ROW, second))
    assert (again.drafted, again.unchanged) == (0, 1)


@pytest.mark.django_db
def test_every_wrong_cell_is_named_and_nothing_comes_in() -> None:
    cast = assemble()
    bad = [*ROW]
    bad[0], bad[3], bad[8] = "3070511600001/000008", "随便共享", "9"
    basis = ["3070511600001/000009", "绝密", POLICE, "不予共享", "", "甲", "A B", "C", "1"]
    batch = handed_in(cast, sheet(ROW, bad, basis))
    assert batch.progress == "refused"
    assert not Resource.objects.exists()
    assert told(batch) == [
        (3, "共享类型", "随便共享"),
        (3, "数据级别", "9"),
        (4, "不予共享依据", ""),
        (4, "信息项英文名", "A B"),
    ]
    fault = batch.faults[0]
    assert "无条件共享" in fault["zh"]
    assert "unconditional" in fault["en"]
    good = handed_in(cast, sheet(ROW, bad, basis), good=True)
    assert (good.progress, good.drafted, good.refused) == ("done", 1, 2)


@pytest.mark.django_db
def test_the_file_comes_back_with_its_wrong_cells_marked() -> None:
    cast = assemble()
    bad = [*ROW]
    bad[3] = "随便共享"
    page = client(cast.luo).post(
        "/find/import/", {"file": SimpleUploadedFile("目录.xlsx", sheet(bad)), "choice": "all"}, follow=True
    )
    assert "随便共享" in page.content.decode()
    batch = ImportBatch.objects.get()
    back = client(cast.luo).get(f"/find/import/{batch.uuid}/marked")
    book = openpyxl.load_workbook(io.BytesIO(back.content))
    cell = book.active["D2"]  # type: ignore[index]
    assert cell.fill.fgColor.rgb == "00FFC7CE"
    assert "应为共享类型之一" in cell.comment.text
    assert client(cast.xu).get(f"/find/import/{batch.uuid}/marked").status_code == 404
    text = handed_in(cast, "\n".join([",".join(HEADINGS), ",".join(bad)]).encode("gb18030"))
    copy = client(cast.luo).get(f"/find/import/{text.uuid}/marked")
    assert openpyxl.load_workbook(io.BytesIO(copy.content)).active["D2"].comment is not None  # type: ignore[index]


@pytest.mark.django_db
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_texts_come_in_every_usual_encoding(encoding: str) -> None:
    cast = assemble()
    batch = handed_in(cast, "\n".join([",".join(HEADINGS), "", ",".join(ROW)]).encode(encoding))
    assert (batch.progress, batch.faults) == ("done", [])
    assert Resource.objects.get().name == "户籍信息"


def zipped(**parts: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def bomb() -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("xl/workbook.xml", "w", force_zip64=True) as part,
    ):
        for _ in range(610):
            part.write(bytes(1_000_000))
    return buffer.getvalue()


def hidden() -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(sheet(ROW)))
    extra = book.create_sheet("暗")
    extra["A1"] = "x"
    extra.sheet_state = "hidden"
    return saved(book)


def doubled() -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(sheet(ROW)))
    second = book.create_sheet("另一")
    for row in (HEADINGS, ROW):
        second.append(row)
    return saved(book)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "catalogue_headings_missing"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 100, "catalogue_file_old"),
        (b"PK\x03\x04 not a zip", "catalogue_file_unreadable"),
        (zipped(a=b"b"), "catalogue_file_unreadable"),
        (sheet(ROW)[:2000], "catalogue_file_unreadable"),
        (b"\x00\x01\x02", "catalogue_file_unreadable"),
        ("名称".encode()[:-1] + b"\xff\xff", "catalogue_file_encoding"),
        ("甲,乙\n1,2".encode(), "catalogue_headings_missing"),
        (sheet(), "catalogue_file_empty"),
        (hidden(), "catalogue_sheet_hidden"),
        (doubled(), "catalogue_sheets_many"),
        (bomb(), "catalogue_file_too_large"),
    ],
    ids=[
        "empty",
        "xls",
        "nozip",
        "zip",
        "cut",
        "binary",
        "bytes",
        "other",
        "bare",
        "hidden",
        "doubled",
        "bomb",
    ],
)
def test_bad_files_say_what_is_wrong(data: bytes, code: str) -> None:
    batch = handed_in(assemble(), data)
    assert batch.progress == "refused"
    assert batch.failure["code"] == code
    assert batch.failure["message"]["zh"]


@pytest.mark.django_db
def test_formulas_merges_and_unknown_headings_are_named() -> None:
    cast = assemble()
    book = openpyxl.load_workbook(io.BytesIO(sheet(ROW, ["", "", "", "", "", "性别", "sex", "C", "1"])))
    assert book.active is not None
    book.active["E2"] = '=HYPERLINK("http://x")'
    book.active.merge_cells("F2:G2")
    book.active["K1"] = "心情"
    batch = handed_in(cast, saved(book))
    assert [(fault["row"], fault["column"]) for fault in batch.faults] == [(1, 11), (2, 5), (2, 6)]
    assert not Resource.objects.exists()
    down = openpyxl.load_workbook(io.BytesIO(sheet(ROW, ["", "", "", "", "", "性别", "sex", "C", "1"])))
    assert down.active is not None
    for column in "ABCDE":
        down.active.merge_cells(f"{column}2:{column}3")
    assert handed_in(cast, saved(down)).progress == "done"
    assert len(Resource.objects.get().draft["items"]) == 2


@pytest.mark.django_db
def test_headings_in_two_rows_below_a_title() -> None:
    cast = assemble()
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["政务信息资源目录"])
    book.active.append([*HEADINGS[:5], "信息项信息", "", "", ""])
    book.active.append(["", "", "", "", "", *HEADINGS[5:]])
    book.active.append(ROW)
    batch = handed_in(cast, saved(book))
    assert (batch.progress, batch.faults) == ("done", [])


@pytest.mark.django_db
def test_codes_that_end_before_their_number_get_the_next() -> None:
    cast = assemble()
    publish_permits(cast)
    rows = [["3070511600001/", f"新目录{n}", *ROW[2:]] for n in range(3)]
    batch = handed_in(cast, sheet(*rows))
    assert (batch.progress, batch.drafted) == ("done", 3)
    assert Resource.objects.get(name="新目录2").code == "3070511600001/000004"


@pytest.mark.django_db
def test_other_departments_entries_reviews_and_repeats_are_refused() -> None:
    cast = assemble()
    resource = publish_permits(cast)
    foreign = handed_in(cast, sheet([*ROW[:2], "999", *ROW[3:]]))
    assert told(foreign) == [(2, "提供方代码", "999")]
    apart = ["3070511600001/000008", *ROW[1:]]
    twice = handed_in(cast, sheet(ROW, apart, ROW))
    assert [(fault["row"], fault["zh"]) for fault in twice.faults] == [(4, "代码与第 2 行重复")]
    Resource.objects.filter(pk=resource.pk).update(state=State.REVIEWED)
    reviewed = handed_in(cast, sheet([PERMITS, *ROW[1:]]))
    assert "正在审核" in reviewed.faults[0]["zh"]


@pytest.mark.django_db
def test_rows_of_one_entry_that_disagree_are_named() -> None:
    cast = assemble()
    other = [ROW[0], "户籍信息", POLICE, "无条件共享", "", "性别", "sex", "C", "1"]
    batch = handed_in(cast, sheet(ROW, other))
    assert [(f["row"], f["column"], f["zh"]) for f in batch.faults] == [(3, 4, "与第 2 行不一致")]


@pytest.mark.django_db
def test_what_is_exported_comes_back_the_same() -> None:
    cast = assemble()
    ExtensionField.objects.create(name="rows", label="数据量", kind="number")
    ExtensionField.objects.create(name="secrecy", label="涉密属性", kind="choice", choices=["内部"])
    words = content(
        summary="=1+1\n第二行",
        classification=["部门", "", "公安"],
        sharing_terms=[
            {"who": "division", "organisations": ["5116"], "scenario": "甲|乙\\", "purposes": ["512B"]}
        ],
        sharing_ways=["platform_interface", "paper"],
        keywords=["-流动", "'@人口"],
        related=["3070511600001/000002"],
        systems=["居住证系统"],
        service_items=["512B01"],
        office="户政科",
        extension={"rows": 12, "secrecy": "内部"},
        is_open=True,
        update_cycle="ten_days",
    )
    actions.draft(actions.read_content(words), node=NODE, by=cast.as_actor(cast.luo), at=NOON)
    before = Resource.objects.get().draft
    for form in ("xlsx", "csv"):
        file = client(cast.luo).get(f"/find/export?format={form}")
        assert b'"=1+1' not in file.content
        batch = handed_in(cast, file.content)
        assert (batch.progress, batch.faults, batch.unchanged, batch.drafted) == ("done", [], 1, 0), form
    assert Resource.objects.get().draft == before


SIGNS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\x85")
LINE = st.text(SIGNS, min_size=1, max_size=30).map(str.strip).filter(bool)
PARAGRAPH = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=60).map(
    str.strip
)
CODE = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)


@st.composite
def contents(draw: st.DrawFn) -> ResourceContent:
    names = draw(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), unique=True, max_size=4))
    is_conditional = draw(st.booleans())
    terms = st.fixed_dictionaries(
        {"who": st.just("named"), "organisations": st.lists(CODE, min_size=1, max_size=2), "scenario": LINE,
         "purposes": st.lists(CODE, max_size=2)}
    )  # fmt: skip
    return actions.read_content(
        content(
            name=draw(LINE),
            summary=draw(PARAGRAPH),
            items=[
                {
                    "name": name,
                    "label": draw(LINE),
                    "type": draw(st.sampled_from("CNYDTLMGBIF")),
                    "length": draw(st.integers(0, 1_000_000_000)),
                    "level": draw(st.integers(1, 4)),
                    "is_key": draw(st.booleans()),
                    "element": draw(CODE),
                }
                for name in names
            ],
            lookups=[[name] for name in names[:2]],
            sharing_type="conditional" if is_conditional else "unconditional",
            sharing_condition=draw(LINE),
            sharing_terms=draw(st.lists(terms, max_size=2)) if is_conditional else [],
            keywords=draw(st.lists(LINE, max_size=3)),
            format=draw(st.sampled_from(["database", "interface", "file", "spreadsheet"])),
            office=draw(LINE),
        )
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(contents(), st.booleans())
def test_any_entry_survives_the_way_out_and_in(words: ResourceContent, is_text: bool) -> None:
    entry = (words, "广安市公安局", "2026-11-22")
    data = writing.text([entry], []).encode() if is_text else writing.workbook([entry], [])
    (parsed,) = parse(find_table(read(data), []))
    judge(parsed)
    assert parsed.faults == []
    assert parsed.content == words


@given(st.text(alphabet="'=+-@\uff1d \ta甲", max_size=6))
def test_what_is_guarded_is_no_formula_and_comes_back(text: str) -> None:
    assert bare(guarded(text)) == text
    assert guarded(text).lstrip()[:1] not in {"=", "+", "-", "@"} or not text


@pytest.mark.django_db
def test_a_long_file_is_the_workers() -> None:
    cast = assemble()
    rows = [
        [f"3070511600001/{n:06d}", f"目录{n}", *ROW[2:4], "办" * 60 + str(n * 7919), *ROW[5:]]
        for n in range(1, 4001)
    ]
    data = "\n".join([",".join(HEADINGS), *(",".join(row) for row in rows)]).encode()
    page = client(cast.luo).post("/find/import/", {"file": SimpleUploadedFile("long.csv", data)}, follow=True)
    batch = ImportBatch.objects.get()
    assert batch.progress == "waiting"
    assert 'hx-trigger="every 2s"' in page.content.decode()
    assert actions.run_imports(by=cast.as_actor(cast.luo), at=NOON) == 1
    batch.refresh_from_db()
    assert (batch.progress, batch.drafted, batch.rows_done, batch.rows_total) == ("done", 4000, 4000, 4000)
    assert Resource.objects.count() == 4000
    assert actions.run_imports(by=cast.as_actor(cast.luo), at=NOON) == 0


@pytest.mark.django_db
def test_pages_in_both_languages() -> None:
    cast = assemble()
    luo = client(cast.luo)
    assert luo.post("/find/import/").status_code == 422
    for language in ("zh-hans", "en"):
        luo.cookies["django_language"] = language
        assert luo.get("/find/import/").status_code == 200
        template = luo.get("/find/import/template")
        assert openpyxl.load_workbook(io.BytesIO(template.content)).sheetnames == ["信息资源目录", "填写说明"]
    assert client(cast.gao).get("/find/import/").status_code == 403
    assert extensions.declared() == []

"""The embedded index: words and folding, ranking, facets, paging, sight, swapping and crashes. No database in it."""

import multiprocessing
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guantong.catalog.search import folding, pinyin
from guantong.catalog.search.errors import CursorUnreadable, SearchIndexMissing
from guantong.catalog.search.generations import EmbeddedIndex
from guantong.catalog.search.types import EVERYBODY, FACETS, Asked, Changed, Entry, Position

REGIONS = ["510000000000", "511600000000", "511602000000", "511603000000", "110101000000"]


def entry(pk: int, name: str = "居住证信息", **changes: Any) -> Entry:
    made = Entry(
        pk=pk,
        seen_by=(EVERYBODY,),
        code=f"3070511600001/{pk:06}",
        name=name,
        summary="流动人口的居住地和有效期",
        keywords=(),
        items=("姓名", "公民身份号码"),
        provider_name="广安市公安局",
        department="D1",
        region="511602000000",
        kind="3",
        sharing="conditional",
        open="no",
        cycle="daily",
        format="database",
        level="2",
        linked="no",
        stage="published",
        updated_at=1_700_000_000 + pk,
    )
    return replace(made, **changes)


def silent(count: int) -> None:
    del count


def made(folder: Path, entries: list[Entry], change: int = 0) -> EmbeddedIndex:
    index = EmbeddedIndex(folder)
    index.build(iter(entries), position=Position(change), progress=silent)
    return index


def names(index: EmbeddedIndex, text: str, entries: list[Entry], **asked: Any) -> list[str]:
    by_key = {each.key: each.name for each in entries}
    return [by_key[key] for key in index.search(Asked(text, **asked)).keys]


# ── words ──


def test_folding_keeps_every_character_at_its_place() -> None:
    text = "居住證Ａ１　ÄÖ信息㍿𠮷"
    assert len(folding.fold(text)) == len(text)
    assert folding.fold("居住證Ａ１　Ä") == "居住证a1 ä"


def test_every_dictionary_word_of_a_text_is_indexed() -> None:
    words = folding.index_tokens("证券代码").split()
    assert {"证券", "代码"} <= set(words)
    assert {"公安", "公安局", "市公安局"} <= set(folding.index_tokens("广安市公安局").split())


def test_words_that_say_nothing_are_not_demanded() -> None:
    assert folding.query_words("居住证的办理") == (["居住证", "办理"], ["的"])
    assert folding.query_words("的") == (["的"], [])
    assert folding.query_words("") == ([], [])


def test_agencies_have_many_names() -> None:
    assert "公安局" in folding.alike("公安部门")
    assert "公安部门" in folding.alike("公安局")
    assert folding.alike("没有的词") == []


def test_pinyin_and_initials() -> None:
    assert pinyin.spelt("居住证") == ("juzhuzheng", "jzz")
    assert pinyin.spelt("重庆") == ("chongqing", "cq")
    assert pinyin.sorting_key("安徽", 1) < pinyin.sorting_key("北京", 1) < pinyin.sorting_key("广安", 1)


# ── ranking ──

TITLES = [
    "居住证信息",
    "居住证签注信息",
    "广安市居住证信息变更记录",
    "流动人口信息",
    "不动产登记信息",
    "企业法人基本信息",
]


@pytest.mark.parametrize("asked", ["居住证信息", "居住證信息", "居住证 信息", "　居住证信息"])
def test_the_exact_name_comes_first(tmp_path: Path, asked: str) -> None:
    entries = [entry(pk, name) for pk, name in enumerate(reversed(TITLES))]
    entries.append(
        entry(
            90, "法人信息", summary="居住证信息" * 20, keywords=("居住证", "信息"), items=("居住证信息",) * 9
        )
    )
    assert names(made(tmp_path, entries), asked, entries)[0] == "居住证信息"


def test_a_name_counts_more_than_a_keyword_an_item_a_summary(tmp_path: Path) -> None:
    plain = {"summary": "", "items": (), "keywords": ()}
    entries = [
        entry(1, "甲类说明", **{**plain, "summary": "不动产"}),
        entry(2, "乙类说明", **{**plain, "items": ("不动产",)}),
        entry(3, "丙类说明", **{**plain, "keywords": ("不动产",)}),
        entry(4, "不动产说明", **plain),
    ]
    found = names(made(tmp_path, entries), "不动产", entries)
    assert found == ["不动产说明", "丙类说明", "乙类说明", "甲类说明"]


def test_synonyms_and_codes_are_found(tmp_path: Path) -> None:
    entries = [
        entry(1, "公民身份号码核验", provider_name="甲"),
        entry(2, "企业名录", provider_name="乙", items=()),
    ]
    index = made(tmp_path, entries)
    assert names(index, "身份证", entries) == ["公民身份号码核验"]
    assert names(index, entries[1].code, entries) == ["企业名录"]
    assert set(names(index, "3070511600001", entries)) == {"公民身份号码核验", "企业名录"}


# ── facets ──


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> tuple[EmbeddedIndex, list[Entry]]:
    drawn = random.Random(7)
    entries = [
        entry(
            pk,
            drawn.choice(TITLES) + str(pk % 5),
            seen_by=drawn.choice(
                [(EVERYBODY,), (EVERYBODY,), ("department D1",), ("department D2", "bureau 1")]
            ),
            department=drawn.choice(["D1", "D2", "D3"]),
            region=drawn.choice(REGIONS),
            kind=drawn.choice("123"),
            sharing=drawn.choice(["unconditional", "conditional", "not_shared"]),
            open=drawn.choice(["yes", "no"]),
            cycle=drawn.choice(["daily", "yearly", ""]),
            format=drawn.choice(["database", "file"]),
            level=drawn.choice(["1", "2", ""]),
            linked=drawn.choice(["yes", "no"]),
            stage=drawn.choice(["published", "draft"]),
            updated_at=drawn.randrange(5),
            uses=drawn.randrange(3),
        )
        for pk in range(1, 401)
    ]
    return made(tmp_path_factory.mktemp("town"), entries), entries


def passes(each: Entry, asked: Asked, without: str = "") -> bool:
    """The filters, by hand."""
    for facet, values in asked.chosen.items():
        if facet == "region":
            if not each.region.startswith(values[0]):
                return False
        elif facet != without and getattr(each, facet) not in values:
            return False
    is_seen = bool(set(each.seen_by) & set(asked.sight))
    return is_seen and (not asked.text or asked.text in each.name + each.summary + each.provider_name)


def questions(count: int) -> Iterator[Asked]:
    drawn = random.Random(11)
    choices = {
        "department": ["D1", "D2", "D3"], "region": ["51", "5116", "511602", "11"], "kind": ["1", "2"],
        "sharing": ["conditional", "not_shared"], "open": ["yes", "no"], "cycle": ["daily"], "level": ["1", "2"],
        "format": ["file"], "linked": ["yes"], "stage": ["draft", "published"],
    }  # fmt: skip
    for _ in range(count):
        facets = drawn.sample(list(choices), drawn.randint(0, 4))
        chosen = {
            facet: drawn.sample(
                choices[facet], 1 if facet == "region" else drawn.randint(1, len(choices[facet]))
            )
            for facet in facets
        }
        sight = drawn.choice(
            [(EVERYBODY,), (EVERYBODY, "department D1"), (EVERYBODY, "department D2", "bureau 1")]
        )
        yield Asked(drawn.choice(["", "居住证", "不动产", "公安局"]), chosen, sight, limit=500)


def test_counts_are_those_of_counting_by_hand(town: tuple[EmbeddedIndex, list[Entry]]) -> None:
    index, entries = town
    for asked in questions(150):
        found = index.search(asked)
        wanted = [each for each in entries if passes(each, asked)]
        assert (found.total, sorted(found.keys)) == (len(wanted), sorted(each.key for each in wanted)), asked
        for facet in FACETS:
            counted = [each for each in entries if passes(each, asked, without=facet)]
            if facet == "region":
                length = len(asked.region) + 2
                by_hand = Counter(each.region[:length] for each in counted) if length <= 6 else Counter()
            else:
                by_hand = Counter(value for each in counted if (value := getattr(each, facet)))
            assert found.counts[facet] == dict(by_hand), (facet, asked)


# ── paging ──


@pytest.mark.parametrize("sort", ["relevance", "updated", "name", "used"])
@pytest.mark.parametrize("text", ["", "居住证", "信息"])
def test_pages_have_every_entry_once(town: tuple[EmbeddedIndex, list[Entry]], sort: Any, text: str) -> None:
    index, entries = town
    asked = Asked(text, limit=17, sort=sort)
    keys, cursor = [], ""
    while True:
        found = index.search(replace(asked, cursor=cursor))
        keys += found.keys
        if not (cursor := found.cursor):
            break
    assert len(keys) == len(set(keys)) == found.total
    assert set(keys) == {each.key for each in entries if passes(each, replace(asked, limit=500))}
    by_key = {each.key: each for each in entries}
    orders = {"updated": lambda e: (-e.updated_at, -e.key), "used": lambda e: (-e.uses, e.key)}
    if sort in orders:
        assert keys == sorted(keys, key=lambda key: orders[sort](by_key[key]))


@pytest.mark.parametrize("sort", ["relevance", "updated", "name"])
def test_pages_neither_repeat_nor_skip_while_the_index_changes(tmp_path: Path, sort: Any) -> None:
    entries = [entry(pk, f"居住证信息{'甲乙丙丁'[pk % 4]}") for pk in range(1, 121)]
    index, drawn = made(tmp_path, entries), random.Random(3)
    keys, cursor, fresh = [], "", 1_000
    while True:
        found = index.search(Asked("居住证", limit=10, sort=sort, cursor=cursor))
        keys += found.keys
        if not (cursor := found.cursor):
            break
        if fresh < 1_012:
            # Somebody publishes entries that change every word's weight, and some that stand at the front.
            news = [
                entry(fresh, "居住证信息", updated_at=drawn.randrange(2_000_000_000)),
                entry(fresh + 1, "证照"),
            ]
            index.apply([Changed(each.pk, [each]) for each in news], position=Position(fresh))
            fresh += 2
    assert len(keys) == len(set(keys)), "nothing comes twice"
    assert {each.key for each in entries} <= set(keys), "nothing that stays is skipped"


def test_a_cursor_belongs_to_its_question(tmp_path: Path) -> None:
    index = made(tmp_path, [entry(pk) for pk in range(9)])
    cursor = index.search(Asked("居住证", limit=2)).cursor
    for asked in (
        Asked("信息", cursor=cursor),
        Asked("居住证", {"open": ["no"]}, cursor=cursor),
        Asked("居住证", cursor="é" * 9),
    ):
        with pytest.raises(CursorUnreadable):
            index.search(asked)


# ── changes, generations, crashes ──


def test_changes_replace_every_face(tmp_path: Path) -> None:
    index = made(tmp_path, [entry(1), entry(2)])
    draft = entry(1, "居住证草稿", stage="draft", seen_by=("department D1",))
    index.apply([Changed(1, [entry(1, "居住许可"), draft]), Changed(2, [])], position=Position(5, 6))
    assert index.position() == Position(5, 6)
    assert index.search(Asked("居住")).keys == [2]
    assert set(index.search(Asked("居住", sight=(EVERYBODY, "department D1"))).keys) == {2, 3}
    index.apply([Changed(1, [])], position=Position(7))
    assert index.search(Asked(sight=(EVERYBODY, "department D1"))).total == 0


def test_counts_are_kept_until_something_changes(tmp_path: Path) -> None:
    index = made(tmp_path, [entry(1), entry(2, department="D2")])
    first = index.search(Asked("居住证")).counts["department"]
    again = index.search(Asked("居住证", sort="time"))
    assert again.counts["department"] is first, "another order counts nothing anew"
    narrower = index.search(Asked("居住证", {"department": ("D2",), "kind": ("1",)}))
    assert (narrower.total, narrower.counts["department"]) == (0, {})
    index.apply([Changed(3, [entry(3, department="D2")])], position=Position(1))
    assert index.search(Asked("居住证")).counts["department"] == {"D1": 1, "D2": 2}
    unseen = index.search(Asked("居住证", sight=("nobody",)))
    assert unseen.counts["department"] == {}, "what one viewer may see is not counted for another"


def test_suggestions_find_something_for_this_viewer(tmp_path: Path) -> None:
    index = made(
        tmp_path, [entry(1, "居住证信息"), entry(2, "机密草稿", stage="draft", seen_by=("department D1",))]
    )
    for typed in ("居住", "jzz", "juzhu", "JZZ", "居住證", "gas", "gongan"):
        assert index.suggest(typed, sight=(EVERYBODY,)), typed
    for typed in ("机密", "jm", "", "😀", "'", "%", "zzz"):
        assert index.suggest(typed, sight=(EVERYBODY,)) == [], typed
    index.apply([Changed(1, [])], position=Position(1))
    assert index.suggest("jzz", sight=(EVERYBODY,)) == [], "what is gone is suggested no longer"


def test_what_is_alike_is_related(tmp_path: Path) -> None:
    entries = [entry(pk, name) for pk, name in enumerate(TITLES, start=1)]
    index = made(tmp_path, entries)
    assert index.related(entries[0], sight=(EVERYBODY,), limit=2) == [4, 6]
    assert index.related(entries[0], sight=("department D9",)) == []


def test_questions_are_answered_while_generations_are_swapped(tmp_path: Path) -> None:
    index = made(tmp_path, [entry(pk) for pk in range(50)])
    reader, stop, faults = EmbeddedIndex(tmp_path), threading.Event(), []

    def ask() -> None:
        while not stop.is_set():
            try:
                if reader.search(Asked("居住证")).total < 50:
                    faults.append("too few")
            except Exception as error:  # noqa: BLE001 - whatever it was, it is a fault
                faults.append(repr(error))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for size in range(51, 57):
        index.build(iter([entry(pk) for pk in range(size)]), position=Position(size), progress=silent)
        index.apply([Changed(1, [entry(1)])], position=Position(size))
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert reader.search(Asked("居住证")).total == 56
    assert len([place for place in tmp_path.iterdir() if place.is_dir()]) == 1, (
        "old generations are swept away"
    )


def _build_and_die(folder: str) -> None:
    def dying() -> Iterator[Entry]:
        for pk in range(3_000):
            yield entry(pk)
        os.kill(os.getpid(), signal.SIGKILL)

    EmbeddedIndex(Path(folder)).build(dying(), position=Position(9), progress=silent)


def test_a_build_that_is_killed_leaves_the_old_index(tmp_path: Path) -> None:
    index = made(tmp_path, [entry(1)], change=1)
    child = multiprocessing.get_context("spawn").Process(target=_build_and_die, args=(str(tmp_path),))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert (index.position(), index.search(Asked("居住证")).total) == (Position(1), 1)
    assert EmbeddedIndex(tmp_path).is_sound()
    index.build(iter([entry(1), entry(2)]), position=Position(2), progress=silent)
    assert index.search(Asked("居住证")).total == 2
    assert len([place for place in tmp_path.iterdir() if place.is_dir()]) == 1, "what it left is swept away"


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[Entry]:
        yield entry(1)
        raise OSError

    index = EmbeddedIndex(tmp_path)
    with pytest.raises(OSError):  # noqa: PT011 - any will do
        index.build(failing(), position=Position(), progress=silent)
    assert [place for place in tmp_path.iterdir() if place.is_dir()] == []
    with pytest.raises(SearchIndexMissing):
        index.search(Asked())


@pytest.mark.parametrize("damage", ["meta.json", "manifest.json", "everything", "segment"])
def test_damage_is_met_and_marked(tmp_path: Path, damage: str) -> None:
    index = made(tmp_path, [entry(pk) for pk in range(30)])
    place = tmp_path / index.generation()
    files = list(place.iterdir()) if damage == "everything" else [place / damage]
    if damage == "segment":
        files = [path for path in place.iterdir() if path.suffix in {".idx", ".term", ".fast"}]
    for path in files:
        path.write_bytes(b"\0" * 7)
    fresh = EmbeddedIndex(tmp_path)
    if damage == "manifest.json":
        with pytest.raises(SearchIndexMissing):
            fresh.position()
    else:
        with pytest.raises(SearchIndexMissing):
            fresh.search(Asked("居住证"))
        assert fresh.is_marked_broken()
    assert not EmbeddedIndex(tmp_path).is_sound()
    fresh.build(iter([entry(1)]), position=Position(), progress=silent)
    assert fresh.is_sound()
    assert fresh.search(Asked("居住证")).total == 1


@pytest.mark.parametrize(
    "text",
    ['"', "a AND (", "name:*", "*", "\0", "\0" * 100, "[a TO b]", "居住证~2", "++--!!", "😀" * 50, "居" * 5_000, "x" * 10_000,
     "' OR 1=1", "\\", "seen_by:department", "{", "\u202e\u0000", "1/1", "/", "9" * 80],
)  # fmt: skip
def test_no_text_breaks_a_question(town: tuple[EmbeddedIndex, list[Entry]], text: str) -> None:
    index, _ = town
    for sort in ("relevance", "name"):
        found = index.search(Asked(text, sort=sort))
        assert found.total <= 400
    index.suggest(text, sight=(EVERYBODY,))

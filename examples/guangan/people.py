"""Synthetic people and companies, made from a seed: the nation's population base and the city's tables.

Nobody here exists. Numbers are well-formed (valid check digits), names are drawn from common characters, and the
tables have the dirt that real ones have: dates in three spellings, trailing blanks, doubled rows, missing values.
"""

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from guantong.kit.codes import make_resident_id, make_uscc

SEED = 511600
PERSONS = 100_000
# Of the households, this share lives in Guang'an away from its registered home.
MIGRANT_SHARE = 0.06
TODAY = date(2026, 11, 22)

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏"
    "程吕丁沈任姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚"
    "邵万钱严赖覃洪武莫孔"
)
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉兰秀珍建国志强文斌鑫宇浩然子涵梓轩雨桐欣怡"
    "思远一诺俊豪诗涵佳琪宇航博文梦瑶晨曦天佑若曦嘉懿煜城"
)
_BIRTHPLACES = [
    "513723",
    "511725",
    "500115",
    "522121",
    "511381",
    "513401",
    "532128",
    "610702",
    "420802",
    "430721",
]
_LOCAL = ["511602", "511603", "511621", "511622", "511623", "511681"]


@dataclass(frozen=True)
class Person:
    """One row of the population base."""

    id_number: str
    name: str
    sex: str
    birth_date: str
    birthplace: str
    household_division: str
    guardian: str
    ethnicity: str


@dataclass(frozen=True)
class Household:
    """Parents and children; ``is_migrant`` if they live in Guang'an and are registered elsewhere."""

    father: Person
    mother: Person
    children: tuple[Person, ...]
    is_migrant: bool


def build(folder: Path) -> None:
    """Write the five departments' databases into ``folder``; done already if they stand there."""
    if (folder / "complete").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    households = list(_households(rng))
    _write(
        folder / "population.sqlite3",
        _POPULATION,
        [_row(p) for h in households for p in _members(h)][:PERSONS],
    )
    migrants = [h for h in households if h.is_migrant]
    _write(folder / "residence.sqlite3", _RESIDENCE, list(_residence(rng, migrants)))
    _write(folder / "insurance.sqlite3", _INSURANCE, list(_insurance(rng, migrants)))
    _write(folder / "housing.sqlite3", _HOUSING, list(_housing(rng, migrants)))
    _write(folder / "licence.sqlite3", _LICENCE, list(_licences(rng, migrants)))
    (folder / "complete").write_text("ok")


_POPULATION = """CREATE TABLE population (id_number TEXT PRIMARY KEY, name TEXT, sex TEXT, birth_date TEXT,
    birthplace TEXT, household_division TEXT, guardian TEXT, ethnicity TEXT) WITHOUT ROWID"""
_RESIDENCE = """CREATE TABLE residence_permit (permit_number TEXT, id_number TEXT, name TEXT, residence_division TEXT,
    address TEXT, valid_from TEXT, valid_to TEXT);
    CREATE INDEX residence_permit_id ON residence_permit (id_number)"""
_INSURANCE = """CREATE TABLE social_insurance (id_number TEXT, name TEXT, employer_uscc TEXT, employer_name TEXT,
    insured_months INTEGER, last_paid_month TEXT, status TEXT);
    CREATE INDEX social_insurance_id ON social_insurance (id_number)"""
_HOUSING = """CREATE TABLE housing (record_number TEXT, id_number TEXT, kind TEXT, address TEXT, contract_from TEXT,
    contract_to TEXT); CREATE INDEX housing_id ON housing (id_number)"""
_LICENCE = """CREATE TABLE business_licence (uscc TEXT, name TEXT, operator_id_number TEXT, state TEXT,
    established_on TEXT); CREATE INDEX business_licence_operator ON business_licence (operator_id_number)"""


def _write(path: Path, schema: str, rows: list[tuple[object, ...]]) -> None:
    path.unlink(missing_ok=True)
    table = schema.split("(", 1)[0].rsplit(maxsplit=1)[-1]
    with sqlite3.connect(path) as database:
        database.executescript(schema)
        marks = ",".join("?" * len(rows[0]))
        database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - our own table names
    database.close()


def _members(household: Household) -> tuple[Person, ...]:
    return (household.father, household.mother, *household.children)


def _row(person: Person) -> tuple[object, ...]:
    return tuple(vars(person).values())


def _households(rng: random.Random) -> Iterator[Household]:
    serials: dict[tuple[str, date], int] = {}
    made = 0
    while made < PERSONS:
        is_migrant = rng.random() < MIGRANT_SHARE
        home = rng.choice(_BIRTHPLACES if is_migrant else _LOCAL)
        born = date(1980, 1, 1) + timedelta(days=rng.randrange(6200))
        father = _person(rng, serials, home, born, is_male=True)
        mother = _person(rng, serials, home, born + timedelta(days=rng.randrange(-900, 900)), is_male=False)
        children = tuple(
            _person(
                rng,
                serials,
                home,
                date(2014, 1, 1) + timedelta(days=rng.randrange(2400)),
                is_male=rng.random() < 0.5,
                surname=father.name[0],
                guardian=father.id_number,
            )
            for _ in range(rng.choice([1, 1, 1, 2, 2]))
        )
        household = Household(father, mother, children, is_migrant)
        made += len(_members(household))
        yield household


def _person(
    rng: random.Random,
    serials: dict[tuple[str, date], int],
    home: str,
    born: date,
    *,
    is_male: bool,
    surname: str = "",
    guardian: str = "",
) -> Person:
    # Odd serials are male, even ones female; each day of a division hands them out in order.
    serial = serials.get((home, born), 10) + 2
    serials[home, born] = serial
    number = make_resident_id(home, born, (serial | 1) if is_male else (serial & ~1))
    given = "".join(rng.choice(_GIVEN) for _ in range(rng.choice([1, 2, 2, 2])))
    return Person(
        id_number=number,
        name=(surname or rng.choice(_SURNAMES)) + given,
        sex="男" if is_male else "女",
        birth_date=born.isoformat(),
        birthplace=home,
        household_division=home,
        guardian=guardian,
        ethnicity="汉" if rng.random() < 0.93 else rng.choice(["彝", "藏", "羌", "土家", "苗", "回"]),
    )


def _spelling(rng: random.Random, day: date) -> str:
    """A date as three generations of systems wrote it."""
    return rng.choice(
        [day.isoformat()] * 6 + [f"{day.year}/{day.month}/{day.day}", f"{day:%Y%m%d}", f"{day.isoformat()} "]
    )


def _residence(rng: random.Random, migrants: list[Household]) -> Iterator[tuple[object, ...]]:
    for number, household in enumerate(migrants):
        fate = rng.random()
        if fate < 0.10:
            continue
        start = TODAY - timedelta(days=rng.randrange(200, 900))
        ends = (
            start + timedelta(days=365 * 3) if fate < 0.90 else TODAY - timedelta(days=rng.randrange(5, 150))
        )
        division = "511602" if fate > 0.15 else rng.choice(_LOCAL[1:])
        row = (
            f"5116{number:08d}",
            household.father.id_number,
            household.father.name + (" " if rng.random() < 0.05 else ""),
            division,
            f"广安市广安区示例路{rng.randrange(1, 300)}号",
            _spelling(rng, start),
            _spelling(rng, ends),
        )
        yield row
        if rng.random() < 0.02:
            yield row


def _insurance(rng: random.Random, migrants: list[Household]) -> Iterator[tuple[object, ...]]:
    for number, household in enumerate(migrants):
        fate = rng.random()
        if fate < 0.12:
            continue
        months = rng.randrange(6, 120) if fate > 0.25 else rng.randrange(0, 6)
        employer = number % 400
        yield (
            household.father.id_number,
            household.father.name,
            _company(employer),
            f"广安示例{employer:03d}有限公司",
            months if rng.random() > 0.01 else None,
            "2026-10" if months else "",
            "参保缴费" if months else "暂停缴费",
        )


def _housing(rng: random.Random, migrants: list[Household]) -> Iterator[tuple[object, ...]]:
    for number, household in enumerate(migrants):
        fate = rng.random()
        if fate < 0.08:
            continue
        kind = rng.choice(["自有", "租赁", "租赁", "租赁", "公租房", "单位宿舍"])
        start = TODAY - timedelta(days=rng.randrange(30, 700))
        ends = start + timedelta(days=1095) if fate > 0.18 else TODAY - timedelta(days=rng.randrange(3, 90))
        is_let = kind in {"租赁", "公租房"}
        yield (
            f"FW{number:07d}",
            household.father.id_number,
            kind + ("　" if rng.random() < 0.03 else ""),
            f"广安市广安区示例路{rng.randrange(1, 300)}号",
            _spelling(rng, start) if is_let else "",
            _spelling(rng, ends) if is_let else "",
        )


def _licences(rng: random.Random, migrants: list[Household]) -> Iterator[tuple[object, ...]]:
    for number, household in enumerate(migrants):
        if rng.random() > 0.15:
            continue
        yield (
            _company(5000 + number),
            f"广安区{household.father.name}示例经营部",
            household.father.id_number,
            "存续" if rng.random() < 0.8 else "注销",
            _spelling(rng, TODAY - timedelta(days=rng.randrange(60, 3000))),
        )


def _company(serial: int) -> str:
    # 92 is a sole trader; the letters MA and a serial follow, as in codes given since 2015.
    return make_uscc(f"92511602MA{serial:07d}")

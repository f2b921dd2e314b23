"""Runs of keys are told, whatever lies between them; keys that do not follow one another are none."""

import random
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from guantong.gateway import steps
from guantong.gateway.steps import Steps, place_of

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident(division: str, born: date, number: int) -> str:
    body = f"{division}{born:%Y%m%d}{number:03d}"
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, WEIGHTS, strict=True)) % 11]


def stranger(dice: random.Random) -> str:
    born = date(1940, 1, 1) + timedelta(days=dice.randrange(29000))
    return resident(f"51{dice.randrange(10000):04d}", born, dice.randrange(1000))


def test_a_run_of_resident_ids_is_counted_across_the_end_of_a_month() -> None:
    counted = [
        resident("511602", day, number)
        for day in (date(1990, 1, 31), date(1990, 2, 1))
        for number in (range(990, 1000) if day.month == 1 else range(10))
    ]
    told = Steps()
    assert [told.note("app", "g", {"id_number": key}) for key in counted] == list(range(20))


def test_strangers_are_no_run_and_the_same_key_again_is_none() -> None:
    dice, told = random.Random(1), Steps()
    keys = [stranger(dice) for _ in range(3000)]
    assert max(told.note("app", "g", {"id_number": key}) for key in keys) <= 1
    assert told.note("app", "g", {"id_number": keys[-1]}) == 0
    assert told.note("app", "g", {"name": "张三"}) == 0


def test_callers_are_kept_apart_and_forgotten() -> None:
    told = Steps()
    keys = [f"A{n:08d}" for n in range(10)]
    for n, key in enumerate(keys):
        assert told.note(f"app-{n}", "g", {"number": key}) == 0
    for n in range(steps.CALLERS + 1):
        told.note(f"other-{n}", "g", {"number": keys[0]})
    assert len(told._callers) == steps.CALLERS


@given(st.integers(0, 10**9), st.integers(1, steps.REACH), st.booleans(), st.integers(0, 8), st.randoms())
def test_any_stride_in_any_direction_shows_through_other_calls(
    start: int, stride: int, backwards: bool, between: int, dice: random.Random
) -> None:
    told, run = Steps(), 0
    numbers = [start + stride * n for n in range(12)]
    for number in reversed(numbers) if backwards else numbers:
        run = told.note("app", "g", {"number": f"{number:012d}"})
        for _ in range(between):
            told.note("app", "g", {"number": f"{dice.randrange(10**12 // 2, 10**12):012d}"})
    assert run >= 11


@given(st.text(max_size=40))
def test_any_key_is_taken(key: str) -> None:
    assert 0 <= Steps().note("app", "g", {"x": key}) <= steps.LONGEST
    assert place_of("张三") is None
    assert place_of("12345") is None


def test_memory_stays_small() -> None:
    told, dice = Steps(), random.Random(2)
    for _ in range(1000):
        told.note("app", "g", {"id_number": stranger(dice)})
    caller = told._callers["app", "g"]
    assert len(caller._runs) == steps.REMEMBERED
    assert sum(map(len, caller._near.values())) == steps.REMEMBERED

"""Bars of the calls per day."""

from datetime import date

from guantong.pages.charts import HEIGHT, WIDTH, bars

LAST = date(2026, 11, 22)


def test_every_day_has_a_bar_and_the_highest_fills_the_room() -> None:
    rows = [
        {"day": LAST, "decision": "allow", "count": 30},
        {"day": LAST, "decision": "refuse", "count": 10},
        {"day": date(2026, 11, 21), "decision": "allow", "count": 20},
    ]
    drawn = bars(rows, last=LAST, days=14)
    assert len(drawn) == 14
    assert drawn[-1].total == 40
    assert drawn[-1].allow_height == 3 * drawn[-1].refuse_height
    assert drawn[-2].allow_height == drawn[-1].allow_height * 2 / 3
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH for bar in drawn)
    assert all(0 < bar.refuse_y <= bar.allow_y < HEIGHT for bar in drawn)


def test_days_without_calls_stand_empty() -> None:
    assert all(bar.total == 0 and bar.allow_height == 0 for bar in bars([], last=LAST))

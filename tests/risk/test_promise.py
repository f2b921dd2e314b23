"""The promise: planted attacks are found; a month of ordinary use raises less than one false alert a day per hundred grants."""

from collections import Counter

import pytest
from tests.risk.attacks import every
from tests.risk.running import found_by, watched
from tests.risk.traffic import Town


@pytest.mark.parametrize("seed", [2])
def test_an_ordinary_month_raises_less_than_one_false_alert_a_day(seed: int) -> None:
    town = Town(seed)
    raised = watched(town).raised
    told = Counter(each.signal.rule for each in raised)
    assert len(town.plans) == 100
    assert len(raised) / town.days < 1, told
    # Traffic in which nothing ever stands out would prove nothing.
    assert raised


@pytest.mark.parametrize("seed", [1])
def test_every_planted_attack_is_found(seed: int) -> None:
    town = Town(seed)
    attacks = every(town, seed)
    raised = watched(town, attacks).raised
    assert len(attacks) == 22
    missed = [attack.name for attack in attacks if not found_by(attack, raised)]
    assert missed == []


def test_an_attack_that_is_none_is_not_found() -> None:
    town = Town(4, days=14)
    attack = every(town, 4, size=0.05)[5]
    assert len(attack.facts) < 10
    assert not found_by(attack, watched(town, [attack]).raised)

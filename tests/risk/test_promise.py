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
    assert len(attacks) == 29
    missed = [attack.name for attack in attacks if not found_by(attack, raised)]
    assert missed == []


def test_so_few_calls_are_not_found_that_a_finding_means_something() -> None:
    town = Town(4)
    attack = next(each for each in every(town, 4, size=0.05) if each.name == "numbers tried in a day")
    town.plans = [plan for plan in town.plans if plan.grant in attack.keys]
    assert 0 < len(attack.facts) < 10
    assert not found_by(attack, watched(town, [attack]).raised)

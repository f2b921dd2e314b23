"""Foreign keys point down the path, as imports do."""

import tomllib
from pathlib import Path

from django.apps import apps

ROOT = Path(__file__).parents[2]


def layers() -> dict[str, int]:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    found = {}
    for height, layer in enumerate(reversed(contract["layers"])):
        for room in layer.split("|"):
            found[room.strip(" ()")] = height
    return found


def upward(pairs: list[tuple[str, str]], heights: dict[str, int]) -> list[tuple[str, str]]:
    return [(source, target) for source, target in pairs if heights[target] > heights[source]]


def test_foreign_keys_point_down() -> None:
    pairs = [
        (model._meta.app_label, field.related_model._meta.app_label)
        for model in apps.get_models()
        if model.__module__.startswith("guantong.")
        for field in model._meta.get_fields()
        if field.concrete and field.is_relation and field.related_model.__module__.startswith("guantong.")
    ]
    assert pairs
    assert upward(pairs, layers()) == []


def test_one_that_points_up_would_be_found() -> None:
    assert upward([("journal", "identity")], layers()) == [("journal", "identity")]

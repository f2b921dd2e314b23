"""What is not documented does not exist."""

from dataclasses import fields

import pytest

from guantong.kit.settings import Settings
from tests.docs import reference


def test_the_reference_is_what_the_code_says() -> None:
    written = reference.PAGE.read_text(encoding="utf-8")
    assert written == reference.page(), "run: python -m tests.docs.reference --write"


def test_every_setting_has_its_sentence() -> None:
    documented = {row[0] for row in reference.settings()}
    assert documented == {f"`GUANTONG_{field.name.upper()}`" for field in fields(Settings)}


def test_a_code_names_one_kind_of_error() -> None:
    from guantong.kit.errors import GuantongError

    reference.errors()
    by_code: dict[str, set[tuple[str, int]]] = {}
    for error in reference.subclasses(GuantongError):
        if "code" in vars(error):
            by_code.setdefault(error.code, set()).add((error.__qualname__, error.status))
    # The two planes may say the same thing, in the same word and with the same status.
    assert {code: kinds for code, kinds in by_code.items() if len(kinds) > 1} == {}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_error_has_a_sentence(language: str) -> None:
    from guantong.kit.errors import GuantongError

    bare = [error for error in reference.subclasses(GuantongError) if not getattr(error, language).strip()]
    assert bare == []


def test_a_table_escapes_what_would_break_it() -> None:
    assert reference.table(["a"], [("x|y",)]).endswith("| x\\|y |")


def asked_for() -> set[str]:
    """Every permission word that code or templates ask about."""
    import re

    source = reference.ROOT / "src" / "guantong"
    found: set[str] = set()
    for path in source.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"(?:demand|may)\([^)]*?\"([a-z]+:[a-z]+)\"", text))
    return found


def test_every_permission_asked_for_is_somebodys() -> None:
    from guantong.identity.roles import ROLES

    granted = set().union(*ROLES.values())
    assert asked_for() - granted == set()
    assert len(asked_for()) > 10

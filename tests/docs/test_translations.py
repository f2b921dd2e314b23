"""Every string for people has its Chinese, in its room's catalogue or in the site's, and no Chinese is left over."""

import ast
import re

import pytest

from guantong.site.words import KINDS
from tests.docs.translated import (
    SOURCES,
    catalogue_of,
    in_python,
    in_template,
    rooms,
    said_in,
    untranslated,
)

SITE = SOURCES / "site"


def test_the_rooms_that_speak_are_found() -> None:
    assert {"site", "catalog", "sharing", "counter"} <= {room.name for room in rooms()}
    assert len(said_in(SITE)) > 250


@pytest.mark.parametrize("room", [room.name for room in rooms()])
def test_everything_said_is_translated(room: str) -> None:
    catalogue = {**catalogue_of(SITE), **catalogue_of(SOURCES / room)}
    assert untranslated(said_in(SOURCES / room), catalogue) == set()


@pytest.mark.parametrize("room", [room.name for room in rooms()])
def test_no_translation_is_left_over(room: str) -> None:
    everything = set().union(*(said_in(each) for each in rooms()))
    said = everything if room == "site" else said_in(SOURCES / room)
    assert set(catalogue_of(SOURCES / room)) - said == set()


def test_the_same_words_read_the_same_in_every_room() -> None:
    # Django merges the catalogues: two translations of one string would depend on the order of the applications.
    seen: dict[tuple[str, str], list[str]] = {}
    for room in rooms():
        for message, chinese in catalogue_of(room).items():
            assert seen.setdefault(message, chinese) == chinese, (room.name, message)


def test_an_untranslated_string_is_noticed() -> None:
    template = (
        """{% translate "Not in any catalogue" %}{% blocktranslate %}Dear {{ name }}{% endblocktranslate %}"""
    )
    code = 'gettext("Neither is this")\npgettext_lazy("grant", "nor this")\nngettext("%(n)s one", "%(n)s many", n)'
    said = {*in_template(template), *in_python(code)}
    assert said == {
        ("", "Not in any catalogue"),
        ("", "Dear %(name)s"),
        ("", "Neither is this"),
        ("grant", "nor this"),
        ("", "%(n)s one"),
    }
    assert untranslated(said, catalogue_of(SITE)) == said
    assert untranslated({("", "Dear %(name)s")}, {("", "Dear %(name)s"): ["亲爱的"]})
    assert not untranslated({("", "Dear %(name)s")}, {("", "Dear %(name)s"): ["亲爱的%(name)s"]})


def acts_written(text: str) -> set[str]:
    """The acts that code writes into the journal by name."""
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and node.args)
    return {
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Name)
        and call.func.id == "record"
        and isinstance(call.args[0], ast.Constant)
    }


def test_every_act_has_a_word() -> None:
    written = set().union(*(acts_written(path.read_text("utf-8")) for path in SOURCES.rglob("*.py")))
    assert len(written) > 25
    assert written - set(KINDS["act"]) == set()
    assert acts_written('record("moon.landed", by=me)') - set(KINDS["act"]) == {"moon.landed"}


def test_every_reason_of_a_refusal_has_a_word() -> None:
    texts = [path.read_text("utf-8") for path in SOURCES.glob("*/refusals.py")]
    codes = {code for text in texts for code in re.findall(r'^    code = "(\w+)"$', text, re.MULTILINE)}
    assert len(codes) > 15
    assert codes - {"refused"} - set(KINDS["reason"]) == set()

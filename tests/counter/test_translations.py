"""Every string that the counter shows in English has its Chinese."""

import re
from pathlib import Path

ROOM = Path(__file__).parents[2] / "src" / "guantong" / "counter"
CATALOGUE = ROOM / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"


def translated() -> set[str]:
    entries = re.findall(
        r'msgid "(.+)"\n(?:msgid_plural ".+"\n)?msgstr(?:\[0\])? "(.+)"', CATALOGUE.read_text("utf-8")
    )
    return {english for english, _ in entries}


def shown() -> set[str]:
    found: set[str] = set()
    for path in ROOM.rglob("*.html"):
        text = path.read_text("utf-8")
        found |= {quoted for _, quoted in re.findall(r"{% translate (['\"])(.+?)\1 %}", text)}
        for block in re.findall(
            r"{% blocktranslate[^%]*%}(.*?)(?:{% plural %}.*?)?{% endblocktranslate %}", text
        ):
            found.add(re.sub(r"{{ (\w+) }}", r"%(\1)s", block))
    for path in ROOM.glob("*.py"):
        text = path.read_text("utf-8")
        found |= set(re.findall(r'\b(?:gettext|_)\(\s*"([^"]+)"', text))
        found |= set(re.findall(r'\bpgettext_lazy\("[^"]+", "([^"]+)"', text))
    return found


def test_every_string_is_translated():
    assert len(shown()) > 80
    assert shown() - translated() == set()


def test_no_translation_is_left_over():
    assert translated() - shown() == set()

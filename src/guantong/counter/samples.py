"""Made-up families to fill the form with, on a development node that has some; elsewhere there are none."""

import json

from guantong.kit.settings import Settings

FILE = "sample-families.json"


def family(settings: Settings, number: str) -> dict[str, str]:
    """The values of family ``number``, counted from 1; nothing outside development or where there is none."""
    path = settings.home / FILE
    if not settings.development or not number.isdecimal() or not path.exists():
        return {}
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return (
            {str(name): str(value) for name, value in known[int(number) - 1].items()} if int(number) else {}
        )
    except (ValueError, IndexError, AttributeError):
        return {}

"""How often this node's records have been set back to an earlier state: each time, its writers begin new chains.

After a restore a writer cannot know which numbers it gave out since the backup. So the chains' names bear a generation:
``<grant>/<writer>`` at first, ``<grant>/<writer>~1`` after the first restore, and no number is ever given twice.
"""

import time
from pathlib import Path

from guantong.kit import durable

_FILE = "generation"
_LOOK_EVERY_S = 1.0


class Generation:
    """The generation of the spools in ``folder``, as fresh as a second."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._looked = float("-inf")
        self._mark = ""

    def mark(self) -> str:
        """What a chain's name ends in: nothing, or ``~`` and the number."""
        now = time.monotonic()
        if now - self._looked > _LOOK_EVERY_S:
            number = generation(self._path.parent)
            self._looked, self._mark = now, f"~{number}" if number else ""
        return self._mark


def generation(folder: Path) -> int:
    """How often the spools in ``folder`` were set back; 0 if never."""
    try:
        return int((folder / _FILE).read_text("ascii"))
    except FileNotFoundError:
        return 0


def begin(folder: Path) -> int:
    """Begin a new generation; its number. On disk when this returns."""
    number = generation(folder) + 1
    durable.replace(folder / _FILE, str(number).encode())
    return number

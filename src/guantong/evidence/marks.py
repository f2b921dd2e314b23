"""The mark that a writer of receipts leaves beside its spool: how far its chains go, as of an orderly end or a start.

It only spares reading the spool again. For whoever looks for missing receipts it shows a tail that was cut off.
"""

import json
from contextlib import suppress
from pathlib import Path

NAME = "chains.json"


def ends(spools: Path, *, of: str = "") -> dict[str, int]:
    """Chain → the number up to which its writer had got; only chains whose names begin with ``of``."""
    found: dict[str, int] = {}
    for path in sorted(spools.glob(f"*/{NAME}")):
        # A mark that is torn, or vanishes under our eyes, says nothing; its writer reads the spool without it, too.
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            noted = json.loads(path.read_text("utf-8"))["chains"]
            found |= {name: int(place[0]) for name, place in noted.items() if name.startswith(of)}
    return found

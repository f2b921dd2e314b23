"""What the import contract cannot see: how packages meet, which names are forbidden."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "guantong"
CONTROL = {
    "journal",
    "identity",
    "notices",
    "workflow",
    "catalog",
    "sharing",
    "dispatch",
    "risk",
    "federation",
    "counter",
}
DOORS = {"actions", "queries", "types", "errors", "models"}
# Workflow's interface is its engine: a run is a value, not a row; expressions say what values are, diagrams what a
# flow declares. Whether a day is worked is a function that every room asks.
MORE_DOORS = {
    ("workflow", "engine"),
    ("workflow", "expressions"),
    ("workflow", "diagrams"),
    ("workflow", "drawing"),
    ("identity", "workdays"),
    # What nodes tell each other of corrections and disputes.
    ("sharing", "voices"),
}
FORBIDDEN = {"utils", "helpers", "common", "misc", "base", "core", "manager", "service"}


def meetings(path: Path) -> list[tuple[str, str]]:
    """(package, module) pairs that the file imports from other packages of the control plane."""
    own = path.relative_to(SOURCE).parts[0]
    tree = ast.parse(path.read_text())
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("guantong."):
            parts = node.module.split(".")
            if parts[1] in CONTROL and parts[1] != own:
                found.append((parts[1], parts[2] if len(parts) > 2 else node.names[0].name))
    return found


def test_packages_meet_only_at_their_doors() -> None:
    strangers = [
        (str(path.relative_to(SOURCE)), package, module)
        for path in SOURCE.rglob("*.py")
        if path.relative_to(SOURCE).parts[0] != "site"
        for package, module in meetings(path)
        if module not in DOORS and (package, module) not in MORE_DOORS
    ]
    assert strangers == []


def test_no_module_is_called_after_nothing() -> None:
    assert [path for path in SOURCE.rglob("*") if path.stem in FORBIDDEN] == []


def test_modules_stay_short() -> None:
    long = {path.name: n for path in SOURCE.rglob("*.py") if (n := len(path.read_text().splitlines())) > 500}
    assert long == {}

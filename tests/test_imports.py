"""The house's rule: imports point down the table of ARCHITECTURE.md, never up or sideways.

Each third-party package has its homes too. The table is read from ARCHITECTURE.md itself, so that
what is written there is what holds.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "stocktracker"
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def table_under(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([a-z_./]+)`", cell)


ROWS = [(row[0], names_in(row[1])) for row in table_under("Import rule")]
LEVEL = {module: level for level, (_, modules) in enumerate(ROWS) for module in modules}
HOMES = {row[0].strip("`"): names_in(row[1]) for row in table_under("Homes of packages")}
# Folders of modules that are told apart, and folders that count as one.
ROOMS = ("figures", "fleet", "operating", "polling", "screen", "upstream")
FOLDERS = ("simulator", "frontend")
FILES = {
    path.stem: path
    for folder in (PACKAGE, *(PACKAGE / room for room in ROOMS))
    for path in folder.glob("*.py")
    if path.stem != "__init__"
}
MODULES = sorted(FILES)
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))


def imports_of(path: Path) -> set[str]:
    """Full names of everything that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def ours(path: Path) -> set[str]:
    """The modules of ours that a file imports."""
    known = {*MODULES, *FOLDERS}
    found = set()
    for name in imports_of(path):
        package, *parts = name.split(".")
        if package == "stocktracker" and parts:
            found.add(parts[1] if parts[0] in ROOMS and len(parts) > 1 else parts[0])
    return found & known


def test_no_two_modules_have_the_same_name() -> None:
    folders = (PACKAGE, *(PACKAGE / room for room in ROOMS))
    names = [path.stem for folder in folders for path in folder.glob("*.py")]
    assert len(names) - len(set(names)) == len(ROOMS), "each folder has its __init__"


def test_every_module_has_its_place_in_the_table() -> None:
    assert {*MODULES, *FOLDERS, "pages", "app"} == set(LEVEL)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    wrong = {
        other for other in ours(FILES[module]) if LEVEL[other] >= LEVEL[module] and module != other
    }
    # Words may import words; a test below keeps them free of cycles.
    if LEVEL[module] == 0:
        wrong = {other for other in wrong if LEVEL[other] > 0}
    assert wrong == set()


def test_words_import_each_other_without_cycles() -> None:
    words = {module for module, level in LEVEL.items() if level == 0}
    left = {module: ours(FILES[module]) & words for module in words}
    while left:
        free = [module for module, needs in left.items() if not needs & left.keys()]
        assert free, f"a cycle among {sorted(left)}"
        for module in free:
            del left[module]


@pytest.mark.parametrize(
    "path", [*(ROOT / "pages").glob("*.py"), ROOT / "app.py"], ids=lambda path: path.stem
)
def test_pages_and_app_never_reach_behind_the_runtime(path: Path) -> None:
    behind = {"fetcher", "cache", "budget", "planner", "poller", "knowledge", "roster", "wants"}
    assert ours(path) & behind == set()


@pytest.mark.parametrize("package", sorted(HOMES))
def test_a_package_is_imported_at_home_only(package: str) -> None:
    users = set()
    for path in [*PACKAGE.rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "app.py"]:
        if any(name.split(".")[0] == package for name in imports_of(path)):
            within = path.relative_to(ROOT)
            users.add("pages" if within.parts[0] == "pages" else _module(within))
    assert users == set(HOMES[package])


def _module(within: Path) -> str:
    return next((folder for folder in FOLDERS if folder in within.parts), within.stem)

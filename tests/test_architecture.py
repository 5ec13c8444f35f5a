"""The house keeps its shape: directions, homes, a pure domain, and rooms that can be read at one sitting."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "tracker").rglob("*.py"))
DOMAIN = sorted((ROOT / "tracker" / "domain").glob("*.py"))
LONGEST, USUAL = 300, 120
# Modules of the standard library that reach out of a function's arguments: for the time, the world or chance.
IMPURE = {"asyncio", "io", "logging", "os", "pathlib", "random", "secrets", "socket", "subprocess", "threading", "time"}
CLOCKS = {"now", "today", "utcnow", "monotonic"}

every_module = pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
every_domain_module = pytest.mark.parametrize("module", DOMAIN, ids=lambda path: path.stem)


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that they can be searched for"
            yield node.module or ""


def lines(module: Path) -> int:
    return len(module.read_text().splitlines())


def test_imports_point_down_the_corridor_and_each_package_has_one_home() -> None:
    """The contracts of pyproject.toml hold; a new room fails until somebody decides where it belongs."""
    linter = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([linter, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@every_domain_module
def test_the_domain_knows_only_itself_and_the_pure_part_of_the_standard_library(module: Path) -> None:
    """No package, no file, no socket, no chance, no thread."""
    for name in imported(module):
        root = name.partition(".")[0]
        if root == "tracker":
            assert name.startswith(("tracker.domain", "tracker.errors")), name
        else:
            assert root in sys.stdlib_module_names - IMPURE, name


@every_domain_module
def test_the_domain_has_no_clock_and_waits_for_nothing(module: Path) -> None:
    """Time is an argument, and so is everything else that a decision rests on."""
    for node in ast.walk(ast.parse(module.read_text())):
        assert not isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in CLOCKS, f"line {node.lineno} asks a clock"


@every_module
def test_a_module_says_in_its_first_sentence_what_the_room_is_for(module: Path) -> None:
    """Also the shortest one."""
    assert ast.get_docstring(ast.parse(module.read_text())), f"{module} has no docstring"


@every_module
def test_no_module_outgrows_its_walls(module: Path) -> None:
    """A longer one is split along a seam that is there anyway."""
    assert lines(module) <= LONGEST


def test_most_modules_are_short() -> None:
    """So that a room can be read at one sitting."""
    assert median(map(lines, MODULES)) <= USUAL

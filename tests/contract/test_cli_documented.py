"""docs/command-line.md names every command that there is; test_docs.py sees to its examples."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer.main

from tracker.cli import every_command

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "command-line.md").read_text()
TABLE = re.findall(r"^\| `tracker ([a-z ]+)` \|", TEXT, re.MULTILINE)
WHOLE: Any = typer.main.get_command(every_command())


def words_of(command: Any, before: str = "") -> list[str]:
    """Every command below this one, by its words."""
    if not hasattr(command, "commands"):
        return [before.strip()]
    return [words for name, inner in command.commands.items() for words in words_of(inner, f"{before} {name}")]


def test_every_command_is_named_once() -> None:
    assert sorted(TABLE) == sorted(words_of(WHOLE))

"""docs/command-line.md: it names every command that there is, and no word of its examples is made up."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tracker.cli import every_command

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "command-line.md").read_text()
TABLE = re.findall(r"^\| `tracker ([a-z ]+)` \|", TEXT, re.MULTILINE)
EXAMPLES = [
    line[line.index("tracker ") :].partition(" | ")[0]
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
]
WHOLE: Any = typer.main.get_command(every_command())


def words_of(command: Any, before: str = "") -> list[str]:
    """Every command below this one, by its words."""
    if not hasattr(command, "commands"):
        return [before.strip()]
    return [words for name, inner in command.commands.items() for words in words_of(inner, f"{before} {name}")]


def test_every_command_is_named_once() -> None:
    assert sorted(TABLE) == sorted(words_of(WHOLE))


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_uses_only_what_there_is(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command takes it apart without a complaint."""
    monkeypatch.chdir(ROOT)
    command, (_, *words) = WHOLE, shlex.split(example)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context(example, words)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 10

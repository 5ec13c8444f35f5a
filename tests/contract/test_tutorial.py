"""docs/tutorial.md, done as it says: each file written, each command run, and seen what the page says."""

from __future__ import annotations

import re
import shlex
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.service import free_port
from tests.contract.command_line import CommandLine
from tests.contract.walking import STAY, begin, blocks, until_answered
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")

ALL_DONE = re.compile(r"its run is done; \w+ \w+ is done")


class Walk:
    """Somebody who does what the page says; `said` is what each command answered, in order."""

    def __init__(self, folder: Path, database_url: str, stack: ExitStack) -> None:
        self.ports = {port: str(free_port()) for port in ("8000", "9100")}
        self.folder, self.url, self.stack = folder, database_url, stack
        self.tracker = CommandLine(folder)
        self.tracker.rules.rmdir()
        self.post = ""
        self.said: list[tuple[str, str]] = []

    def do(self) -> None:
        for language, text, file in blocks(PAGE, self.ports):
            if language == "toml":
                database = f'\n[database]\nurl = "{self.url}"\n' if file == "config.toml" else ""
                (self.folder / file).write_text(text + database, encoding="utf-8")
            else:
                for line in text.splitlines():
                    self._run(shlex.split(line))

    def _run(self, words: list[str]) -> None:
        if words[0] != "tracker":
            subprocess.run(words, cwd=self.folder, check=True)
            return
        _, *words = (word.replace("post_01", self.post) for word in words)
        if words[0] in STAY:
            self._stay(words)
            return
        if words[:2] == ["posts", "list"]:
            wait_until(lambda: self.post in self.tracker(*words).out, f"{self.post} is published")
        if words[:2] == ["posts", "why"]:
            wait_until(lambda: bool(ALL_DONE.search(self.tracker(*words).out)), f"all is done about {self.post}")
        ran = self.tracker(*words)
        assert ran.code == (words[:2] == ["posts", "create"]), (words, ran)
        self.said.append((" ".join(words[:2]), ran.out))
        if made := re.search(r"^created (\S+) at", ran.out):
            self.post = made[1]
        if words[:2] == ["rules", "diff"]:
            wait_until(lambda: self.log("serve").count('"rules.loaded"') == 2, "the edited rules are in force")

    def _stay(self, words: list[str]) -> None:
        process = begin(self.folder, words)
        self.stack.callback(process.wait, 30)
        self.stack.callback(process.terminate)
        port, path = ("8000", "/readyz") if words[0] == "serve" else ("9100", "/v1")
        until_answered(f"http://127.0.0.1:{self.ports[port]}{path}", good=words[0] == "serve")

    def log(self, command: str) -> str:
        return (self.folder / f"{command}.log").read_text(encoding="utf-8")


@pytest.fixture
def walk(tmp_path: Path, database_url: str) -> Iterator[Walk]:
    with ExitStack() as stack:
        yield Walk(tmp_path, database_url, stack)


def test_the_page_works_from_its_first_command_to_its_last(walk: Walk) -> None:
    """The rule fires, is changed, is played to what has happened, and does what it is changed to."""
    walk.do()
    commands = [command for command, _ in walk.said]
    assert commands == [
        "rules check", "rules test", "webhooks register", "posts create", "posts create", "posts why", "posts show",
        "rules backtest", "rules test", "rules diff", "posts create", "posts list", "posts why", "rules explain",
        "rules record",
    ]  # fmt: skip
    said = [out for _, out in walk.said]
    assert "1 passed" in said[1]
    assert "alert ops is done" in said[5]
    assert "failed: The platform did not answer in time" in walk.log("serve")
    heads, row, *_ = said[7].splitlines()
    assert re.split("  +", heads)[1:5] == ["would fire", "did fire", "gained", "lost"]
    assert row.split()[1:5] == ["1", "2", "0", "1"]
    assert "2 passed" in said[8]
    assert said[11].splitlines()[1].split()[2:4] == ["published", "2"]
    assert "its run is done; retry sosyalkopru is done" in said[13]
    assert all(word in said[14] for word in ("[[test]]", 'rule     = "failed"', "<  retry"))


def test_a_slip_is_named_as_the_page_says(walk: Walk) -> None:
    """File, line, column and the word that was meant."""
    (walk.folder / "rules").mkdir()
    for language, text, file in blocks(PAGE, {"8000": "8000"}):
        if language == "toml" and file in ("config.toml", "rules/failures.toml"):
            (walk.folder / file).write_text(text.replace("post.failed", "post.faild"), encoding="utf-8")
    ran = walk.tracker("rules", "check")
    assert ran.code == 1
    assert re.search(r"rules/failures\.toml:2:\d+: .*did you mean \"post\.failed\"", ran.out), ran

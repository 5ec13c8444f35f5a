"""docs/first-post.md, done as it says: a real provider on loopback, a real service, and every command of the page."""

from __future__ import annotations

import re
import shlex
import socket
import stat
import subprocess
import tomllib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.service import free_port
from tests.contract.command_line import CommandLine
from tests.contract.walking import STAY, begin, until_answered

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[2] / "docs" / "first-post.md").read_text()


class Tutorial:
    """The page in a folder of its own: its ports are free ones, and it brings no database."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.ports = {"8000": str(free_port()), "9100": str(free_port())}
        self.configs = self._blocks("toml")
        lines = [shlex.split(line) for block in self._blocks("sh") for line in block.splitlines()]
        self.commands = [words for tracker, *words in lines if tracker == "tracker"]
        self.tracker = CommandLine(folder)
        self.tracker.rules.rmdir()
        for words in lines:
            if words[0] != "tracker":
                subprocess.run(words, cwd=folder, check=True)
        config = self.configs[0] + f'\n[database]\nurl = "{database_url}"\n'
        (folder / "config.toml").write_text(config)

    def _blocks(self, language: str) -> list[str]:
        text = re.sub("|".join(self.ports), lambda found: self.ports[found[0]], PAGE)
        return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)

    @contextmanager
    def services(self) -> Iterator[None]:
        """Run the commands that stay, until the block ends."""
        running = [begin(self.tracker.folder, words) for words in self.commands if words[0] in STAY]
        try:
            for port, path in ((self.ports["9100"], "/v1"), (self.ports["8000"], "/readyz")):
                until_answered(f"http://127.0.0.1:{port}{path}", good=path == "/readyz")
            yield
        finally:
            for process in running:
                process.terminate()
                process.wait(30)


@pytest.fixture
def tutorial(tmp_path: Path, database_url: str) -> Tutorial:
    return Tutorial(tmp_path, database_url)


def test_the_page_works_from_its_first_command_to_its_last(tutorial: Tutorial) -> None:
    """Register, test, publish, published: each command of the page ends well, and says what the page says."""
    said = {}
    with tutorial.services():
        for words in tutorial.commands:
            if words[0] not in STAY:
                ran = tutorial.tracker(*words)
                assert ran.code == 0, (words, ran)
                said[" ".join(words[:2])] = ran.out
    secret_file = tutorial.tracker.folder / "sosyalkopru.secrets"
    secret, webhook = secret_file.read_text().split()
    assert list(said) == ["webhooks register", "webhooks test", "posts create", "posts list", "webhooks list"]
    assert re.search(r"success +yes\n.*\n?arrived +at position \d+", said["webhooks test"])
    assert [line.split()[-1] for line in said["posts create"].splitlines() if " state " in line][-1] == "published"
    assert said["posts list"].splitlines()[1].split()[2] == "published"
    assert said["webhooks list"].splitlines()[1].split()[0] == webhook
    assert said["webhooks list"].splitlines()[1].split()[-1] == "yes"
    assert not any(secret in text for text in said.values())
    assert stat.S_IMODE(secret_file.stat().st_mode) == 0o600


def test_what_the_page_says_of_the_real_provider_is_toml(tutorial: Tutorial) -> None:
    assert set(tomllib.loads(tutorial.configs[1])) == {"api_url", "api_key"}


def test_a_provider_that_cannot_be_simulated_is_named(tmp_path: Path) -> None:
    tracker = CommandLine(tmp_path)
    unknown = tracker("simulate", "--kind", "zernyo", "--port", "0")
    assert (unknown.code, 'did you mean "zernio"' in unknown.err) == (2, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = tracker("simulate", "--port", port)
    assert (ran.code, f"{port} is taken" in ran.err) == (2, True)

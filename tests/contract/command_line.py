"""The command line as people use it: a process of its own, in a folder with a config.toml."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "whsec_of_the_test"

CONFIG = """
[server]
port = {port}

[database]
url = "{url}"

[providers.sosyalkopru]
kind = "sosyalkopru"
api_url = "http://127.0.0.1:9/v1"
api_key = "sk_of_the_test"
webhook_secrets = ["{secret}"]
timezone = "Europe/Istanbul"

[channels.ops]
kind = "log"
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: its exit code, and what it wrote to standard output and to standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The answer of a command that was run with --json."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """The answer's lines."""
        return self.out.splitlines()


class CommandLine:
    """Runs `tracker` in `folder`, where `configure` has put a config.toml."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rules = folder / "rules"
        self.rules.mkdir(exist_ok=True)

    def configure(self, url: str, port: int = 8000) -> CommandLine:
        """A provider, a channel, the database with that url, and no rules yet."""
        (self.folder / "config.toml").write_text(CONFIG.format(url=url, port=port, secret=SECRET))
        return self

    def __call__(self, *words: str, stdin: str = "", **environ: str) -> Ran:
        """Run it to its end."""
        ended = subprocess.run(
            [sys.executable, "-m", "tracker", *words], cwd=self.folder, input=stdin, env=clean_environment() | environ,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        return Ran(ended.returncode, ended.stdout, ended.stderr)


def clean_environment() -> dict[str, str]:
    """The environment without anything that tracker would read."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")}

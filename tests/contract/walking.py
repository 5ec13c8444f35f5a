"""Pages of docs/ done as they say, in a folder of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx2

from tests.contract.command_line import clean_environment
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

STAY = ("simulate", "serve")
"""Commands that do not end by themselves."""


def blocks(page: str, ports: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Each block of the page, with its ports exchanged: its language, its text, and the file that was named last."""
    text = re.sub("|".join(ports), lambda found: ports[found[0]], page)
    file = ""
    for prose, language, block in re.findall(r"(.*?)^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        named = re.findall(r"`([\w/]+\.toml)`", prose)
        file = named[-1] if named else file
        yield language, block, file


def begin(folder: Path, words: list[str]) -> subprocess.Popen[bytes]:
    """Start a command that stays; what it says goes to <command>.log."""
    with (folder / f"{words[0]}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tracker", *words], cwd=folder, env=clean_environment(), stdout=log, stderr=log
        )


def until_answered(url: str, *, good: bool) -> None:
    """Until somebody answers there; `good`: with a success."""

    def answers() -> bool:
        try:
            return httpx2.get(url, trust_env=False).is_success or not good
        except httpx2.TransportError:
            return False

    wait_until(answers, url, 60)

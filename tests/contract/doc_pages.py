"""The pages of docs/ and README, and the blocks in them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
WALKED = {DOCS / "first-post.md", DOCS / "tutorial.md"}
"""Pages that are done from beginning to end by tests of their own."""
TESTED = {"demo", "test", "python"}
"""What `./run` takes beside the words of `tracker`, and what the continuous tests run anyway."""


def blocks(language: str) -> Iterator[tuple[Path, str]]:
    """Each block of that language, with its page."""
    for page in PAGES:
        for text in re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            yield page, text


def lines() -> Iterator[tuple[Path, list[str]]]:
    """Each line of shell, in words; what stands behind a pipe is a line of its own."""
    for page, text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while "|" in words:
                yield page, words[: words.index("|")]
                words = words[words.index("|") + 1 :]
            yield page, words


def commands() -> Iterator[tuple[Path, list[str]]]:
    """The words behind `tracker` or `./run` in each line that begins so."""
    for page, words in lines():
        if words[:1] in (["tracker"], ["./run"]) and words[1] not in TESTED:
            yield page, words[1:]


def requests() -> Iterator[tuple[Path, list[str]]]:
    """The words behind `curl` in each line that begins so."""
    yield from ((page, words[1:]) for page, words in lines() if words[:1] == ["curl"])

"""The live table of `tracker posts watch`: as it is drawn, and on a terminal."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console

from tests.contract.command_line import CommandLine, clean_environment, said, take
from tests.integration.told import NOON
from tracker.cli.posts_watch import LiveTable
from tracker.domain.posts.event import Problem, State
from tracker.domain.posts.post import Post
from tracker.domain.posts.target import Target
from tracker.queries.events import NewsOut
from tracker.queries.post_views import post_out

if TYPE_CHECKING:
    from pathlib import Path

ERASING = "p\x1b[2J"
PATIENCE = 60
ORDER = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
TAKES_THE_SCREEN, GIVES_IT_BACK = "\x1b[?1049h", "\x1b[?1049l"


def drawn(picture: LiveTable, width: int = 100) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(picture.drawn(NOON))
    return console.export_text()


def test_the_table_tells_of_posts_what_happened_and_what_is_wrong() -> None:
    """And nothing that a post says reaches the terminal as more than text."""
    late = Target("x", state=State.FAILED, problem=Problem("timeout", "too slow", None))
    picture = LiveTable({"failed": 2, "published": 40})
    picture.posts = [
        post_out(post)
        for post in (
            Post("sk", "p1", State.FAILED, targets={"x#1": late}, last_event_at=NOON - timedelta(seconds=9)),
            Post("sk", ERASING, State.PUBLISHED, last_event_at=NOON - timedelta(hours=3)),
        )
    ]
    for n in range(20):
        picture.news.append(NewsOut(NOON, str(n), "state", "sk", f"n{n}", "failed \x1b[2J"))
    picture.away = "the database does not answer"
    text = drawn(picture)
    first, *_ = lines = [line.rstrip() for line in text.splitlines()]
    assert first.split() == ["failed", "2", "published", "40"]
    assert any(line.startswith("failed") and "p1" in line and "timeout: too slow" in line and line.endswith("9 s ago")
               for line in lines)  # fmt: skip
    assert any("p\N{REPLACEMENT CHARACTER}[2J" in line and line.endswith("3 h ago") for line in lines)
    assert [line.split()[2] for line in lines if line.startswith("12:00:00Z")] == [f"n{n}" for n in range(12, 20)]
    assert lines[-1] == "the database does not answer; waiting"
    assert "\x1b" not in text


def shown_until(terminal: int, words: str) -> str:
    """What the terminal was sent, up to and with the words, less the orders between them."""
    seen = ""
    while words not in ORDER.sub("", seen):
        assert select.select([terminal], [], [], PATIENCE)[0], f"in vain: {words}, after {seen}"
        seen += os.read(terminal, 65536).decode(errors="replace")
    return seen


def rest(terminal: int) -> str:
    """What it was still sent when the other side had gone."""
    seen = b""
    with suppress(OSError):  # that nobody is on the other side any more
        while more := os.read(terminal, 65536):
            seen += more
    return seen.decode(errors="replace")


def test_on_a_terminal_it_is_a_table_until_ctrl_c(tmp_path: Path, database_url: str) -> None:
    """It takes the whole screen, and gives it back."""
    folder = CommandLine(tmp_path).configure(database_url).folder
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 120))
    with subprocess.Popen(
        [sys.executable, "-m", "tracker", "posts", "watch", "--state", "failed"], cwd=folder,
        env=clean_environment() | {"TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (a shell may have it ignored)
    ) as watching:  # fmt: skip
        os.close(theirs)
        assert TAKES_THE_SCREEN in shown_until(ours, "no posts yet")
        take(database_url, said("post.failed", "p1", 5), said("post.published", "p2", 6), now=datetime.now(UTC))
        table, _, news = ORDER.sub("", shown_until(ours, "p2  published")).rpartition("last")
        assert "failed 1   published 1" in table
        assert "p1" in news
        watching.send_signal(signal.SIGINT)
        assert GIVES_IT_BACK in rest(ours)
        assert watching.wait(30) == 0
    os.close(ours)


def test_only_the_table_can_be_filtered(tmp_path: Path, database_url: str) -> None:
    tracker = CommandLine(tmp_path).configure(database_url)
    ran = tracker("posts", "watch", "--state", "failed")
    assert (ran.code, "only the table can be filtered" in ran.err) == (2, True)
    ran = tracker("posts", "watch", "--state", "faild")
    assert (ran.code, 'did you mean "failed"' in ran.err) == (2, True)


LONG = "post_7GYTE8Q4MXPD0"
TARGETS = {f"instagram:acc_{n}": Target("instagram", f"acc_{n}") for n in range(6)}
FAULT = {"code": "rate_limited", "message": "the platform takes no more than 25 posts a day", "retryable": True}


def test_at_eighty_columns_the_table_shows_ids_whole() -> None:
    """They are what one copies; ids that would fill the line go on below themselves."""
    endless = "x" * 60
    posts = [Post("sk", name, State.FAILED, targets=TARGETS, last_event_at=NOON) for name in (LONG, endless)]
    lines = drawn(LiveTable({}, [post_out(post) for post in posts]), width=80).splitlines()
    assert any(f" {LONG} " in line for line in lines)
    assert "".join(line[10:].split()[0] for line in lines if "xxx" in line) == endless
    assert max(map(len, lines)) <= 80


def test_at_eighty_columns_a_list_cuts_neither_ids_nor_states_nor_errors(tmp_path: Path, database_url: str) -> None:
    folder = CommandLine(tmp_path).configure(database_url).folder
    platforms = [{"platform": name, "status": "FAILED", "error": FAULT} for name in ("instagram", "facebook", "x")]
    take(database_url, said("post.failed", LONG, 5, platforms=platforms), now=datetime.now(UTC))
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 80))
    with subprocess.Popen(
        [sys.executable, "-m", "tracker", "posts", "list"], cwd=folder, env=clean_environment() | {"TERM": "xterm"},
        stdin=theirs, stdout=theirs, stderr=theirs,
    ) as listing:  # fmt: skip
        os.close(theirs)
        lines = ORDER.sub("", rest(ours)).splitlines()
        assert listing.wait(PATIENCE) == 0
    os.close(ours)
    assert all(len(line) <= 80 for line in lines), lines
    heading, row, *below = lines
    assert heading.split()[:2] == ["id", "state"] or heading.split()[:3] == ["id", "provider", "state"]
    assert row.startswith(f"{LONG}  ")
    assert " failed " in row
    assert " d ago" in row
    assert "rate_limited: the platform takes no more than 25 posts a day" in " ".join(" ".join(below).split())

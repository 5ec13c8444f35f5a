"""`tracker log`: a rebuild shows and mends what the posts say otherwise, and pruning costs no post its state."""

from __future__ import annotations

import asyncio
import os
import pty
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.contract.command_line import CommandLine, execute, said, take
from tracker.process import retention
from tracker.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path

LIE = (
    "update posts set state = 'published', fold = jsonb_set(fold::jsonb, '{state}', '\"published\"') where post = 'p1'"
)


@pytest.fixture
def tracker(tmp_path: Path, database_url: str) -> CommandLine:
    return CommandLine(tmp_path).configure(database_url)


def test_a_rebuild_of_an_empty_log_has_nothing_to_say(tracker: CommandLine) -> None:
    ran = tracker("log", "rebuild")
    assert (ran.code, ran.lines[:2]) == (0, ["0 events read, 0 posts", "the posts in use say the same"])


def test_a_rebuild_compares_and_switches_only_when_it_may(tracker: CommandLine, database_url: str) -> None:
    take(database_url, said("post.failed", "p1", 1), said("post.published", "p2", 2))
    alike = tracker("log", "rebuild", "--dry-run", "--json")
    assert (alike.code, alike.json["events"], alike.json["different"], alike.json["switched"]) == (0, 2, 0, False)
    execute(database_url, LIE)
    found = tracker("log", "rebuild", "--dry-run", "--json")
    assert (found.code, found.json["different"], found.json["only_new"], found.json["only_old"]) == (1, 1, 0, 0)
    assert found.json["sample"] == [{"provider": "sosyalkopru", "post": "p1", "before": "published", "after": "failed"}]
    assert tracker("posts", "show", "p1", "--json").json["state"] == "published"
    mended = tracker("log", "rebuild")
    assert (mended.code, mended.lines[1]) == (0, "1 different, 0 new, 0 gone; for instance:")
    assert mended.lines[3].split() == ["sosyalkopru", "p1", "published", "failed"]
    assert tracker("posts", "show", "p1", "--json").json["state"] == "failed"
    assert tracker("log", "rebuild", "--dry-run").code == 0


def an_old_day(url: str) -> str:
    """A day of the log, 400 days ago, with one post in it that has ended."""
    then = datetime.now(UTC) - timedelta(days=400)
    take(url, said("post.published", "old", 1, on=then.date()), now=then)

    async def seal() -> None:
        async with Database.open(url) as database:
            await retention.seal_past_days(database, datetime.now(UTC))

    asyncio.run(seal())
    take(url, said("post.failed", "new", 1), now=datetime.now(UTC))
    return str(then.date())


def test_old_days_are_dropped_only_when_somebody_says_so(tracker: CommandLine, database_url: str) -> None:
    day = an_old_day(database_url)
    assert tracker("log", "prune", "--dry-run", "--json").json == {"items": [day], "next": None}
    unasked = tracker("log", "prune")
    assert (unasked.code, "--yes" in unasked.err) == (2, True)
    assert tracker("log", "prune", "--yes").out == f"dropped 1 day ({day}) of the log\n"
    assert tracker("log", "prune", "--yes", "--json").json == {"items": [], "next": None}
    states = {post["id"]: post["state"] for post in tracker("posts", "list", "--json").json["items"]}
    assert states == {"new": "failed", "old": "published"}


def test_on_a_terminal_pruning_asks_first(tracker: CommandLine, database_url: str) -> None:
    day = an_old_day(database_url)
    ours, theirs = pty.openpty()
    try:
        os.write(ours, b"n\n")
        ran = tracker.alone("log", "prune", stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (ran.code, ran.out.strip()) == (1, "")
    assert f"Drop 1 day ({day}) of the log" in ran.err
    assert tracker("log", "prune", "--dry-run", "--json").json["items"] == [day]

"""`tracker posts`: the list with the API's filters, one post with all that is known of it, and what happens, live."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.contract.command_line import CommandLine, clean_environment, execute, said, take
from tests.integration.told import NOON

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = {"code": "timeout", "message": "took too long", "retryable": True}


@pytest.fixture
def tracker(tmp_path: Path, database_url: str) -> CommandLine:
    take(
        database_url,
        said("post.scheduled", "p1", 1, scheduledAt="2026-11-10T13:00:00Z"),
        said("post.publishing", "p2", 2, platforms=[{"platform": "x", "status": "PUBLISHING"}]),
        said("post.failed", "p3", 3, platforms=[{"platform": "instagram", "status": "FAILED", "error": TIMEOUT}]),
        said("post.published", "pöst\x1b[2J", 4),
        now=NOON + timedelta(seconds=4),
    )
    return CommandLine(tmp_path).configure(database_url)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ["pöst\x1b[2J", "p3", "p2", "p1"]),
        (("--sort", "last_event_at", "--state", "failed,scheduled"), ["p1", "p3"]),
        (("--state", "failed", "--state", "scheduled", "--until", "2026-11-10T12:00:02Z"), ["p1"]),
        (("--platform", "instagram", "--since", "2026-11-10T12:00:02Z", "-q", "TOOK"), ["p3"]),
        (("--account", "nobody"), []),
    ],
)
def test_the_list_has_the_filters_of_the_api(tracker: CommandLine, words: tuple[str, ...], expected: list[str]) -> None:
    ran = tracker("posts", "list", "--json", *words)
    assert (ran.code, ran.json["next"]) == (0, None)
    assert [post["id"] for post in ran.json["items"]] == expected


def test_pages_follow_one_another(tracker: CommandLine) -> None:
    first = tracker("posts", "list", "--limit", "3", "--json").json
    second = tracker("posts", "list", "--limit", "3", "--cursor", first["next"], "--json").json
    assert [post["id"] for post in second["items"]] == ["p1"]
    people = tracker("posts", "list", "--limit", "3")
    assert people.err == f"there is more: --cursor {first['next']}\n"


def test_people_see_aligned_columns_that_a_post_cannot_disturb(tracker: CommandLine) -> None:
    lines = tracker("posts", "list", FORCE_COLOR="1").lines
    assert len(lines) == 5
    assert not any("\x1b" in line for line in lines)
    at = lines[0].index("state")
    assert [line[at:].split()[0] for line in lines] == ["state", "published", "failed", "publishing", "scheduled"]
    assert "timeout: took too long" in lines[2]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--state", "sceduled"), 'Invalid value for --state: "sceduled" is not a state (did you mean "scheduled"?)'),
        (("--sort", "publishd_at"), 'did you mean "published_at"'),
        (("--since", "yesterdy"), "--since"),
        (("--stuck-for", "ages"), "--stuck-for"),
        (("--limit", "501"), "--limit"),
        (("--cursor", "nonsense"), "--cursor"),
    ],
)
def test_a_filter_that_cannot_be_used_is_named(tracker: CommandLine, words: tuple[str, ...], says: str) -> None:
    ran = tracker("posts", "list", *words)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err


def test_one_post_is_told_with_its_history(tracker: CommandLine) -> None:
    shown = tracker("posts", "show", "p3", "--json").json
    assert (shown["id"], shown["state"], shown["error"]["code"], shown["pending"]) == ("p3", "failed", "timeout", [])
    assert [target["key"] for target in shown["targets"]] == ["instagram#1"]
    assert [entry["type"] for entry in shown["history"]] == ["fact", "change"]
    assert shown["history"][0]["at"] == "2026-11-10T12:00:04Z"
    people = tracker("posts", "show", "p3")
    assert people.code == 0
    for words in ("instagram#1", "timeout: took too long", "post.failed from sosyalkopru", "post: new → failed"):
        assert words in people.out
    short = tracker("posts", "show", "p3", "--history", "1", "--json").json
    assert short["history"] == shown["history"][1:]


def test_a_post_is_told_as_it_was_known_at_an_earlier_moment(tracker: CommandLine, database_url: str) -> None:
    """By what had arrived, not by what had happened: the failure of 12:00:03 was not known before noon."""
    take(database_url, said("post.publishing", "p3", 10), now=NOON + timedelta(hours=1))
    take(database_url, said("post.published", "p3", 20), now=NOON + timedelta(hours=2))
    states = {
        at: tracker("posts", "show", "p3", "--as-of", at, "--json").json
        for at in ("2026-11-10T12:00:04Z", "2026-11-10T16:30:00+03:00", "2026-11-10T14:00:00Z")
    }
    assert [post["state"] for post in states.values()] == ["failed", "publishing", "published"]
    assert [len(post["history"]) for post in states.values()] == [2, 4, 6]
    assert tracker("posts", "show", "p3", "--json").json["state"] == "published"
    before = tracker("posts", "show", "p3", "--as-of", "2026-11-10T11:59:59Z")
    assert (before.code, "nothing was known" in before.err) == (1, True)
    wrong = tracker("posts", "show", "p3", "--as-of", "noon")
    assert (wrong.code, "Invalid value for --as-of" in wrong.err) == (2, True)


def test_what_the_log_no_longer_keeps_is_not_guessed_at(tracker: CommandLine, database_url: str) -> None:
    execute(
        database_url, "insert into baselines select provider, post, '2026-11-10', fold from posts where post = 'p3'"
    )
    ran = tracker("posts", "show", "p3", "--as-of", "2026-11-10T23:00:00Z")
    assert (ran.code, ran.err) == (1, 'tracker: the log of "p3" is kept from 2026-11-11 on\n')
    assert tracker("posts", "show", "p3", "--as-of", "2026-11-11T00:00:00Z", "--json").json["state"] == "failed"


def test_a_post_that_is_not_there_is_a_problem_and_not_a_mistake(tracker: CommandLine) -> None:
    ran = tracker("posts", "show", "p9")
    assert (ran.code, ran.out, ran.err) == (1, "", 'tracker: there is no post "p9"\n')


def test_what_happens_is_told_while_one_watches_until_ctrl_c(tracker: CommandLine, database_url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tracker", "posts", "watch", "--json"], cwd=tracker.folder, env=clean_environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (a shell may have it ignored)
    ) as watching:  # fmt: skip
        assert watching.stdout is not None
        assert watching.stderr is not None
        assert watching.stderr.readline() == "watching; Ctrl-C ends it\n"
        for state in ("failed", "published"):
            take(database_url, said(f"post.{state}", state, 5), now=datetime.now(UTC))
            line = json.loads(watching.stdout.readline())
            assert (line["what"], line["post"], line["said"]) == ("state", state, state)
        watching.send_signal(signal.SIGINT)
        assert (watching.wait(30), watching.stdout.read()) == (0, "")

"""What rules made, and would make, of posts, from the command line: why, explain, record, backtest and diff."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.contract.command_line import CommandLine, follow, keep, said
from tests.integration.told import NOON
from tracker.rulebook import load_rules

if TYPE_CHECKING:
    from pathlib import Path

YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date()
BEGAN = datetime.combine(YESTERDAY, NOON.timetz())
RULES = """
[rule.told]
on = "post.failed"
when = "error.retryable && post.attempt < 2"
owner = "social team"
runbook = "https://wiki.example.com/told"
do = [{ alert = "ops", title = "{{ post.id }} failed" }]

[rule.stuck]
while = { state = "publishing" }
for = "15m"
do = [{ alert = "ops", title = "{{ post.id }} hangs" }]
"""


def failed(post: str, second: int, *, retryable: bool = True) -> bytes:
    error = {"code": "timeout", "message": "took too long", "retryable": retryable}
    return said("post.failed", post, second, on=YESTERDAY, status="FAILED", error=error)


@pytest.fixture
def tracker(tmp_path: Path, database_url: str) -> CommandLine:
    """p1 fails in a way that may pass, p2 in one that does not; half an hour later the rules have seen it."""
    command_line = CommandLine(tmp_path).configure(database_url)
    (command_line.rules / "all.toml").write_text(RULES)
    rules = load_rules(command_line.rules).index
    keep(database_url, said("post.publishing", "p1", 0, on=YESTERDAY), now=BEGAN)
    follow(database_url, now=BEGAN, rules=rules)
    later = BEGAN + timedelta(seconds=60)
    keep(database_url, failed("p1", 60), failed("p2", 60, retryable=False), now=later)
    follow(database_url, now=later + timedelta(minutes=30), rules=rules)
    return command_line


def test_a_post_says_why_by_rule_and_the_closest_comes_first(tracker: CommandLine) -> None:
    ran = tracker("posts", "why", "p1")
    at = f"{YESTERDAY} 12:01:00Z"
    assert ran.lines == [
        "told",
        f"  {at}  fired on publishing -> failed; its run is done; alert ops is due at {YESTERDAY} 12:01:00 UTC",
        "stuck",
        f'  {at}  for: wants 15m, but publishing was left for failed after 1m, with post.state = "failed"',
    ]
    shown = tracker("posts", "why", "p2", "--rule", "told", "--json")
    (item,) = shown.json["items"]
    assert (item["outcome"], item["reasons"][0]["clause"]["values"]) == ("false", {"error.retryable": False})
    assert tracker("posts", "why", "p9").code == 1
    wrong = tracker("posts", "why", "p1", "--rule", "tod")
    assert (wrong.code, 'did you mean "told"' in wrong.err) == (1, True)


def test_one_rule_explains_itself(tracker: CommandLine) -> None:
    ran = tracker("rules", "explain", "told", "--post", "p2")
    assert ran.lines[1].endswith("when: wants error.retryable, but it is false, with error.retryable = false")
    assert [line.split() for line in ran.lines[2:]] == [
        ["owner", "social", "team"],
        ["runbook", "https://wiki.example.com/told"],
    ]
    shown = tracker("rules", "explain", "told", "--post", "p2", "--json").json
    assert shown["reasons"][0]["clause"]["wanted"] == "error.retryable"


def test_faulty_rule_files_answer_nothing(tracker: CommandLine) -> None:
    (tracker.rules / "more.toml").write_text('[rule.x]\non = "post.faild"\n')
    for words in (("posts", "why", "p1"), ("rules", "backtest"), ("rules", "diff"), ("rules", "plan")):
        ran = tracker(*words)
        assert (ran.code, ran.out, "more.toml:2:6" in ran.err) == (1, "", True)


def test_a_plan_tells_what_an_edit_comes_to(tracker: CommandLine) -> None:
    """Of the files as they are, of a file beside them, and of another folder; for people and for machines."""
    assert tracker("rules", "plan").lines == ["0 rules would change; 2 rules would not, with 0 timers and 0 runs"]
    forgotten = """
[rule.forgotten]
while = { state = "failed" }
for   = "1h"
since = "entered"
do    = [{ alert = "ops", title = "{{ post.id }} is forgotten" }]
"""
    (tracker.folder / "more.toml").write_text(forgotten)
    ran = tracker("rules", "plan", "--with", "more.toml")
    assert ran.code == 0
    assert ran.lines[1].split() == ["forgotten", "new", "0", "2", "0", "0", "0", "2"]
    assert ran.lines[2:] == [
        "forgotten armed: sosyalkopru/p1, sosyalkopru/p2",
        "forgotten fires at once: sosyalkopru/p1, sosyalkopru/p2",
        "1 rule would change; 2 rules would not, with 0 timers and 0 runs",
    ]
    (tracker.folder / "other").mkdir()
    (tracker.folder / "other" / "a.toml").write_text(forgotten)
    items = tracker("rules", "plan", "--with", "other", "--json").json["items"]
    assert {item["rule"]: item["change"] for item in items} == {
        "forgotten": "new", "stuck": "removed", "told": "removed",
    }  # fmt: skip
    (tracker.folder / "more.toml").write_text(forgotten.replace("while", "whiel"))
    refused = tracker("rules", "plan", "--with", "more.toml")
    assert (refused.code, refused.out, 'did you mean "while"' in refused.err) == (1, "", True)
    assert tracker("rules", "plan", "--with", "nowhere.toml").code == 2


def test_a_backtest_tells_how_often_beside_how_often(tracker: CommandLine) -> None:
    ran = tracker("rules", "backtest")
    table = [line.split() for line in ran.lines]
    assert table[1][:6] == ["stuck", "0", "0", "0", "0", "0"]
    assert table[2][:6] == ["told", "1", "1", "0", "0", "0"]
    assert len(table) == 3
    assert "changes played" in ran.err


def test_a_file_is_tried_beside_the_others_and_a_folder_instead_of_them(tracker: CommandLine) -> None:
    wider = tracker.folder / "wider.toml"
    wider.write_text(RULES.partition("[rule.stuck]")[0].replace("error.retryable && ", ""))
    ran = tracker("rules", "backtest", "--rules", "wider.toml")
    assert [line.split()[:5] for line in ran.lines[1:2]] == [["told", "2", "1", "1", "0"]]
    assert ran.lines[2:] == [f"told gained: p2 at {YESTERDAY} 12:01:00Z"]
    shown = tracker("rules", "backtest", "--rules", "wider.toml", "--json").json
    (held,) = shown["items"]
    assert [firing["post"] for firing in held["gained"]["newest"]] == ["p2"]
    other = tracker.folder / "other"
    other.mkdir()
    (other / "one.toml").write_text(RULES.partition("[rule.stuck]")[0].replace("told", "new"))
    items = tracker("rules", "backtest", "--rules", "other", "--json").json["items"]
    assert {item["rule"]: (item["would"]["count"], item["did"]["count"]) for item in items} == {
        "new": (1, 0), "stuck": (0, 0), "told": (0, 1),
    }  # fmt: skip


def test_a_diff_tells_what_edited_files_gain_and_lose(tracker: CommandLine) -> None:
    assert tracker("rules", "diff").lines[1:] == []
    file = tracker.rules / "all.toml"
    file.write_text(RULES.replace("error.retryable &&", "!error.retryable &&"))
    assert tracker("rules", "diff").lines[2:] == [
        f"told gained: p2 at {YESTERDAY} 12:01:00Z", f"told lost: p1 at {YESTERDAY} 12:01:00Z",
    ]  # fmt: skip
    kept = tracker.folder / "kept"
    kept.mkdir()
    (kept / "all.toml").write_text(file.read_text().replace("!error.retryable &&", ""))
    shown = tracker("rules", "diff", "--against", "kept", "--json").json["items"]
    assert [(item["rule"], item["gained"]["count"], item["lost"]["count"]) for item in shown] == [("told", 0, 1)]


def test_a_diff_against_a_git_ref_reads_the_files_as_they_were(tracker: CommandLine) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        subprocess.run(["/usr/bin/env", "git", *who, *words], cwd=tracker.folder, check=True, capture_output=True)

    git("init", "-q")
    git("add", "rules")
    git("commit", "-qm", "as they were")
    (tracker.rules / "all.toml").write_text(RULES.replace("error.retryable && ", ""))
    shown = tracker("rules", "diff", "--against", "HEAD", "--json").json["items"]
    assert [(item["rule"], item["gained"]["count"], item["lost"]["count"]) for item in shown] == [("told", 1, 0)]
    wrong = tracker("rules", "diff", "--against", "nowhere")
    assert (wrong.code, "neither a folder nor a git ref" in wrong.err) == (2, True)
    assert tracker("rules", "diff", "--against=--output=x").code == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--since", "soon"), "is not a time with a zone"),
        (("--since", "2020-01-01T00:00:00"), "is not a time with a zone"),
        (("--since", "1h", "--until", "2020-01-01T00:00:00Z"), "must be before --until"),
        (("--rules", "nowhere.toml"), "nowhere.toml"),
    ],
)
def test_a_span_that_is_none_is_used_wrongly(tracker: CommandLine, words: tuple[str, ...], says: str) -> None:
    ran = tracker("rules", "backtest", *words)
    assert ran.code == 2
    assert says in " ".join(ran.err.replace("│", " ").split())


def test_what_happened_becomes_a_test_that_passes(tracker: CommandLine) -> None:
    ran = tracker("rules", "record", "told", "--post", "p1")
    assert ran.code == 0
    assert "< alert ops" in " ".join(ran.out.split())
    with (tracker.rules / "all.toml").open("a") as file:
        file.write(f"\n{ran.out}")
    assert tracker("rules", "test").lines == ["1 passed"]
    (tracker.rules / "all.toml").write_text(
        (tracker.rules / "all.toml").read_text().replace("post.attempt < 2", "false")
    )
    assert tracker("rules", "test").code == 1
    wrong = tracker("rules", "record", "tod", "--post", "p1")
    assert (wrong.code, 'did you mean "told"' in wrong.err) == (2, True)


def test_build_servers_get_a_file(tracker: CommandLine) -> None:
    out = tracker("rules", "record", "told", "--post", "p1").out
    (tracker.rules / "all.toml").write_text(RULES + out + out.replace("<  alert ops", "<  alert ops title=other"))
    assert tracker("rules", "test", "--junit", "out.xml").code == 1
    root = ET.fromstring((tracker.folder / "out.xml").read_text())  # noqa: S314  (our own)
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    wrong = tracker("rules", "test", "--junit", "nowhere/out.xml")
    assert (wrong.code, "cannot be written" in wrong.err) == (2, True)

"""What a rule file says is what the rule does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tracker.domain.actions import Backoff
from tracker.domain.posts.event import State
from tracker.domain.rules.event_pattern import EventName, StateEntered, Transition
from tracker.domain.rules.grouping import DEFAULTS, GroupBy
from tracker.domain.rules.rule import Expect, Match, On, Rule, While
from tracker.domain.rules.step import AlertStep, RetryStep, SendStep
from tracker.rulebook import load_rules, load_text
from tracker.rulebook.verbs import parse_backoff

MINUTE = timedelta(minutes=1)
RETRY = """
[rule.instagram-retry]
on        = "post.failed"
match     = { platform = "instagram" }
when      = 'error.retryable && post.attempt < 4'
per       = "target"
cancel_on = ["post.published", "post.removed"]
do        = [{ retry = "publish", tries = 3, backoff = "1m x2 max 30m jitter 20%" }]
exhausted = [{ alert = "ops", title = "{{ post.id }}: gave up after {{ run.tries }} tries: {{ error.message }}" }]
"""


def only(text: str) -> Rule:
    """The one rule of a text without faults."""
    book = load_text(text)
    assert book.faults == ()
    (rule,) = book.rules
    return rule


def test_a_rule_about_an_event_is_read_whole() -> None:
    rule = only(RETRY)
    assert rule.id == "instagram-retry"
    assert rule.trigger == On((StateEntered(State.FAILED),))
    assert rule.match == (Match("platform", ("instagram",)),)
    assert rule.per is GroupBy.TARGET
    assert rule.cancel_on == (StateEntered(State.PUBLISHED), StateEntered(State.REMOVED))
    assert rule.do == (RetryStep("publish", 3, Backoff(MINUTE, 2, 30 * MINUTE, 0.2)),)
    assert rule.judge({**DEFAULTS, "error.retryable": True}).kind == "true"
    (gave_up,) = rule.branches["exhausted"]
    assert isinstance(gave_up, AlertStep)
    told = {**DEFAULTS, "post.id": "p1", "run.tries": 3, "error.message": "boom"}
    assert gave_up.title(told) == "p1: gave up after 3 tries: boom"


def test_a_rule_about_a_state_that_holds_is_read() -> None:
    rule = only(
        '[rule.a]\nwhile = { state = ["publishing", "retrying"] }\nfor = "15m"\nseverity = "critical"\n'
        'do = [{ alert = "ops", title = "x", resolves = true }, { alert = "web", title = "y", severity = "info" }]'
    )
    assert rule.trigger == While(frozenset({State.PUBLISHING, State.RETRYING}), 15 * MINUTE)
    assert [(step.severity, step.resolves) for step in rule.do if isinstance(step, AlertStep)] == [
        ("critical", True),
        ("info", False),
    ]


def test_a_rule_about_an_absence_is_read() -> None:
    of = only(
        '[rule.a]\nexpect = "post.publishing"\nwithin = "10m"\nof = "post.scheduled_at"\ndo = [{ retry = "publish" }]'
    )
    assert of.trigger == Expect((StateEntered(State.PUBLISHING),), 10 * MINUTE, "scheduled_at")
    on = only('[rule.a]\non = "post.published"\nexpect = "cms.acked"\nwithin = "1h"\ndo = [{ reconcile = "post" }]')
    assert on.trigger == Expect((EventName("cms.acked"),), 60 * MINUTE, None, (StateEntered(State.PUBLISHED),))


def test_a_rule_may_react_to_several_things() -> None:
    rule = only(
        '[rule.a]\non = ["publishing -> failed", "account.*"]\n'
        'do = [{ send = "cms", event = "e", data = { id = "{{ post.id }}" } }]'
    )
    assert rule.trigger == On((Transition(State.PUBLISHING, State.FAILED), EventName("account.*")))
    (step,) = rule.do
    assert isinstance(step, SendStep)
    assert step.data is not None
    assert step.data["id"]({**DEFAULTS, "post.id": "p1"}) == "p1"


def test_a_rule_that_is_switched_off_is_read_but_not_in_force() -> None:
    book = load_text(RETRY + "enabled = false")
    assert [rule.id for rule in book.rules] == ["instagram-retry"]
    assert list(book.index) == []


def test_what_a_retry_leaves_out_has_sensible_values() -> None:
    rule = only('[rule.a]\non = "post.failed"\ndo = [{ retry = "publish" }]')
    assert rule.do == (RetryStep("publish", 3, Backoff(MINUTE, 2, 30 * MINUTE, 0.2)),)


def test_names_are_not_checked_where_nobody_says_which_there_are() -> None:
    assert load_text('[rule.a]\non = "post.failed"\ndo = [{ alert = "anything", title = "x" }]').faults == ()


def test_the_tests_beside_a_rule_are_kept_with_their_place() -> None:
    text = RETRY + '\n[[test]]\nrule = "instagram-retry"\ngiven = { post = "p1", attempt = 2 }\ntimeline = "1h ! retry"'
    (test,) = load_text(text, "a.toml").tests
    assert (test.rule, test.file, test.line, test.given) == (
        "instagram-retry",
        "a.toml",
        11,
        {"post": "p1", "attempt": "2"},
    )


def test_a_folder_is_read_in_the_order_of_its_files(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.toml").write_text(RETRY.replace("instagram-retry", name))
    (tmp_path / "notes.md").write_text("not a rule")
    book = load_rules(tmp_path)
    assert [rule.id for rule in book.rules] == ["a", "b"]
    assert [file.name for file in book.files] == ["a.toml", "b.toml"]
    assert book.places["b"] == (str(tmp_path / "b.toml"), 2)


def test_an_empty_folder_has_no_rules_and_no_faults(tmp_path: Path) -> None:
    book = load_rules(tmp_path)
    assert not book.faults
    assert not book.rules


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("30s", Backoff(timedelta(seconds=30))),
        ("1m x2", Backoff(MINUTE, 2)),
        ("1m x1.5 jitter 100%", Backoff(MINUTE, 1.5, jitter=1)),
        ("2d max 3d", Backoff(timedelta(days=2), 1, timedelta(days=3))),
    ],
)
def test_a_backoff_is_read(text: str, wanted: Backoff) -> None:
    assert parse_backoff(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "x2", "1m 2x", "1m max", "1m x0.5", "1m x1000", "0s", "1m max 30s", "1m jitter 200%"]
)
def test_what_is_no_backoff_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"backoff|duration|pause|jitter|factor|pauses"):
        parse_backoff(text)

"""Rules as people write them load, do what their tests say, and fail them when they are broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit import rule_examples as examples
from tracker.rulebook import Known, Rulebook, load_text
from tracker.rulebook.test_runner import run_tests

KNOWN = Known(
    channels={"ops", "oncall", "web", "team", "boss"}, endpoints={"cms"}, providers={"sosyalkopru"},
)  # fmt: skip
TESTED = {name: text for name, text in examples.EXAMPLES.items() if "[[test]]" in text}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "digest.md.j2").write_text(examples.DIGEST)
    return tmp_path


def loaded(text: str, folder: Path | None = None) -> Rulebook:
    book = load_text(text, "r.toml", KNOWN, folder)
    assert [str(fault) for fault in (*book.faults, *book.warnings)] == []
    return book


@pytest.mark.parametrize("text", examples.EXAMPLES.values(), ids=examples.EXAMPLES.keys())
def test_each_example_loads_without_faults_or_warnings(text: str, folder: Path) -> None:
    assert loaded(text, folder).rules


@pytest.mark.parametrize("text", TESTED.values(), ids=TESTED.keys())
def test_each_example_does_what_its_tests_say(text: str) -> None:
    book = loaded(text)
    outcomes = run_tests(book.tests, book.rules)
    assert len(outcomes) == len(book.tests) > 0
    assert [(outcome.place, outcome.wrong) for outcome in outcomes if not outcome.passed] == []


BROKEN = [
    (examples.STILL_OPEN, "run.count > 1 &&", "run.count > 2 &&"),
    (examples.STILL_OPEN, ' && error.code != "spam"', ""),
    (examples.STILL_OPEN, 'older = "1d"', 'older = "2d"'),
    (examples.STILL_OPEN, ', older = "1d"', ""),
    (examples.STILL_OPEN, '"awaiting_approval"', '"draft"'),
    (examples.STILL_OPEN, '{ due = "1d" }', '{ due = "2d" }'),
    (examples.STILL_OPEN, '{ due = "1d" }', '{ due = "1d", state = "scheduled" }'),
    (examples.STILL_OPEN, 'match = { platform = "x" }', 'match = { platform = "instagram" }'),
    (examples.STILL_OPEN, 'per   = "target"', 'per   = "post"'),
    (examples.FAILURE, '"1m x2', '"2m x2'),
    (examples.FAILURE, "error.retryable &&", "!error.retryable &&"),
    (examples.FAILURE, 'match     = { platform = "instagram" }', 'match     = { platform = "x" }'),
    (examples.LASTING, '"15m"', '"16m"'),
    (examples.LASTING, ", resolves = true", ""),
    (examples.ABSENCE, '"post.scheduled_at"', '"post.failed_at"'),
    (examples.ABSENCE, '{ reconcile = "post" }, ', ""),
    (examples.BURST, '"> 5 in 10m"', '"> 6 in 10m"'),
    (examples.BURST, '"> 5 in 10m"', '"> 5 in 4m"'),
    (examples.BURST, '"> 5 in 10m"', '"> 4 in 10m"'),
    (examples.BURST, 'per   = "account"', 'per   = "target"'),
    (examples.WORKFLOW, '"cms.acked", at', '"cms.refused", at'),
    (examples.WORKFLOW, '"24h"', '"23h"'),
    (examples.WORKFLOW, ', else = "escalate" },\n]\n[rule.tell-cms.branch]\nescalate = ', ' }]\nresolved = '),
    (examples.WORKFLOW, 'event = "post.published" }', 'event = "published" }'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "before", "after"), BROKEN)
def test_a_broken_rule_fails_its_tests(text: str, before: str, after: str) -> None:
    rule, mark, tests = text.partition("[[test]]")
    assert before in rule
    book = loaded(rule.replace(before, after) + mark + tests)
    assert not all(outcome.passed for outcome in run_tests(book.tests, book.rules))

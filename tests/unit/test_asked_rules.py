"""docs/rules-people-ask-for: each file is fit by itself, and its tests pass; no wish is left without an answer."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from tests.unit.reference.asked_page import FILES, FOLDER, NOT_SAID
from tracker.rulebook import Known, load_text
from tracker.rulebook.schema import schema
from tracker.rulebook.test_runner import run_tests

KNOWN = Known(
    channels={"ops", "oncall", "team", "boss", "acme", "globex"},
    endpoints={"cms", "wordpress"},
    providers={"sosyalkopru"},
)
ASKED = 46


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_rule_that_people_ask_for_is_fit_and_does_what_its_tests_say(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    book = load_text(text, path.name, KNOWN, FOLDER)
    assert [str(fault) for fault in (*book.faults, *book.warnings)] == []
    assert not list(Draft4Validator(schema()).iter_errors(tomllib.loads(text)))
    outcomes = run_tests(book.tests, book.rules)
    assert [(outcome.place, outcome.wrong) for outcome in outcomes if not outcome.passed] == []
    assert {rule for test in book.tests for rule in test.rules} == {rule.id for rule in book.rules}


def test_every_wish_is_answered_once() -> None:
    answered = [int(re.findall(r"^\d+", name)[0]) for name in (*NOT_SAID, *(path.name for path in FILES))]
    assert sorted(answered) == list(range(1, ASKED + 1))

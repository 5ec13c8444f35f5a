"""What people slip into is answered with what to write instead."""

from __future__ import annotations

import pytest

from tests.unit.rule_mistakes import DO, HEAD, KNOWN, MISTAKES, Mistake
from tracker.providers.registry import KINDS
from tracker.rulebook import load_text
from tracker.rulebook.cross_rule_checks import EVENTS


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_answered_with_what_to_write(mistake: Mistake) -> None:
    """By file and line, and by the column where it is not about a whole rule."""
    answer = [str(fault) for fault in mistake.answer()]
    assert [part for part in mistake.says if not any(part in fault for fault in answer)] == [], answer
    assert len(answer) <= max(len(mistake.says), 1) or mistake.name in TWICE
    assert all(fault.startswith("r.toml:") for fault in answer)


TWICE = {
    "a key in capitals", "another program's trigger", "rules that mute each other",
    "a wait for a word that nobody says", "words for signs, and a name behind them",
}  # fmt: skip
"""Mistakes of which more is to be told than the table looks for."""


def test_the_names_of_mistakes_are_their_own() -> None:
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)


def test_what_providers_send_of_accounts_is_no_slip() -> None:
    sent = {name for kind in KINDS.values() for name in kind.account_states if name.startswith("account.")}
    assert sent <= set(EVENTS)


@pytest.mark.parametrize("pair", [("step.1", "step.2"), ("legal.approved", "client.approved")])
def test_events_that_are_alike_by_right_are_no_slips(pair: tuple[str, str]) -> None:
    rules = "".join(f'[rule.r{number}]\non = "{event}"\n{DO}' for number, event in enumerate(pair))
    assert not load_text(rules, "r.toml", KNOWN).warnings


@pytest.mark.parametrize(
    "when",
    [
        "post.attempt > 1 && post.attempt < 3", "error.code > 'a' && error.code < 'b'", "error.code != 'a'",
        "!error.retryable && post.attempt == 3", "post.platforms.exists(p, p == 'x')", "event.name == 'cms.acked'",
    ],
)  # fmt: skip
def test_a_condition_that_can_hold_is_no_mistake(when: str) -> None:
    book = load_text(f'{HEAD}when = "{when}"\n{DO}', "r.toml", KNOWN)
    assert (book.faults, book.warnings) == ((), ())


ALIKE = ('{\\"a\\": {\\"b\\": 1}}', "100% of it", "5$", "{x}", "{{ '%s' }}", "100 %sure")


@pytest.mark.parametrize("title", ALIKE)
def test_a_text_that_only_looks_alike_goes_out_as_it_is(title: str) -> None:
    assert not load_text(f'{HEAD}do = [{{ alert = "ops", title = "{title}" }}]\n', "r.toml", KNOWN).faults

"""A send that is waited for: what other systems answer is read by the steps after it, and only what they can say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.payloads import LONGEST_ANSWER, answer_of
from tracker.domain.rules.descriptions import step_in_words
from tracker.domain.rules.step import SendStep
from tracker.rulebook import Known, Rulebook, load_text
from tracker.rulebook.test_runner import run_tests

TABLE = '[table.cms]\n"*" = { channel = "ops" }\n'
PLAYED = """
[[test]]
rule     = "a"
timeline = '''
{}
'''
"""


def book_of(text: str, folder: Path | None = None) -> Rulebook:
    return load_text(f'[rule.a]\non = "post.failed"\n{text}', "r.toml", Known(channels={"ops"}), folder)


def played(text: str, timeline: str, folder: Path | None = None) -> list[str]:
    """What is wrong with the rule or its test."""
    book = book_of(text + PLAYED.format(timeline), folder)
    return [*map(str, book.faults), *(outcome.wrong for outcome in run_tests(book.tests, book.rules) if outcome.wrong)]


def test_a_step_that_waits_is_read() -> None:
    (rule,) = book_of(
        'do = [{ send = "cms", as = "cms", at_most = "2m", else = "down" }]\n'
        '[rule.a.branch]\ndown = [{ alert = "ops", title = "x" }]'
    ).rules
    (step,) = rule.do
    assert isinstance(step, SendStep)
    assert (step.noun, step.at_most, step.otherwise) == ("cms", timedelta(minutes=2), "down")
    assert step_in_words(step) == "send to cms, and wait for the answer as cms, at most 2m, else down"


@pytest.mark.parametrize(
    ("told", "title"),
    [
        ("answer.draft=42", "42"),
        ("answer.draft=x", "x"),
        ("", "none"),
    ],
)
def test_what_is_answered_fills_texts_data_and_conditions(told: str, title: str) -> None:
    reading = "{{ has(cms.answer.draft) ? cms.answer.draft : 'none' }}"
    found = played(
        f'do = [{{ send = "cms", as = "cms" }}, {{ alert = "ops", title = "is {reading}" }},'
        ' { when = "has(cms.answer.draft)", retry = "publish", tries = 1, backoff = "1m" }]',
        f"0s > post.failed\n0s < send cms\n1m ! alert\n1m > action.done {told}\n1m < alert ops title='is {title}'\n"
        f"2m {'!' if title == 'none' else '<'} retry",
    )
    assert found == []


def test_a_template_file_reads_what_was_answered(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.md.j2").write_text("draft {{ cms.answer.draft | default('?') }}")
    found = played(
        'do = [{ send = "cms", as = "cms" }, { alert = "ops", title = "x", template = "page.md.j2" }]',
        "0s > post.failed\n0s > action.done action.target=cms answer.draft=42\n0s < alert ops body='draft 42'",
        tmp_path,
    )
    assert found == []


def test_a_workflow_and_the_rule_that_runs_it_have_answers_of_their_own() -> None:
    told = "{{ has(cms.answer.n) ? cms.answer.n : 0 }}"
    found = played(
        'do = [{ send = "cms", as = "cms" }, { run = "w" },'
        f' {{ alert = "ops", title = "rule {told}" }}]\n'
        f'[workflow.w]\ndo = [{{ send = "other", as = "cms" }}, {{ alert = "ops", title = "workflow {told}" }}]\n',
        "0s > post.failed\n1m > action.done action.target=cms answer.n=1\n"
        "2m > action.done action.target=other answer.n=2\n"
        "2m < alert ops title='workflow 2'\n2m < alert ops title='rule 1'",
    )
    assert found == []


def test_restarts_and_reloads_lose_no_answer() -> None:
    found = played(
        'do = [{ send = "cms", as = "cms" }, { wait = "1h" },'
        """ { alert = "ops", title = "{{ has(cms.answer.n) ? cms.answer.n : 0 }}" }]""",
        "0s > post.failed\n0s > @restart\n1m > action.done answer.n=7\n2m > @restart\n3m > @reload\n"
        "1h1m < alert ops title=7",
    )
    assert found == []


def test_until_a_channel_is_told_can_be_waited_for() -> None:
    branch = '[rule.a.branch]\ndown = [{ alert = "ops", title = "down" }]\n'
    step = 'do = [{ send = "ops", at_most = "2m", else = "down" }, { set = { told = "yes" } }]\n'
    assert played(step + branch, "0s > post.failed\n1m > action.done\n1m < set\n1h ! alert") == []
    assert played(step + branch, "0s > post.failed\n2m < alert ops\n1h ! set") == []


def test_a_table_of_that_name_is_in_the_way() -> None:
    looked_up = 'with = { cms = "account" }\nper = "target"\n'
    faults = book_of(f'{looked_up}do = [{{ send = "cms", as = "cms" }}]\n{TABLE}').faults
    assert [fault.message for fault in faults] == ['"cms" is a table that the rule looks up: call the answer otherwise']


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("action.done action.target=cmd", 'no step waits for the answer of "cmd" (did you mean "cms"?)'),
        ("action.done action.verb=alert", "no run waits for that"),
        ("action.dead answer.n=1", "answer.n= goes with action.done: it is what a send was answered"),
        ("post.failed answer.n=1", "answer.n= goes with action.done: it is what a send was answered"),
    ],
)
def test_a_test_that_tells_what_nobody_hears_is_refused(line: str, says: str) -> None:
    (wrong,) = played('do = [{ send = "cms", as = "cms" }]', f"0s > post.failed\n0s > {line}\n0s < send cms")
    assert says in wrong


def test_an_answer_goes_to_no_rule_that_waits_for_none() -> None:
    (wrong,) = played('do = [{ send = "cms" }]', "0s > post.failed\n0s > action.done\n0s < send cms")
    assert "no run waits for that" in wrong


@pytest.mark.parametrize(
    "body",
    [b"", b"no", b"[1]", b'"x"', b"\xff", b'{"a": "\xed\xa0\x80"}', b'{"a":' * 21 + b"1" + b"}" * 21, b"[" * 60_000,
     b'{"a":' * 10_000, b'{"a": "' + b"x" * LONGEST_ANSWER + b'"}'],
)  # fmt: skip
def test_what_is_no_object_of_a_usual_size_is_no_answer(body: bytes) -> None:
    assert answer_of(body) == {}


def test_what_cannot_be_kept_or_judged_is_replaced() -> None:
    said = (
        b'{"a": "x\\u0000y", "n": 9223372036854775808, "m": -9223372036854775808, "t": true,"l":[18446744073709551616]}'
    )
    assert answer_of(said) == {
        "a": "x\ufffdy", "n": "9223372036854775808", "m": -(2**63), "t": True, "l": ["18446744073709551616"],
    }  # fmt: skip


@given(
    st.dictionaries(
        st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
    )
)  # fmt: skip
def test_whatever_is_answered_can_be_kept(said: dict[str, object]) -> None:
    answer = answer_of(msgspec.json.encode(said))
    assert b"\\u0000" not in msgspec.json.encode(answer)
    assert answer_of(msgspec.json.encode(answer)) == answer


@given(st.binary())
def test_no_answer_is_too_odd(body: bytes) -> None:
    assert isinstance(answer_of(body), dict)

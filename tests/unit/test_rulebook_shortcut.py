"""What is judged without CEL is judged as CEL judges it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.rules.grouping import DEFAULTS, Environment
from tracker.rulebook.cel_analysis import fast_path
from tracker.rulebook.cel_syntax import parse
from tracker.rulebook.expressions import Condition

STRINGS = ("timeout", "TIMEOUT", "", "é", "z'", "\U0001f600", "a b")
SIMPLE = st.one_of(
    st.sampled_from(["error.retryable", "!error.retryable", "! error.retryable", "error.retryable == true"]),
    st.builds("post.attempt {} {}".format, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers(-3, 5)),
    st.builds(
        'error.code {} "{}"'.format,
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        st.sampled_from([text for text in STRINGS if "'" not in text]),
    ),
)
HARD = st.sampled_from(
    [
        '"instagram" in post.platforms', "error.message.contains('&&')", "1 / post.attempt > 0", "(error.retryable)",
        "post.platforms.exists(p, p == 'x' && error.retryable)", "'a' == \"a\"", "post.scheduled_at > timestamp(0)",
        "(post.attempt > 1 ? error.retryable : false)", "post.id == r'raw'", '"""a""" == "a"',
        "error.code == 'z\\''", "(((error.retryable) && !!error.retryable))", "post.attempt == 0x2", "true",
        "0 < post.attempt", "error.retryable // && post.attempt < 1\n", "(error.retryable < true)",
        "post.attempt >= -9223372036854775808",
    ]
)  # fmt: skip
OPERAND = SIMPLE | HARD
CONDITIONS = st.recursive(
    st.lists(OPERAND, min_size=1, max_size=4).map(" && ".join),
    lambda inner: st.builds("{} || {}".format, inner, inner) | st.builds("({}) && {}".format, inner, OPERAND),
    max_leaves=3,
)
VALUES = st.fixed_dictionaries(
    {
        "error.retryable": st.booleans(),
        "post.attempt": st.integers(0, 3),
        "error.code": st.sampled_from(STRINGS),
        "post.platforms": st.lists(st.sampled_from(["instagram", "x"]), max_size=2),
        "error.message": st.sampled_from(["", "a && b"]),
    }
)


@given(CONDITIONS, VALUES)
def test_a_condition_says_what_cel_says(text: str, values: dict[str, object]) -> None:
    known = Environment({**DEFAULTS, **values})
    condition = Condition(text)
    assert condition(known).kind == condition.evaluate(Environment(known)).kind


@pytest.mark.parametrize(
    ("text", "tests", "whole"),
    [
        ("error.retryable && post.attempt < 4", 2, True),
        ('error.code == "timeout"', 1, True),
        ("error.retryable && post.id.startsWith('a')", 1, False),
        ("(error.retryable) && (post.attempt < 4)", 2, True),
        ("error.retryable || post.attempt < 4", 0, False),
        ("post.scheduled_at != null && post.failed_at > post.scheduled_at", 0, False),
        ("error.retryable ? true : false", 0, False),
        ("post.id == 'a && b'", 1, True),
        ("post.id == 'it\\'s' && error.retryable", 2, True),
        ("error.retryable // && post.attempt < 4", 1, True),
        ("error.retryable && !error.retryable && post.platforms == []", 2, False),
    ],
)
def test_what_is_taken_out_of_a_condition(text: str, tests: int, whole: bool) -> None:
    found = fast_path(parse(Condition(text)._expression.serialize()))
    assert (len(found.tests), found.whole) == (tests, whole)

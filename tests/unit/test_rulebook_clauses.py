"""A condition is taken apart where the evaluator joins it, so that each clause can be judged by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_rulebook_shortcut import CONDITIONS, OPERAND, VALUES
from tracker.domain.rules.grouping import DEFAULTS, Environment
from tracker.rulebook.explanations import clauses, first_unmet
from tracker.rulebook.expressions import Condition

A, B, C, D = "error.retryable", "post.attempt < 4", 'error.code == "x"', '"y" in post.platforms'
WRITTEN = st.recursive(
    CONDITIONS,
    lambda inner: (
        st.builds("({})".format, inner)
        | st.builds("{} // && (\n&& ({}\t)".format, OPERAND, inner)
        | st.builds("( {}&&{} )&&\n {}".format, OPERAND, inner.map("({})".format), OPERAND)
    ),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (f"{A} && {B}", (A, B)),
        (f"{A}&&{B}", (A, B)),
        (f"{A} && {B} && {C} && {D}", (A, B, C, D)),
        (f"({A} && ({B} || {C})) && {D}", (A, f"{B} || {C}", D)),
        (f"{A} && ({B} && ({C} && {D}))", (A, B, C, D)),
        (f"((({A} && {B}) && {C}) && ({D}))", (A, B, C, D)),
        (f"{A} || {B} && {C}", (f"{A} || {B} && {C}",)),
        (f"{A} ? {B} : {C} && {D}", (f"{A} ? {B} : {C} && {D}",)),
        (f"({A}) && ({B})", (A, B)),
        (f"({A}) || ({B})", (f"({A}) || ({B})",)),
        (f"({A}) == ({B}) && {C}", (f"({A}) == ({B})", C)),
        (f"!({A} && {B}) && {C}", (f"!({A} && {B})", C)),
        (f"""post.id.contains('&& (') && "\\" && (" == post.id && {A}""",
         ("post.id.contains('&& (')", '"\\" && (" == post.id', A)),
        (rf"r'\d&&' == post.id && {A}", (r"r'\d&&' == post.id", A)),
        (f"\"\"\"it's && (\"\"\" == post.id && {A}", ("\"\"\"it's && (\"\"\" == post.id", A)),
        (f"{A} // && {B}\n && {C}", (A, C)),
        (f"({A} // don't (\n && post.attempt // tries )\n < 4)", (A, "post.attempt \n < 4")),
        (f'"é\U0001f600" == post.id && {A}', ('"é\U0001f600" == post.id', A)),
        (f"post.platforms.all(p, p > 'a' && p < 'b') && {A}", ("post.platforms.all(p, p > 'a' && p < 'b')", A)),
        (f"{A} && post.platforms == ['a', 'b && c']", (A, "post.platforms == ['a', 'b && c']")),
    ],
)  # fmt: skip
def test_a_condition_is_taken_apart_at_its_outermost_conjunctions(text: str, parts: tuple[str, ...]) -> None:
    assert clauses(Condition(text)) == parts


@given(WRITTEN, VALUES)
def test_all_clauses_together_say_what_the_condition_says(text: str, values: dict[str, object]) -> None:
    known = Environment({**DEFAULTS, **values})
    condition = Condition(text)
    parts = [Condition(part) for part in clauses(condition)]
    assert [part for part in parts if part.conjunctions] == []
    kinds = {part.evaluate(Environment(known)).kind for part in parts}
    assert condition.evaluate(known).kind == next(kind for kind in ("false", "error", "true") if kind in kinds)


def test_the_first_false_clause_is_told_with_the_values_that_it_reads() -> None:
    values = {"error.retryable": True, "post.attempt": 5, "post.platforms": ["x"], "post.labels": {}}
    unmet = first_unmet(Condition('error.retryable && (post.attempt < 4 && "y" in post.platforms)'), values)
    assert (unmet.text, unmet.values, unmet.verdict.kind) == ("post.attempt < 4", {"post.attempt": 5}, "false")


def test_a_false_clause_outweighs_one_without_a_value_as_it_does_in_cel() -> None:
    values = {"post.attempt": 5, "post.labels": {}}
    unmet = first_unmet(Condition('post.labels["a"] == "b" && post.attempt < 4'), values)
    assert (unmet.text, unmet.verdict.kind) == ("post.attempt < 4", "false")
    without = first_unmet(Condition('post.labels["a"] == "b" && post.attempt < 9'), values)
    assert (without.text, without.verdict.kind) == ('post.labels["a"] == "b"', "error")


def test_a_condition_of_which_a_clause_cannot_stand_alone_is_judged_as_a_whole() -> None:
    text = "dyn(error.retryable) && post.attempt < 4"
    unmet = first_unmet(Condition(text), {"error.retryable": True, "post.attempt": 5})
    assert (unmet.text, unmet.verdict.kind) == (text, "false")

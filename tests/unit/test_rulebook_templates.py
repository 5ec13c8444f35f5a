"""Texts with holes: filled with values as people read them, never too long, never raising."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_rulebook_expressions import values
from tracker.rulebook.templates import Template
from tracker.toml.positions import BadText


def filled(text: str, **told: object) -> str:
    return Template(text, 300)(values(**told))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("no hole", "no hole"),
        ("{{ post.id }}: {{post.attempt}}", "p1: 3"),
        ('{{ post.attempt > 2 ? "many" : "few" }}', "many"),
        ("{{ error.retryable }}", "true"),
        ("held for {{ run.held }}", "held for 1h30m"),
        ("at {{ post.scheduled_at }}", "at 2026-11-24 09:00:00 UTC"),
        ("never: [{{ post.failed_at }}]", "never: []"),
        ("{{ post.platforms }}", "instagram, x"),
        ('{{ {"a": {"b": 1}} }}', '{"a": {"b": 1}}'),
        ('{{ "}}" }} and {{ "{{" }}', "}} and {{"),
        ('{{ "quoted \\" }}" }}', 'quoted " }}'),
        ("{{ 1.5 }}{{ null }}", "1.5"),
        ("a } b { c }} d", "a } b { c }} d"),
    ],
)
def test_a_hole_is_filled_with_its_value(text: str, wanted: str) -> None:
    told = {
        "post__id": "p1",
        "post__attempt": 3,
        "error__retryable": True,
        "run__held": timedelta(minutes=90),
        "post__scheduled_at": datetime(2026, 11, 24, 9, tzinfo=UTC),
        "post__platforms": ["instagram", "x"],
    }
    assert filled(text, **told) == wanted


def test_what_fills_a_hole_is_not_looked_at_for_further_holes() -> None:
    assert filled("{{ error.message }}", error__message="{{ post.id }}", post__id="p1") == "{{ post.id }}"


def test_a_hole_that_cannot_be_filled_says_why_and_the_rest_of_the_text_stands() -> None:
    assert filled("{{ post.id }} {{ 1 / post.attempt }}!", post__id="p1") == "p1 [1 / post.attempt: divide by zero]!"


def test_a_text_is_cut_where_it_is_too_long() -> None:
    assert Template("{{ error.message }}", 10)(values(error__message="a" * 4000)) == "a" * 9 + "…"


def test_a_title_is_one_line() -> None:
    title = Template("a {{ error.message }}", 300, one_line=True)
    assert title(values(error__message=" x\r\ny\t z\n")) == "a x y z"


@pytest.mark.parametrize(
    ("text", "offset"),
    [("abc {{ post.id", 4), ("{{ }}", 0), ("ab {{  post.stat }}", 7), ("{{ post.id }} {{ post.id + 1 }}", 25)],
)
def test_a_hole_that_can_never_be_filled_is_refused_where_it_goes_wrong(text: str, offset: int) -> None:
    with pytest.raises(BadText) as refused:
        Template(text, 100)
    assert refused.value.offset >= offset


@given(st.text(), st.text(), st.integers(2, 40))
def test_no_value_makes_a_text_raise_or_grow_beyond_its_length(message: str, post: str, longest: int) -> None:
    template = Template("{{ error.message }} {{ post.id + error.message }}", longest)
    assert len(template(values(error__message=message, post__id=post))) <= longest

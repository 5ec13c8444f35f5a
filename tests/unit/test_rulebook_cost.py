"""An expression that could stop the house is refused when it is loaded; one that people write is not."""

from __future__ import annotations

import struct
import time

import pytest

from tests.unit.test_rulebook_expressions import values
from tracker.domain.rules.grouping import LONGEST_MESSAGE
from tracker.domain.rules.periodic import MOST_ITEMS
from tracker.domain.rules.rule import FALSE
from tracker.rulebook.cel_analysis import MOST
from tracker.rulebook.cel_syntax import Call, Const, Field, Loop, Make, Name, conjunction, parse
from tracker.rulebook.expressions import Condition, Hole
from tracker.toml.positions import BadText

ITEM = {
    "event": "post.failed", "post_id": "p" * 40, "error_message": "m" * LONGEST_MESSAGE, "platforms": ["instagram"] * 5,
}  # fmt: skip
FULL = values(
    error__message="a" * LONGEST_MESSAGE,
    post__platforms=[f"platform{n}" for n in range(90)],
    run__items=[ITEM] * MOST_ITEMS,
)


def nested(depth: int, inner: str = "true", over: str = "post.platforms") -> str:
    text = inner
    for level in range(depth):
        text = f"{over}.all(v{level}, {text})"
    return text


def doubled(times: int) -> str:
    text = "error.message"
    for level in range(times):
        text = f"[{text}].map(s{level}, s{level} + s{level} + s{level} + s{level})[0]"
    return text


@pytest.mark.parametrize(
    "text",
    [
        *(nested(depth) for depth in (4, 6, 8)),
        nested(3, over="run.items"),
        "run.items.map(a, run.items.map(b, a.error_message + b.error_message)).size() > 0",
        *(f"{doubled(times)}.size() > 0" for times in (6, 8, 9)),
        "[1].map(a, [a, a, a, a, a, a, a, a])" + ".map(a, [a, a, a, a, a, a, a, a])" * 12 + " == [[]]",
        ("[1].map(a, [a, a, a, a, a, a, a, a])" + ".map(a, [a, a, a, a, a, a, a, a])" * 12).replace("map(", "map//\n("),
        'error.message.matches("(a?){1000}b")',
        nested(1, 'error.message.matches("(a?){100}b")'),
        nested(2, 'error.message.matches("(a+)+$")'),
    ],
    ids=lambda text: text[:60],
)
def test_a_bomb_is_refused_when_it_is_loaded_and_at_once(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(BadText, match="steps of work"):
        Hole(text)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "text",
    [
        'run.items.map(i, i.post_id + ": " + i.error_message)',
        'run.items.filter(i, i.platforms.exists(p, p == "x")).map(i, i.post_id)',
        'run.items.filter(i, i.event == "post.failed" && i.error_message.matches("timed? out")).size()',
        nested(2, 'v1 != "x"'),
        doubled(3),
        'error.message.matches("(a+)+$")',
        'error.message.matches("(.*)(.*)(.*)(.*)(.*)b")',
    ],
    ids=lambda text: text[:60],
)
def test_what_is_allowed_ends_soon_with_the_largest_values_that_there_are(text: str) -> None:
    hole = Hole(text)
    began = time.perf_counter()
    hole(FULL)
    assert time.perf_counter() - began < 1


def test_the_evaluator_itself_gives_up_after_many_turns() -> None:
    """Three loops of platforms are allowed; a post with more of them than we reckon with ends in an error."""
    hole = Hole(nested(2))
    with pytest.raises(ValueError, match="budget"):
        hole(values(post__platforms=["x"] * 3000))


def test_a_hard_pattern_takes_no_longer_than_its_text() -> None:
    began = time.perf_counter()
    assert Condition('error.message.matches("(a+)+$")')(values(error__message="a" * 4000 + "!")) == FALSE
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("text", "wrong", "offset"),
    [
        ('error.message.matches("a(")', "invalid regular expression: missing ): a(", 23),
        ("error.message.matches(error.code)", "takes a pattern that stands here in quotes", 0),
    ],
)
def test_a_pattern_that_cannot_be_judged_beforehand_is_refused(text: str, wrong: str, offset: int) -> None:
    with pytest.raises(BadText) as refused:
        Condition(text)
    assert wrong in str(refused.value)
    assert refused.value.offset == offset


def test_a_condition_tells_what_it_rests_on() -> None:
    text = 'post.platforms.exists(p, p == "x") && (error.retryable || post.labels.stage == "late")'
    assert Condition(text).reads == {"post.platforms", "error.retryable", "post.labels"}


def test_the_parts_of_an_expression_are_known() -> None:
    """The form in which the evaluator tells them is its own; a new one must not change it unseen."""
    compiled = Condition('post.labels.a == "b" && post.platforms.exists(p, p == "x")')._expression.serialize()
    both = parse(compiled)
    assert isinstance(both, Call)
    assert both.function == "_&&_"
    same, loop = both.args
    assert isinstance(same, Call)
    assert same == Call("_==_", (Field(Name("post.labels"), "a"), Const("b")), same.id)
    assert isinstance(loop, Loop)
    assert (loop.name, loop.over, loop.result) == ("p", Name("post.platforms"), Name(loop.kept))


def test_literals_are_known_by_their_kinds() -> None:
    text = "post.id == r'a\\d' && post.attempt > -3 && post.attempt < 9223372036854775807 && error.retryable == false"
    parts = [*conjunction(parse(Condition(text)._expression.serialize()))][::2]
    literals = [part.args[1] for part in parts if isinstance(part, Call)]
    assert literals == [Const("a\\d"), Const(-3), Const(2**63 - 1), Const(False)]
    assert isinstance(literals[3], Const)
    assert literals[3].literal is False
    others = parse(Hole("[1.5, 2u, b'a', null, {1: 2.5}]")._expression.serialize())
    half = (Const(None, (5, struct.pack("<d", number))) for number in (1.5, 2.5))
    plain = Const(None, (4, 2)), Const(None, (7, b"a")), Const(None, (1, 0))
    assert others == Make((next(half), *plain, Make((Const(1), next(half)), "map")))
    message = parse(Hole("google.protobuf.StringValue{value: post.id}")._expression.serialize())
    assert message == Make((Name("post.id"),), "map google.protobuf.StringValue value")


def test_the_limit_is_told_with_the_bound() -> None:
    with pytest.raises(BadText) as refused:
        Hole(nested(4))
    assert str(refused.value) == (
        f"could be 5e+08 steps of work; {MOST:.0e} are allowed: fewer loops within loops, or shorter patterns"
    )

"""The clauses of a condition: what its outermost `&&` joins, each judged by itself, so that "why not" has an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from tracker.domain.rules.rule import Predicate, Verdict
from tracker.rulebook.expressions import Condition
from tracker.toml.positions import BadText

_QUOTED = re.compile(
    r"""
    ( [rR][bB]?(?:\"{3}.*?\"{3} | '{3}.*?'{3} | "[^"\n]*" | '[^'\n]*')
    | \"{3}(?:\\.|.)*?\"{3} | '{3}(?:\\.|.)*?'{3} | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
    ) | //[^\n]*
    """,
    re.VERBOSE | re.DOTALL,
)
"""A literal text, or a comment: in both, a parenthesis is a character like any other."""


@dataclass(frozen=True, slots=True)
class Unmet:
    """The first clause that does not hold, as written, with what it said and the variables that it reads."""

    text: str
    verdict: Verdict
    values: Mapping[str, object]


def clauses(condition: Condition) -> tuple[str, ...]:
    """The operands of the outermost `&&` as written, without comments and the parentheses around them."""
    bounds = [-2, *condition.conjunctions, len(condition.text)]
    return tuple(_by_itself(condition.text[before + 2 : after]) for before, after in pairwise(bounds))


def first_unmet(when: Predicate, values: Mapping[str, object]) -> Unmet:
    """Why the condition does not hold: its first clause that is false, or else the first that has no value."""
    judged = [(clause, clause(values)) for clause in _compiled(when)]
    unmet = [(clause, verdict) for clause, verdict in judged if verdict.kind != "true"]
    clause, verdict = next(
        (one for one in unmet if one[1].kind == "false"), unmet[0] if unmet else (when, when(values))
    )
    return _told(clause, verdict, values)


def _compiled(when: Predicate) -> Sequence[Predicate]:
    """Each clause by itself; the whole condition where one of them cannot stand alone."""
    try:
        return [Condition(text) for text in clauses(when)] if isinstance(when, Condition) else [when]
    except BadText:
        return [when]


def _told(clause: Predicate, verdict: Verdict, values: Mapping[str, object]) -> Unmet:
    if not isinstance(clause, Condition):
        return Unmet("when", verdict, {})
    read = sorted(clause.reads)
    return Unmet(clause.text, verdict, {name: values[name] for name in read if name in values})


def _by_itself(operand: str) -> str:
    """Its text without comments, and without parentheses that enclose it or have their other half elsewhere."""
    text = _QUOTED.sub(lambda match: match[1] or "", operand).strip()
    while text:
        opened, closed = _without_other_half(text)
        if opened:
            text = text[1:].strip()
        elif closed:
            text = text[:-1].strip()
        elif text[0] == "(" and text[-1] == ")" and _without_other_half(text[1:-1]) == (0, 0):
            text = text[1:-1].strip()
        else:
            break
    return text


def _without_other_half(text: str) -> tuple[int, int]:
    """How many opening and closing parentheses have none that belongs to them."""
    depths = [0, *accumulate((sign == "(") - (sign == ")") for sign in _QUOTED.sub("", text))]
    return depths[-1] - min(depths), -min(depths)

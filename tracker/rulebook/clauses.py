"""The clauses of a condition: what its outermost `&&` joins, each judged by itself, so that "why not" has an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tracker.domain.rules.rule import Predicate, Verdict
from tracker.rulebook.expressions import Condition
from tracker.toml.positions import BadText

_TOKEN = re.compile(
    r"""
    [rR][bB]?(?:\"{3}.*?\"{3} | '{3}.*?'{3} | "[^"\n]*" | '[^'\n]*')
  | \"{3}(?:\\.|.)*?\"{3} | '{3}(?:\\.|.)*?'{3} | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
  | //[^\n]* | \w+ | && | \|\| | .
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Unmet:
    """The first clause that does not hold, as written, with what it said and the variables that it reads."""

    text: str
    verdict: Verdict
    values: Mapping[str, object]


def clauses(text: str) -> tuple[str, ...]:
    """The operands of the outermost `&&`, without the parentheses around them; the whole where there is no such."""
    parts, depth = [""], 0
    for piece in _TOKEN.findall(text):
        depth += (piece in "([{") - (piece in ")]}") if len(piece) == 1 else 0
        if depth == 0 and piece in ("||", "?"):
            return (text.strip(),)
        if depth == 0 and piece == "&&":
            parts.append("")
        elif not piece.startswith("//"):
            parts[-1] += piece
    if len(parts) > 1:
        return tuple(clause for part in parts for clause in clauses(part))
    inner = _inside_parentheses(text.strip())
    return clauses(inner) if inner else (text.strip(),)


def first_unmet(when: Predicate, values: Mapping[str, object]) -> Unmet:
    """Why the condition does not hold: its first clause that is false, or else the first that has no value."""
    judged = [(clause, clause(values)) for clause in _compiled(when)]
    unmet = [(clause, verdict) for clause, verdict in judged if verdict.kind != "true"]
    clause, verdict = next(
        (one for one in unmet if one[1].kind == "false"), unmet[0] if unmet else (when, when(values))
    )
    return _told(clause, verdict, values)


def _compiled(when: Predicate) -> Iterator[Predicate]:
    """Each clause by itself; the whole condition where one of them cannot stand alone."""
    if not isinstance(when, Condition):
        yield when
        return
    try:
        parts = [Condition(text) for text in clauses(when.text)]
    except BadText:
        parts = [when]
    yield from parts


def _told(clause: Predicate, verdict: Verdict, values: Mapping[str, object]) -> Unmet:
    if not isinstance(clause, Condition):
        return Unmet("when", verdict, {})
    read = sorted(clause.reads)
    return Unmet(clause.text, verdict, {name: values[name] for name in read if name in values})


def _inside_parentheses(text: str) -> str:
    """What stands between the first and the last character, where these are parentheses that belong together."""
    if not (text.startswith("(") and text.endswith(")")):
        return ""
    depth, left = 0, len(text)
    for piece in _TOKEN.findall(text):
        left -= len(piece)
        depth += (piece == "(") - (piece == ")")
        if depth == 0 and left:
            return ""
    return text[1:-1]

"""What a rule reacts to and to whom it applies, read from its table."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from tracker.domain.rule import Match
from tracker.domain.trigger import Expect, On, While
from tracker.domain.words import Crossing, Named, Word, is_glob, parse_state, parse_word
from tracker.errors import did_you_mean
from tracker.rulebook.grammar import MATCH_KEYS, TIMES, meant_platform

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table

Trigger = On | While | Expect


def read_trigger(table: Table) -> Trigger | None:
    """The one trigger of a rule, or None with the reason noted."""
    shapes = [key for key in ("while", "expect") if key in table]
    _strays(table, shapes)
    if len(shapes) > 1 or (shapes == ["while"] and "on" in table):
        table.fault(shapes[-1], "a rule has one trigger: on, while … for, or expect … within")
        return None
    if shapes == ["while"]:
        return _while(table)
    if shapes == ["expect"]:
        return _expect(table)
    if "on" not in table:
        if "every" not in table:
            table.fault("", "has no trigger: on, while … for, or expect … within")
        return None
    words = table.several("on", parse_word)
    return On(words) if words else None


def _strays(table: Table, shapes: list[str]) -> None:
    for key, shape in (("for", "while"), ("within", "expect"), ("of", "expect")):
        if key in table and shape not in shapes:
            table.fault(key, f'goes with "{shape}", which this rule does not have')


def _while(table: Table) -> While | None:
    if "for" not in table:
        table.fault("while", 'needs a "for": how long the state must have held')
    watched, lasting = table.table("while"), table.span("for")
    if watched is None:
        return None
    watched.only(("state",), "while")
    if "state" not in watched:
        table.fault("while", 'needs a state: while = { state = "publishing" }')
        return None
    states = watched.several("state", parse_state)
    return While(frozenset(states), lasting) if states and lasting else None


def _expect(table: Table) -> Expect | None:
    if "within" not in table:
        table.fault("expect", 'needs a "within": how long to wait')
    if ("of" in table) == ("on" in table):
        table.fault("expect", 'needs either "of" (a time of the post) or "on" (an event) from which to count')
    words, within = table.several("expect", _expected), table.span("within")
    of, on = table.parsed("of", _time), table.several("on", parse_word)
    return Expect(words, within, of, on) if words and within and (of or on) else None


def _expected(text: str) -> Word:
    word = parse_word(text)
    if isinstance(word, Crossing) or (isinstance(word, Named) and word.is_glob):
        raise ValueError(f'"{text}": what is expected is one state or event, such as "post.publishing"')
    return word


def _time(text: str) -> str:
    if text not in TIMES:
        raise ValueError(f'"{text}" is none of {", ".join(TIMES)}{did_you_mean(text, TIMES)}')
    return TIMES[text]


def read_match(table: Table, providers: Collection[str] | None) -> tuple[Match, ...]:
    """The `match` of a rule; `providers` are the names to check against, None where they are not known."""
    match = table.table("match")
    if match is None:
        return ()
    match.only(MATCH_KEYS, "match")

    def provider(text: str) -> str:
        if providers is None or text in providers or is_glob(text):
            return text
        raise ValueError(f'there is no provider "{text}"{did_you_mean(text, providers)}')

    checks: dict[str, Callable[[str], str]] = {
        "platform": _platform,
        "account": str,
        "provider": provider,
        "state": _state,
    }
    found = [Match(key, match.several(key, checks[key])) for key in MATCH_KEYS if key in match]
    return tuple(one for one in found if one.words)


def _platform(text: str) -> str:
    meant = None if is_glob(text) else meant_platform(text)
    if meant:
        raise ValueError(f'"{text}" is no platform (did you mean "{meant}"?)')
    return text


def _state(text: str) -> str:
    return text if is_glob(text) else str(parse_state(text))

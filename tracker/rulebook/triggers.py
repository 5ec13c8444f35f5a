"""What a rule reacts to, read from its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.domain.calendar import parse_calendar
from tracker.domain.rules.event_pattern import EventName, EventPattern, Transition, parse_event_pattern, parse_state
from tracker.domain.rules.trigger import Every, Expect, On, Trigger, While
from tracker.errors import did_you_mean
from tracker.rulebook.grammar import EMPTY, GATHERED, GOES_WITH, SINCE, TIMES, TRIGGERS, WATCHED

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table

OURS = frozenset({"post.labelled"})
"""Events that tell only what rules did; those of actions no word can name."""

SHAPES = "on, while … for, expect … within, or every"


def read_trigger(table: Table) -> Trigger | None:
    """The one trigger of a rule, or None with the reason noted."""
    shapes = [key for key in TRIGGERS if key in table]
    for key, other in GOES_WITH.items():
        if key in table and other not in table:
            table.fault(key, f'goes with "{other}", which this rule does not have')
    if not shapes:
        table.fault("", f"has no trigger: {SHAPES}")
        return None
    if len(shapes) > 1 and shapes != ["expect", "on"]:
        table.fault(shapes[0], f"a rule has one trigger: {SHAPES}")
        return None
    return {"on": _on, "while": _while, "expect": _expect, "every": _every}[shapes[0]](table)


def read_word(text: str) -> EventPattern:
    """An event, a transition or a glob that is any rule's business. Raises ValueError."""
    if text.strip() in OURS:
        raise ValueError(f'"{text}": what rules did is no event for other rules')
    return parse_event_pattern(text)


def _on(table: Table) -> On | None:
    words = table.several("on", read_word)
    return On(words) if words else None


def _while(table: Table) -> While | None:
    if "for" not in table:
        table.fault("while", 'needs a "for": how long the state must have held')
    watched, lasting = table.table("while"), table.span("for")
    if watched is None:
        return None
    watched.only(WATCHED, "while")
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
    of, on = table.parsed("of", _time), table.several("on", read_word)
    if set(words) & set(on):
        table.fault("expect", 'has happened before anybody waits for it: the same word stands in "on"')
    return Expect(words, within, of, on) if words and within and (of or on) else None


def _expected(text: str) -> EventPattern:
    word = read_word(text)
    if isinstance(word, Transition) or (isinstance(word, EventName) and word.is_glob):
        raise ValueError(f'"{text}": what is expected is one state or event, such as "post.publishing"')
    return word


def _time(text: str) -> str:
    if text not in TIMES:
        raise ValueError(f'"{text}" is none of {", ".join(TIMES)}{did_you_mean(text, TIMES)}')
    return TIMES[text]


def _every(table: Table) -> Every | None:
    calendar, over = table.parsed("every", parse_calendar), table.table("over")
    skips = table.choice("empty", EMPTY, "send") == "skip"
    words: tuple[EventPattern, ...] = ()
    if over:
        over.only(GATHERED, "over")
        over.choice("since", SINCE, SINCE[0])
        words = over.several("events", read_word)
        if "events" not in over:
            table.fault("over", 'needs "events": over = { events = ["post.published"], since = "last-run" }')
    return Every(calendar, words, skips) if calendar else None

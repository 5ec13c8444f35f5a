"""What a rule reacts to, and whom it is about, read from its table."""

from __future__ import annotations

from collections.abc import Callable, Collection

from tracker.domain.calendar import parse_calendar
from tracker.domain.posts.description import NAME, NAMES
from tracker.domain.rules.event_pattern import (
    ACTION_DEAD,
    EventName,
    EventPattern,
    Transition,
    is_glob,
    parse_event_pattern,
    parse_state,
)
from tracker.domain.rules.grouping import ATTRIBUTES, ByAttribute, GroupBy, Per
from tracker.domain.rules.rule import Every, Expect, Match, On, Trigger, While
from tracker.errors import did_you_mean
from tracker.rulebook.context import named
from tracker.rulebook.grammar import (
    EMPTY,
    GATHERED,
    GOES_WITH,
    MATCH,
    SINCE,
    TIMES,
    TRIGGERS,
    WAITED_SINCE,
    WATCHED,
    meant_platform,
)
from tracker.rulebook.reading import Table


def read_match(table: Table, providers: Collection[str] | None) -> tuple[Match, ...]:
    """The `match` of a rule; `providers` are the names to check against, None where they are not known."""
    match = table.table("match")
    if match is None:
        return ()
    if isinstance(match.values.get("attributes"), dict):
        match.fault_at_key("attributes", 'stands in quotes, as in match = { "attributes.campaign" = "spring-*" }')
        return ()
    attributes = [key for key in match.values if key.startswith(ATTRIBUTES)]
    for key in attributes:
        if not NAME.fullmatch(key.removeprefix(ATTRIBUTES)):
            match.fault_at_key(key, f"is no name of an attribute: write {NAMES}")
    Table({key: one for key, one in match.values.items() if key not in attributes}, match.path, match.faults).only(
        MATCH, "match"
    )
    check = named("provider", providers)
    checks: dict[str, Callable[[str], str]] = {
        "platform": _platform,
        "account": str,
        "provider": lambda text: text if is_glob(text) else check(text),
        "state": lambda text: text if is_glob(text) else str(parse_state(text)),
    }
    found = [Match(key, match.several(key, checks.get(key, str))) for key in (*checks, *attributes) if key in match]
    return tuple(one for one in found if one.words)


def read_per(text: str) -> Per:
    """What a rule counts as one. Raises ValueError."""
    if text in tuple(GroupBy):
        return GroupBy(text)
    if text.startswith(ATTRIBUTES) and NAME.fullmatch(text.removeprefix(ATTRIBUTES)):
        return ByAttribute(text)
    known = ", ".join(f'"{one}"' for one in GroupBy)
    near = did_you_mean(text, tuple(GroupBy)) or ' (an attribute is written as in "attributes.campaign")'
    raise ValueError(f'"{text}" is none of {known}{near}')


def sharing(per: Per) -> tuple[Match, ...]:
    """What a post must be so that the rule can count it as one of several: without the attribute it is of none."""
    return (Match(str(per), ("*",)),) if isinstance(per, ByAttribute) else ()


def _platform(text: str) -> str:
    if text.startswith("!"):
        other = text.removeprefix("!")
        raise ValueError(f'"{text}": match has no "not" (write when = \'!("{other}" in post.platforms)\')')
    meant = None if is_glob(text) else meant_platform(text)
    if meant:
        raise ValueError(f'"{text}" is no platform (did you mean "{meant}"?)')
    return text


OURS = frozenset({"post.labelled"})
"""Events that tell only what rules did; those of actions no word can name."""

SHAPES = "on, while … for, expect … within, or every"


def read_trigger(table: Table) -> Trigger | None:
    """The one trigger of a rule, or None with the reason noted."""
    shapes = [key for key in TRIGGERS if key in table]
    for key, other in GOES_WITH.items():
        if key in table and other not in table:
            table.fault(key, f'goes with "{other}", which this rule does not have')
    if not shapes and not table.meant(*TRIGGERS, "trigger", "event", "events", "schedule", "cron"):
        table.fault("", f"has no trigger: {SHAPES}")
    if not shapes:
        return None
    if len(shapes) > 1 and shapes != ["expect", "on"]:
        table.fault(shapes[0], f"a rule has one trigger: {SHAPES}")
        return None
    return {"on": _on, "while": _while, "expect": _expect, "every": _every}[shapes[0]](table)


def read_word(text: str) -> EventPattern:
    """An event, a transition or a glob that is any rule's business. Raises ValueError."""
    if text.strip() == ACTION_DEAD:
        raise ValueError(f'"{ACTION_DEAD}" stands under "on" alone, as what sets a rule going')
    return _starting(text)


def _starting(text: str) -> EventPattern:
    if text.strip() in OURS:
        raise ValueError(f'"{text}": what rules did is no event for other rules')
    if text.strip() == "*":
        raise ValueError('"*" is every event: say of what, as in "post.*", or "* -> *" for every change of state')
    return parse_event_pattern(text)


def _on(table: Table) -> On | None:
    words = table.several("on", _starting)
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
    entered = "since" in table and table.choice("since", WAITED_SINCE, WAITED_SINCE[0]) == "entered"
    return While(frozenset(states), lasting, entered) if states and lasting else None


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

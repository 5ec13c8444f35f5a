"""What a rule reacts to, and whom it is about, read from its table."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.domain.accounts import AccountState
from tracker.domain.calendar import parse_zone
from tracker.domain.cron import Schedule, parse_schedule
from tracker.domain.posts.description import NAME, NAMES
from tracker.domain.posts.target import WITHDRAWN
from tracker.domain.rules.event_pattern import (
    ACTION_DEAD,
    EventName,
    EventPattern,
    Transition,
    is_glob,
    parse_event_pattern,
    parse_state,
)
from tracker.domain.rules.grouping import ATTRIBUTES, OWN, ByAttribute, GroupBy, Per
from tracker.domain.rules.rule import NOT_BEGUN, Every, Expect, Match, On, Standing, Trigger, While
from tracker.errors import did_you_mean
from tracker.rulebook.context import named
from tracker.rulebook.grammar import (
    BROKEN,
    EMPTY,
    GATHERED,
    GOES_WITH,
    MATCH,
    OVER_GOES_WITH,
    SINCE,
    TIMES,
    TRIGGERS,
    WAITED_SINCE,
    WATCHED,
    meant_platform,
)
from tracker.rulebook.reading import Table

if TYPE_CHECKING:
    from tracker.domain.posts.event import State


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


PUBLISHED = "post.published"
OURS = frozenset({"post.labelled"})
"""Events that tell only what rules did; those of actions no word can name."""

CRON_FIELDS = 5
SHAPES = "on, while … for, before … of … while, expect … within, or every"
PAIRS = (["expect", "on"], ["before", "while"])


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
    if "of" in table and not {"expect", "before"} & set(shapes):
        table.fault("of", 'goes with "expect" or "before", of which this rule has none')
    if len(shapes) > 1 and shapes not in PAIRS:
        table.fault(shapes[0], f"a rule has one trigger: {SHAPES}")
        return None
    return {"on": _on, "before": _before, "while": _while, "expect": _expect, "every": _every}[shapes[0]](table)


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
    states, accounts, lasting = _states(table), _accounts(table), table.span("for")
    entered = "since" in table and table.choice("since", WAITED_SINCE, WAITED_SINCE[0]) == "entered"
    found = While(frozenset(states), lasting, entered, frozenset(accounts)) if lasting else None
    return found if states or accounts else None


def _states(table: Table) -> tuple[State, ...]:
    watched = table.table("while")
    if watched is None:
        return ()
    watched.only(WATCHED, "while")
    if "state" not in watched and ("account" not in watched or "before" in table):
        table.fault("while", 'needs a state: while = { state = "publishing" }')
    return watched.several("state", _of_posts)


def _of_posts(text: str) -> State:
    if text in BROKEN:
        raise ValueError(f'"{text}" is not a state of a post: of an account, write while = {{ account = "{text}" }}')
    return parse_state(text)


def _accounts(table: Table) -> tuple[AccountState, ...]:
    """The states of an account that are watched, which a rule may do that counts by accounts."""
    watched = table.table("while")
    if watched is None or "account" not in watched:
        return ()
    if "state" in watched:
        watched.fault("state", 'does not go with "account": one is how a post stands, the other how an account does')
    elif table.values.get("per") != GroupBy.ACCOUNT:
        watched.fault("account", 'goes with per = "account"')
    return watched.several("account", _broken)


def _broken(text: str) -> AccountState:
    if text not in BROKEN:
        raise ValueError(f'"{text}" is none of {", ".join(BROKEN)}{did_you_mean(text, BROKEN)}')
    return AccountState(text)


def _before(table: Table) -> Expect | None:
    lead, states, of = table.span("before"), _states(table), table.parsed("of", _time)
    for key, what in (("of", '"post.scheduled_at"'), ("while", '{ state = "awaiting_approval" }')):
        if key not in table:
            table.fault("before", f'needs "{key}": {key} = {what}')
    for key in ("for", "since"):
        if key in table:
            table.fault(key, 'does not go with "before", which looks at one moment')
    if of and of != "scheduled_at":
        table.fault("of", f'nobody knows "post.{of}" before it has come: write "post.scheduled_at"')
    if over := sorted(WITHDRAWN & set(states)):
        table.fault("while", f'nothing is to come of a post that is "{over[0]}"')
    return Expect((), -lead, of, states=frozenset(states)) if lead and states and of else None


def _expect(table: Table) -> Expect | None:
    if "within" not in table:
        table.fault("expect", 'needs a "within": how long to wait')
    per = table.values.get("per")
    is_shared = isinstance(per, str) and per not in OWN and (per in tuple(GroupBy) or per.startswith(ATTRIBUTES))
    if is_shared:
        _check_silence(table)
    elif ("of" in table) == ("on" in table):
        table.fault("expect", 'needs either "of" (a time of the post) or "on" (an event) from which to count')
    words, within = table.several("expect", _expected), table.span("within")
    of, on = table.parsed("of", _time), table.several("on", read_word)
    if not is_shared and set(words) & set(on):
        table.fault("expect", 'has happened before anybody waits for it: the same word stands in "on"')
    return Expect(words, within, of, on) if words and within and (of or on or is_shared) else None


def _check_silence(table: Table) -> None:
    """What many posts share can be expected to publish again, each time that it has."""
    per = table.values["per"]
    for key in ("of", "on"):
        if key in table:
            table.fault(key, f'does not go with per = "{per}": it waits for the next, each time that one is published')
    if table.values["expect"] not in (PUBLISHED, [PUBLISHED]):
        table.fault("expect", f'of what is counted per {per} it can only be "{PUBLISHED}": that the next one is')


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
    schedule, over = table.parsed("every", _schedule), table.table("over")
    skips = table.choice("empty", EMPTY, "send") == "skip"
    words: tuple[EventPattern, ...] = ()
    standing: Standing | None = None
    if over:
        over.only(GATHERED, "over")
        over.choice("since", SINCE, SINCE[0])
        words = over.several("events", read_word)
        standing = _standing(over) if "events" not in over else None
        if not {"events", "state", "due"} & over.values.keys():
            table.fault(
                "over",
                'needs "events", "state" or "due": over = { events = ["post.published"], since = "last-run" }, or'
                ' over = { state = "failed", older = "1d" }',
            )
        for key, other in OVER_GOES_WITH.items():
            if key in over and other not in over:
                over.fault(key, f'goes with "{other}", which this "over" does not have')
        for key in ("state", "due") if "events" in over else ():
            if key in over:
                over.fault(key, 'does not go with "events": one gathers what happens, the other lists how posts stand')
    return Every(schedule, words, skips, standing) if schedule else None


def _standing(over: Table) -> Standing | None:
    states, older, due = over.several("state", parse_state), over.span("older"), over.span("due")
    if due and (begun := [state for state in states if state not in NOT_BEGUN]):
        known = ", ".join(f'"{state}"' for state in sorted(NOT_BEGUN))
        over.fault("state", f'"{begun[0]}" does not go with "due": what is still to come is one of {known}')
    listed = frozenset(states) or (NOT_BEGUN if due else frozenset())
    return Standing(listed, older or timedelta(0), due) if listed else None


def _schedule(text: str) -> Schedule:
    """A cron line with its zone, or what people say instead. Raises ValueError."""
    match text.split():
        case [*line, zone] if text.lstrip().startswith("@") or len(line) >= CRON_FIELDS - 1:
            if zone.startswith("@") or len(line) == CRON_FIELDS - 1:
                raise ValueError(f'"{text}": a cron line has its zone behind it, as in "0 9 * * 1-5 Europe/Istanbul"')
            from tracker.settings.jobs import parse_cron  # noqa: PLC0415  (takes a while)

            return parse_cron(" ".join(line), parse_zone(zone))
    return parse_schedule(text)

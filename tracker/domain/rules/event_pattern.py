"""The words that name what a rule reacts to: a state entered, a transition, or an event by its name."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase

from msgspec import Struct

from tracker.domain.posts.change import Change, Move
from tracker.domain.posts.event import State
from tracker.errors import did_you_mean

OURS = frozenset({"action", "rule"})
"""The sources of facts about what rules did. What they change counts; their names are no rule's business."""

ACTION_DEAD = "action.dead"
"""What a rule asked for has come to its end without success; only `on` names it, and it is never a glob's."""

ACTION_DONE = "action.done"
"""What a run asked for has been done, of which it alone hears; no word of a rule names it."""

ACKNOWLEDGED = "run.acknowledged"
"""Somebody has seen to what a run's alert told; a step that waits for it hears of its own run's alerts alone."""

_STATES = {state.value: state for state in State}
_NEARLY_A_STATE = 0.7
"""`post.publish` is a slip for a state; `post.updated`, which is no state, is an event of its own."""


class StateEntered(Struct, frozen=True):
    """`post.failed`: the state is entered, whatever the provider called its event, or said again by its event."""

    state: State

    def admits(self, move: Move) -> bool:
        return move.after is self.state

    def __str__(self) -> str:
        return f"post.{self.state}"


class Transition(Struct, frozen=True):
    """`publishing -> failed`: a transition, which is a change; None stands for `*`."""

    before: State | None
    after: State | None

    def admits(self, move: Move) -> bool:
        if move.again:
            return False
        return (self.before is None or move.before is self.before) and (self.after is None or move.after is self.after)

    def __str__(self) -> str:
        return f"{self.before or '*'} -> {self.after or '*'}"


class EventName(Struct, frozen=True):
    """`account.disconnected` or a glob such as `post.*`: an event's name; a glob takes states too."""

    pattern: str

    @property
    def is_glob(self) -> bool:
        return is_glob(self.pattern)

    def admits(self, move: Move) -> bool:
        return self.is_glob and fnmatchcase(f"post.{move.after}", self.pattern)

    def names(self, event: str) -> bool:
        return fnmatchcase(event, self.pattern) if self.is_glob else event == self.pattern

    def __str__(self) -> str:
        return self.pattern


EventPattern = StateEntered | Transition | EventName


def parse_event_pattern(text: str) -> EventPattern:
    """What `text` reacts to. Raises ValueError naming the nearest right word."""
    text = text.strip()
    if "->" in text:
        before, _, after = text.partition("->")
        return Transition(_side(before), _side(after))
    noun, dot, name = text.partition(".")
    if not (noun and dot and name) or " " in text:
        hint = did_you_mean(f"post.{text}", state_patterns())
        raise ValueError(
            f'"{text}" is neither an event ("post.failed") nor a transition ("publishing -> failed"){hint}'
        )
    if noun == "action" and text != ACTION_DEAD:
        raise ValueError(
            f'"{text}": a rule cannot react to its own actions; "exhausted" names what follows a retry, and'
            f' on = "{ACTION_DEAD}" what other rules asked for in vain'
        )
    if noun == "post" and name in _STATES:
        return StateEntered(_STATES[name])
    if noun == "post" and not is_glob(name) and (near := get_close_matches(name, _STATES, 1, _NEARLY_A_STATE)):
        raise ValueError(f'"{text}" is not a state (did you mean "post.{near[0]}"?)')
    return EventName(text)


def parse_state(text: str) -> State:
    """The state of that name. Raises ValueError naming the nearest one."""
    if text not in _STATES:
        raise ValueError(f'"{text}" is not a state{did_you_mean(text, _STATES)}')
    return _STATES[text]


def state_patterns() -> list[str]:
    """Every `post.<state>`."""
    return [f"post.{state}" for state in State]


def entered(words: Iterable[EventPattern]) -> frozenset[State]:
    """The states in which a post can be after one of `words` has happened; empty where they do not say."""
    states = {word.state if isinstance(word, StateEntered) else getattr(word, "after", None) for word in words}
    return frozenset(state for state in states if state is not None)


def are_of_accounts(words: Collection[EventPattern]) -> bool:
    """Whether there are words, and all of them name what happens to accounts, as in `account.expired`."""
    return bool(words) and all(isinstance(one, EventName) and one.pattern.startswith("account.") for one in words)


def happened(words: Iterable[EventPattern], change: Change, moves: Iterable[Move]) -> list[Move | None]:
    """The moves that one of `words` admits, or [None] where only the change as a whole is named."""
    words = tuple(words)
    admitted: list[Move | None] = [move for move in moves if any(word.admits(move) for word in words)]
    if admitted:
        return admitted
    return [None] if any(isinstance(word, EventName) and _is_named(word, change) for word in words) else []


def is_action_dead(change: Change) -> bool:
    """Whether the change tells that an action has come to its end without success."""
    return change.source == "action" and change.event == ACTION_DEAD


def _is_named(word: EventName, change: Change) -> bool:
    if word.pattern == ACTION_DEAD:
        return is_action_dead(change)
    return change.source not in OURS and word.names(change.event)


def is_glob(text: str) -> bool:
    """Whether the text holds a wildcard."""
    return any(sign in text for sign in "*?[")


def _side(text: str) -> State | None:
    text = text.strip()
    return None if text == "*" else parse_state(text.removeprefix("post."))

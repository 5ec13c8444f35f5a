"""What the parts of a rule must not say together, and the ways through its steps that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from tracker.domain.posts.event import State
from tracker.domain.posts.target import FALLEN_SHORT
from tracker.domain.rules.descriptions import verb_of
from tracker.domain.rules.event_pattern import (
    ACKNOWLEDGED,
    EventName,
    EventPattern,
    StateEntered,
    Transition,
    are_of_accounts,
    entered,
)
from tracker.domain.rules.grouping import OWN, GroupBy
from tracker.domain.rules.rule import Every, Expect, Mode, On, Rule, While
from tracker.domain.rules.step import AlertStep, RetryStep, SendStep, Step, WaitStep, WhenStep
from tracker.errors import did_you_mean
from tracker.rulebook.context import way_back

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table

AFTERWARDS = ("exhausted", "resolved")


def check_branches(rule: Rule, table: Table) -> None:
    """Note with the table which branches are missing, never reached, or without end."""
    missing = _missing(rule, table)
    for name in AFTERWARDS:
        if any(isinstance(step, RetryStep) for step in rule.branches.get(name, ())):
            what = "retrying is over" if name == "exhausted" else "what it is about is over"
            table.fault(name, f"cannot retry: it is what happens when {what}")
            return
    if missing:
        return
    reached = _reached(rule)
    if "exhausted" in rule.branches and "exhausted" not in reached:
        table.fault("exhausted", 'is never reached: "do" has no retry that could be used up')
    branches = table.table("branch")
    for name in branches.values if branches else ():
        if branches and name not in reached:
            branches.fault_at_key(name, 'is never reached: no step has it as its "else"')
    circle = next((way for name in reached if (way := way_back(name, partial(_ways, rule)))), ())
    if circle:
        led_to = next(name for name in circle if name not in AFTERWARDS)
        _at_else(table, led_to, f"never comes to an end: {' -> '.join(circle)}")


def _missing(rule: Rule, table: Table) -> bool:
    """Whether a step leads to a branch that is not there."""
    missing = sorted({*_elsewhere(rule.all_steps)} - rule.branches.keys())
    for name in missing:
        if "." not in name:  # that of a workflow is noted where the workflow stands
            _at_else(table, name, f'there is no branch "{name}"{did_you_mean(name, rule.branches)}')
    return bool(missing)


def _at_else(table: Table, branch: str, message: str) -> None:
    """At the step that leads to the branch; at the step that runs a workflow where it is one of that."""
    workflow = branch.rpartition(".")[0]
    key = "run" if workflow else "else"
    step = next((step for step in _steps(table) if step.values.get(key) == (workflow or branch)), None)
    if step:
        step.fault(key, message)
    else:
        table.fault("do", message)


def _steps(table: Table) -> Iterator[Table]:
    """The steps that stand in the rule itself."""
    branches = table.table("branch")
    sequences = [(table, name) for name in ("do", *AFTERWARDS)]
    sequences += [(branches, name) for name in branches.values] if branches else []
    for owner, name in sequences:
        yield from owner.tables(name)


def _elsewhere(steps: Iterable[Step]) -> Iterator[str]:
    """The branches that steps name under `else`."""
    return (step.otherwise for step in steps if isinstance(step, SendStep | WaitStep | WhenStep) and step.otherwise)


def _ways(rule: Rule, branch: str) -> list[str]:
    """The branches to which the steps of one lead."""
    steps = rule.steps(branch)
    exhausts = "exhausted" in rule.branches and any(isinstance(step, RetryStep) for step in steps)
    return [*_elsewhere(steps), *(["exhausted"] if exhausts else [])]


def _reached(rule: Rule) -> list[str]:
    reached = ["do", *(["resolved"] if "resolved" in rule.branches else [])]
    for branch in reached:
        reached += [name for name in dict.fromkeys(_ways(rule, branch)) if name not in reached]
    return reached


ABOUT_A_POST = {
    "retry": "a retry", "reconcile": "reconciling", "set": "a label", "cancel": "cancelling",
    "reschedule": "another time", "delete": "deleting", "create": "creating another one",
}  # fmt: skip
ENDING = {"resolves": "an alert that resolves", "repeat": "an alert that is repeated", "resolved": '"resolved"'}
SHARED_ENDS = (
    ': what posts share is out of trouble when the next is published (on = "post.failed"), and an account also when it'
    ' is connected again (on = "account.expired")'
)
NOT_BY_THE_CLOCK = {
    "count": "the clock comes once at a time",
    "throttle": "the clock comes once at a time",
    "once": "the clock says how often",
    "cancel_on": "its runs are about no post",
    "mutes": "it is about no post for which others could be mute",
    "resolved": "a time of the clock is never over",
}
NEVER_DEBOUNCED = {
    "mode": "what comes while it waits is taken in, and what comes later begins anew",
    "once": "what comes after the first would be left out",
    "count": "what is only counted would not be waited for",
    "throttle": "each thing begins by itself, when no more of it comes",
}
NEVER_THROTTLED = Mode.QUEUED
"""A run of that mode begins when the one before has ended, and not at a time that is known before."""

STEPS_ABOUT_A_POST = (*ABOUT_A_POST, "wait", "pause", "resume")
ACKNOWLEDGEMENT = (EventName(ACKNOWLEDGED),)
"""What a run hears of whatever it is about."""


def check(rule: Rule, table: Table) -> None:
    """Note with the table what does not go together."""
    check_branches(rule, table)
    if isinstance(rule.trigger, Every):
        _check_clock(rule, table)
    else:
        _check_per(rule, table)
        _check_ends(rule, table)
    _check_turns(rule, table)
    _check_words(rule, table)


def fault_at_step(table: Table, key: str, message: str) -> None:
    """Where the key stands first, in the rule or one of its steps, or at `do` where it comes from a workflow."""
    saying = next((part for part in (table, *_steps(table)) if key in part), None)
    if saying:
        saying.fault(key, message)
    else:
        table.fault("do", f"{key}: {message}")


def _uses(rule: Rule, table: Table, key: str) -> bool:
    if key == "retry":
        return rule.retries
    if key in ("resolves", "repeat"):
        return any(isinstance(step, AlertStep) and getattr(step, key) for step in rule.all_steps)
    if key == "resolved":
        return "resolved" in rule.branches
    if key == "wait":
        return any(isinstance(step, WaitStep) and step.words != ACKNOWLEDGEMENT for step in rule.all_steps)
    return key in map(verb_of, rule.all_steps)


def _check_clock(rule: Rule, table: Table) -> None:
    for key, why in NOT_BY_THE_CLOCK.items():
        if key in table:
            table.fault(key, f'does not go with "every": {why}')
    for key in STEPS_ABOUT_A_POST:
        if _uses(rule, table, key):
            fault_at_step(table, key, 'does not go with "every": its runs are about no post')
    for key in ("resolves", "repeat"):
        if _uses(rule, table, key):
            fault_at_step(table, key, 'does not go with "every": a time of the clock is never over')
    if not getattr(rule.trigger, "gathers", True):
        for key in ("match", "when", "per"):
            if key in table:
                table.fault(key, 'goes with "over" here: without it a rule by the clock looks at no post')
    match = table.table("match")
    if match and "state" in match:
        match.fault("state", 'does not go with "every": name the state in "over"')


def _check_per(rule: Rule, table: Table) -> None:
    if rule.per in OWN:
        return
    of_account = isinstance(rule.trigger, While) and bool(rule.trigger.accounts)
    if not (isinstance(rule.trigger, On) or rule.is_silence or of_account):
        what = "before" if "before" in table else "while"
        instead = ': write while = { account = ["expired", "disconnected"] }' if what == "while" else ""
        table.fault("per", f'"{what}" waits for a post or a target, not for a whole {rule.per}{instead}')
    for key, what in ABOUT_A_POST.items():
        if _uses(rule, table, key):
            table.fault("per", f"{what} concerns a post or a target, not a whole {rule.per}")
    for key in ("resolves", "resolved"):
        if _uses(rule, table, key) and isinstance(rule.trigger, On) and not _is_over_for_all(rule):
            table.fault("per", f"{ENDING[key]} concerns a post or a target, not a whole {rule.per}{SHARED_ENDS}")


def _is_over_for_all(rule: Rule) -> bool:
    """Whether it is about trouble that is over for all that share it: by the next publication, or a new connection."""
    words = rule.starting_words
    if are_of_accounts(words):
        return rule.per is GroupBy.ACCOUNT
    return all(entered([word]) and entered([word]) <= FALLEN_SHORT for word in words)


def _check_ends(rule: Rule, table: Table) -> None:
    """What speaks of an end needs something that can end."""
    if rule.count and not isinstance(rule.trigger, On):
        table.fault("count", 'goes with "on": what lasts or is missing happens once')
    if rule.count and rule.count.in_a_row and State.PUBLISHED in starting(rule):
        table.fault("count", '"post.published" begins a row anew, so it cannot be what is counted in one')
    if rule.count and (share := rule.count.share):
        if rule.per in OWN:
            why = f"a share is of many posts, and the rule counts by {rule.per}"
            table.fault("count", f'{why}: write per = "account", "platform", "provider" or an attribute')
        states = {state for state in State if reaches(share.of, state)}
        if states & starting(rule) or share.of in rule.starting_words:
            table.fault("count", f'"{share.of}" is what is counted itself: name what it is a share of')
    if not isinstance(rule.trigger, On):
        return
    can_be_left = bool(entered(rule.trigger.words))
    for key, what in ENDING.items():
        ends = can_be_left if rule.per in OWN else _is_over_for_all(rule)
        if _uses(rule, table, key) and not ends and not (key == "repeat" and rule.cancel_on):
            if key == "repeat":
                fault_at_step(table, key, f'{what} needs an end: a state that can be left, or "cancel_on"')
            elif not can_be_left and rule.per in OWN:
                table.fault("on", f'{what} needs a state that can be left, as "post.failed"')


def _check_turns(rule: Rule, table: Table) -> None:
    """What says when a run begins its steps is said once."""
    for key, why in NEVER_DEBOUNCED.items() if rule.debounce else ():
        if key in table:
            table.fault(key, f'does not go with "debounce": {why}')
    if rule.debounce and not isinstance(rule.trigger, On):
        table.fault("debounce", 'goes with "on" alone: what lasts or is missing happens once')
    if rule.throttle and rule.mode is NEVER_THROTTLED:
        table.fault("mode", '"queued" does not go with "throttle", which queues by itself: leave it out')


def _check_words(rule: Rule, table: Table) -> None:
    cancelling = set(rule.cancel_on)
    if isinstance(rule.trigger, On) and cancelling & set(rule.trigger.words):
        table.fault("cancel_on", 'would cancel what it starts: the same word stands in "on"')
    if cancelling & set(rule.waits_for):
        fault_at_step(table, "wait", 'is never heard: the same word stands in "cancel_on", which ends the run')


def starting(rule: Rule) -> frozenset[State]:
    """The states that set the rule going."""
    trigger = rule.trigger
    if isinstance(trigger, While):
        return trigger.states
    words = trigger.on if isinstance(trigger, Expect) else getattr(trigger, "words", ())
    return frozenset(state for word in words for state in State if reaches(word, state))


def reaches(word: EventPattern, state: State) -> bool:
    """Whether a post that enters the state makes the word true."""
    if isinstance(word, StateEntered):
        return word.state is state
    if isinstance(word, Transition):
        return word.after in (None, state)
    return word.is_glob and EventName(word.pattern).names(f"post.{state}")

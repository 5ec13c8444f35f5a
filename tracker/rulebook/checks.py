"""What the parts of a rule must not say together, and the ways through its steps that lead nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING

from tracker.domain.posts.event import State
from tracker.domain.rules.descriptions import verb_of
from tracker.domain.rules.event_pattern import (
    ACKNOWLEDGED,
    EventName,
    EventPattern,
    StateEntered,
    Transition,
    entered,
)
from tracker.domain.rules.grouping import GroupBy, is_of_whole_posts
from tracker.domain.rules.rule import Every, Expect, Mode, On, Rule, While
from tracker.domain.rules.step import AlertStep, RetryStep, SendStep, Step, WaitStep, WhenStep
from tracker.errors import did_you_mean
from tracker.rulebook.context import way_back
from tracker.rulebook.expressions import Condition

if TYPE_CHECKING:
    from tracker.rulebook.context import Known
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


OWN = (GroupBy.POST, GroupBy.TARGET)
"""What a rule must count as one where it acts on, or waits for, that one thing."""

ABOUT_A_POST = {
    "retry": "a retry", "reconcile": "reconciling", "set": "a label", "cancel": "cancelling",
    "reschedule": "another time", "delete": "deleting", "create": "creating another one",
}  # fmt: skip
ENDING = {"resolves": "an alert that resolves", "repeat": "an alert that is repeated", "resolved": '"resolved"'}
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


def check(rule: Rule, table: Table, known: Known) -> None:
    """Note with the table what does not go together, and warn of what is odd with these providers."""
    check_branches(rule, table)
    if isinstance(rule.trigger, Every):
        _check_clock(rule, table)
    else:
        _check_per(rule, table)
        _check_ends(rule, table)
    _check_turns(rule, table)
    _check_words(rule, table)
    _check_oddities(rule, table, known)


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
    if not isinstance(rule.trigger, On):
        what = "before" if "before" in table else "while" if isinstance(rule.trigger, While) else "expect"
        table.fault("per", f'"{what}" waits for a post or a target, not for a whole {rule.per}')
    for key, what in ABOUT_A_POST.items():
        if _uses(rule, table, key):
            table.fault("per", f"{what} concerns a post or a target, not a whole {rule.per}")
    for key in ("resolves", "resolved"):
        if _uses(rule, table, key):
            table.fault("per", f"{ENDING[key]} concerns a post or a target, not a whole {rule.per}")


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
        ends = can_be_left and rule.per in OWN
        if _uses(rule, table, key) and not ends and not (key == "repeat" and rule.cancel_on):
            if key == "repeat":
                fault_at_step(table, key, f'{what} needs an end: a state that can be left, or "cancel_on"')
            elif not can_be_left:
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


_MATCHED = {"platform": ("target.platform", "account.platform"), "account": ("target.account", "account.id")}


def _of_match(rule: Rule) -> Iterator[tuple[str, Callable[[str, Iterable[str]], bool], tuple[str, ...]]]:
    """What `match` asks of values that conditions can read; of an event about no account, a value may be empty."""
    for match in rule.match:
        for name in _MATCHED.get(match.field, ()) if not is_of_whole_posts(rule.per) else ():
            yield name, lambda value, words: any(fnmatchcase(value, word) for word in words), match.words


def _check_oddities(rule: Rule, table: Table, known: Known) -> None:
    """What a rule may say, and is better known before it does."""
    alerts = [step for step in rule.all_steps if isinstance(step, AlertStep)]
    own_quiet = rule.quiet and "quiet" not in table.inherited
    if own_quiet and not alerts:
        table.warn("quiet", "holds alerts, and this rule has none")
    elif own_quiet and all(step.severity == "critical" for step in alerts):
        table.warn("quiet", "holds nothing: all alerts of the rule are critical, which are told at any hour")
    waiting = any(getattr(step, "waits", isinstance(step, RetryStep | WaitStep)) for step in rule.all_steps)
    lasts = rule.resolves or waiting
    if rule.mutes and not lasts:
        table.warn("mutes", "mutes nothing: the rule's runs end at once")
    states = {word for match in rule.match if match.field == "state" and match.exact for word in match.words}
    entering = set(map(str, starting(rule)))
    names_only_states = isinstance(rule.trigger, While) or (
        isinstance(rule.trigger, On) and all(isinstance(word, StateEntered) for word in rule.trigger.words)
    )
    if states and names_only_states and not states & entering:
        table.warn("match", f"never holds: the state is then {' or '.join(sorted(entering))}")
    if isinstance(rule.when, Condition) and (why := rule.when.never_holds(_of_match(rule))):
        table.warn("when", f"never holds: {why}")
    if isinstance(rule.trigger, While) and rule.trigger.since_entered:
        table.warn(
            "since",
            "asks for the old ones too: whatever has been in that state for so long is told of as soon as the rule is"
            " in force",
        )

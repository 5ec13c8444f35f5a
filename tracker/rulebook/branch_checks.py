"""The ways through a rule's steps: branches that are missing, that nobody takes, or that lead back to themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.domain.rules.rule import Rule
from tracker.domain.rules.step import RetryStep, WaitStep
from tracker.errors import did_you_mean

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
    circle = next((way for name in reached if (way := _circle(rule, name))), ())
    if circle:
        led_to = next(name for name in circle if name not in AFTERWARDS)
        _at_else(table, led_to, f"never comes to an end: {' -> '.join(circle)}")


def _missing(rule: Rule, table: Table) -> bool:
    """Whether a step leads to a branch that is not there."""
    wanted = {step.otherwise for step in rule.all_steps if isinstance(step, WaitStep) and step.otherwise}
    missing = sorted(wanted - rule.branches.keys())
    for name in missing:
        if "." not in name:  # that of a workflow is noted where the workflow stands
            _at_else(table, name, f'there is no branch "{name}"{did_you_mean(name, rule.branches)}')
    return bool(missing)


def _at_else(table: Table, branch: str, message: str) -> None:
    """At the step that leads to the branch; at the step that runs a workflow where it is one of that."""
    branches = table.table("branch")
    sequences = [(table, name) for name in ("do", *AFTERWARDS)]
    sequences += [(branches, name) for name in branches.values] if branches else []
    workflow = branch.rpartition(".")[0]
    for owner, name in sequences:
        for step in owner.tables(name):
            key = "run" if workflow else "else"
            if step.values.get(key) == (workflow or branch):
                step.fault(key, message)
                return
    table.fault("do", message)


def _ways(rule: Rule, branch: str) -> list[str]:
    """The branches to which the steps of one lead."""
    steps = rule.steps(branch)
    ways = [step.otherwise for step in steps if isinstance(step, WaitStep) and step.otherwise]
    return ways + ["exhausted"] * ("exhausted" in rule.branches and any(isinstance(s, RetryStep) for s in steps))


def _reached(rule: Rule) -> list[str]:
    found = ["do", *(["resolved"] if "resolved" in rule.branches else [])]
    for branch in found:
        found += [name for name in dict.fromkeys(_ways(rule, branch)) if name not in found]
    return found


def _circle(rule: Rule, start: str) -> tuple[str, ...]:
    """The way from a branch back to itself; empty where there is none."""
    ways: list[tuple[str, ...]] = [(start, name) for name in _ways(rule, start)]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        if way[-1] == start:
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            ways += [(*way, name) for name in _ways(rule, way[-1])]
    return ()

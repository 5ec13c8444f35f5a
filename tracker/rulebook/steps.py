"""Sequences of steps, read from their tables; those of a workflow stand where it is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from tracker.domain.rules.step import PauseStep, ResumeStep, Step
from tracker.errors import did_you_mean
from tracker.rulebook.context import Context, named
from tracker.rulebook.grammar import MOST_STEPS, STEPS
from tracker.rulebook.verbs import READERS, article
from tracker.rulebook.workflows import MOST_IN_ALL

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table

RESERVED = ("do", "exhausted", "resolved")


def read_steps(table: Table, key: str, context: Context) -> tuple[Step, ...]:
    """The steps under `key`, those that are faulty left out with the reason noted."""
    tables = table.tables(key)
    if len(tables) > MOST_STEPS:
        table.fault(key, f"has {len(tables)} steps; {MOST_STEPS} are allowed")
        return ()
    return tuple(step for one in tables for step in _read(one, context))


def read_branches(table: Table, context: Context) -> dict[str, tuple[Step, ...]]:
    """The steps of each branch by its name, with the prefix of the workflow that it belongs to."""
    branches = table.table("branch")
    if branches is None:
        return {}
    for name in branches.values:
        if name in RESERVED:
            branches.fault_at_key(name, f'is no name for a branch: "{name}" stands by itself, not under "branch"')
    return {f"{context.prefix}{name}": read_steps(branches, name, context) for name in branches.values}


def _read(table: Table, context: Context) -> Iterator[Step]:
    verbs = [verb for verb in STEPS if verb in table]
    if len(verbs) != 1:
        _no_verb(table, verbs)
        return
    table.only(STEPS[verbs[0]], f"{article(verbs[0])} step")
    if verbs[0] == "run":
        yield from _run(table, context)
    elif step := READERS[verbs[0]](table, context):
        yield step


def _no_verb(table: Table, verbs: list[str]) -> None:
    hints = [(key, hint) for key in table.values if (hint := did_you_mean(key, STEPS))]
    if verbs:
        table.fault_at_key(verbs[1], f"a step does one thing: {' and '.join(verbs)} are steps of their own")
    elif hints:
        table.fault_at_key(hints[0][0], f"no verb of that name{hints[0][1]}")
    else:
        table.fault("", f"says nothing to do: a step has one of {', '.join(STEPS)}")


def _run(table: Table, context: Context) -> tuple[Step, ...]:
    """The steps of a workflow. Its own faults are noted once, where it stands, and not for each rule that runs it."""
    workflows = context.workflows
    name = table.parsed("run", named("workflow", workflows.tables.keys(), "in these rules"))
    if name is None:
        return ()
    circle = workflows.circle(context.trail[-1] if context.trail else name)
    if name in context.trail or name in circle:
        if context.trail and name in circle:
            table.fault("run", f"never comes to an end: {' -> '.join(circle)}")
        return ()
    if workflows.size(name) > MOST_IN_ALL:
        table.fault("run", f'"{name}" comes to {workflows.size(name)} steps in all; {MOST_IN_ALL} are allowed')
        return ()
    inner = replace(context, rule="", prefix=f"{name}.", trail=(*context.trail, name))
    workflow = workflows.tables[name].aside()
    branches, steps = read_branches(workflow, inner), read_steps(workflow, "do", inner)
    context.found.update(branches)
    every = (*steps, *(step for branch in branches.values() for step in branch))
    if any(isinstance(step, PauseStep | ResumeStep) and step.rule == context.rule for step in every):
        table.fault("run", f'"{name}" would pause or resume the very rule that runs it')
    return steps

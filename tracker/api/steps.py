"""A run's steps: those that its rule has now, and what the run made of each."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tracker.api.rule_schemas import StepOut, steps_out
from tracker.api.run_schemas import RunStepOut
from tracker.domain.run import RunState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from tracker.domain.rule import Rule
    from tracker.domain.run import Run
    from tracker.store.database import Row

Place = tuple[str, int]
"""A branch, and the number of a step in it."""


def steps_of(run: Run, rule: Rule | None, asked: Sequence[Row]) -> list[RunStepOut]:
    """The steps of `do` and of each branch; `asked` are the run's actions.

    A branch that the run did not go into is left out. Actions of steps that the rule no longer has stand at the end.
    """
    ids: dict[str, list[UUID]] = defaultdict(list)
    for row in asked:
        ids[_path_of(row)].append(row["id"])
    known = steps_out(rule) if rule else []
    entered = {_place(path)[0] for path in ids} | {"do", run.branch}
    shown = [step for step in known if _place(step.path)[0] in entered]
    furthest = _furthest([_place(path) for path in ids])
    steps = [RunStepOut(one.path, one.verb, one.says, _state(run, one, furthest), ids[one.path]) for one in shown]
    gone = [path for path in ids if path not in {step.path for step in known} and ids[path]]
    return steps + [RunStepOut(path, None, "a step that the rule no longer has", "done", ids[path]) for path in gone]


def _state(run: Run, step: StepOut, furthest: Mapping[str, int]) -> str:
    branch, number = _place(step.path)
    if branch != run.branch:
        return "done" if number <= furthest.get(branch, -1) else "left"
    if number < run.step:
        return "done"
    if run.state is not RunState.ACTIVE:
        return "ahead" if run.state is RunState.QUEUED else "left"
    return "current" if number == run.step else "ahead"


def _furthest(places: Sequence[Place]) -> dict[str, int]:
    """How far each branch has come, as far as what was asked for tells."""
    found: dict[str, int] = {}
    for branch, number in places:
        found[branch] = max(number, found.get(branch, -1))
    return found


def _path_of(row: Row) -> str:
    """The step that asked for the action: the second part of its key."""
    return str(row["idempotency_key"]).split(":")[1]


def _place(path: str) -> Place:
    branch, _, number = path.rpartition(".")
    return branch or "do", int(number) if number.isdigit() else 0

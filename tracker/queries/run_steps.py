"""A run's steps: those that its rule has now, and what the run made of each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.domain.runs.run import Phase, RunState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from tracker.domain.rules.rule import Rule
    from tracker.domain.rules.step import Step
    from tracker.domain.runs.run import Run
    from tracker.queries.actions import ActionOut

WHAT_COMES = {Phase.BACKOFF: "retry", Phase.WAITING: "wait", Phase.HOLDING: "repeat"}
"""What the timer of a run is there for, by the phase of the run."""

Place = tuple[str, int]
"""A branch, and the number of a step in it."""


@dataclass(frozen=True, slots=True)
class RunStep:
    """One step, and the actions that it asked for; no `step`: the rule as it is now has none there.

    `state` is done, current, ahead, or left when the run will not come to it.
    """

    path: str
    step: Step | None
    state: str
    asked: Sequence[UUID]


def steps_of(run: Run, rule: Rule | None, asked: Sequence[ActionOut]) -> list[RunStep]:
    """The steps of `do` and of each branch; `asked` are the run's actions.

    A branch that the run did not go into is left out. Actions of steps that the rule no longer has stand at the end.
    """
    ids: dict[str, list[UUID]] = defaultdict(list)
    for action in asked:
        ids[_path_of(action)].append(action.id)
    known = dict(rule.steps_by_path()) if rule else {}
    entered = {_place(path)[0] for path in ids} | {"do", run.branch}
    furthest = _furthest([_place(path) for path in ids])
    steps = [
        RunStep(path, step, _state(run, path, furthest), ids.get(path, ()))
        for path, step in known.items()
        if _place(path)[0] in entered
    ]
    return steps + [RunStep(path, None, "done", ids[path]) for path in ids if path not in known]


def _state(run: Run, path: str, furthest: Mapping[str, int]) -> str:
    branch, number = _place(path)
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


def _path_of(action: ActionOut) -> str:
    """The step that asked for the action: the second part of its key."""
    return action.idempotency_key.split(":")[1]


def _place(path: str) -> Place:
    branch, _, number = path.rpartition(".")
    return branch or "do", int(number) if number.isdigit() else 0

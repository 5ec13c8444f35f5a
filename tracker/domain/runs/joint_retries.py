"""One open retry for a post, however many runs want one: whoever comes later joins it, and counts it as a try."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.rules.step import RetryStep
from tracker.domain.runs.admission import scope_of_run
from tracker.domain.runs.engine_state import EngineState
from tracker.domain.runs.run import Phase, Run
from tracker.domain.runs.run_signals import TriedAlready


def open_try(rules: RuleIndex, memory: EngineState, run: Run) -> TriedAlready | None:
    """The retry of the run's post that another run has asked for, as long as it has not ended."""
    for other in memory.beside(run):
        if other.phase is Phase.ACTING and other.pending and _is_at_a_retry(rules, other):
            return TriedAlready(other.pending, other.rule)
    return None


def joining(rules: RuleIndex, memory: EngineState, run: Run, at: datetime) -> Iterator[Run]:
    """The runs that wait before a try of the post for which this run has just asked; a held one goes on waiting."""
    for other in memory.beside(run):
        held = memory.holds.pause_of(other.rule, scope_of_run(other), at)
        if other.phase is Phase.BACKOFF and not held and _is_at_a_retry(rules, other):
            yield other


def sharing(memory: EngineState, run: Run, action: UUID) -> Iterator[Run]:
    """The other runs that wait for the end of the same action."""
    return (other for other in memory.beside(run) if other.phase is Phase.ACTING and other.pending == action)


def _is_at_a_retry(rules: RuleIndex, run: Run) -> bool:
    rule = rules.by_id.get(run.rule)
    steps = rule.steps(run.branch) if rule else ()
    return run.step < len(steps) and isinstance(steps[run.step], RetryStep)

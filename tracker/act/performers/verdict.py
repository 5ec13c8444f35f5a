"""How a post stands at its provider, and what that means for somebody who wants it to be tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.domain.actions import Discard, Done, Reason
from tracker.domain.posts.event import State
from tracker.domain.posts.lifecycle import FALLEN_SHORT

if TYPE_CHECKING:
    from tracker.domain.actions import Exchange, Outcome
    from tracker.domain.posts.report import Report

UNDER_WAY = frozenset({State.SCHEDULED, State.RETRYING, State.PUBLISHING})


def settled(standing: Report, exchange: Exchange) -> Outcome | None:
    """What follows from how the post stands; None: it may be tried again."""
    if is_at_it(standing):
        return Done(f"the provider says {standing.state}", Reason.NOT_NEEDED, exchange, standing)
    if not _has_failed(standing):
        detail = f"only what has failed is tried again, and the provider says {standing.state or 'nothing we know'}"
        return Discard(Reason.NOT_NEEDED, detail, exchange, standing)
    problems = [standing.problem, *(target.problem for target in standing.targets)]
    said = [problem.retryable for problem in problems if problem and problem.retryable is not None]
    if said and not any(said):
        return Discard(Reason.NOT_RETRYABLE, "the provider says that another try would not help", exchange, standing)
    return None


def is_at_it(standing: Report) -> bool:
    """Published, or on the way there: the whole by the provider's word, or any part of it that is still moving."""
    states = {target.state for target in standing.targets}
    moving = standing.state in UNDER_WAY or bool(states & UNDER_WAY)
    return moving or (standing.state is State.PUBLISHED and not states & FALLEN_SHORT)


def has_failed_throughout(standing: Report) -> bool:
    """No part of it is published, as far as the provider says."""
    if standing.targets:
        return all(target.state is State.FAILED and not target.url for target in standing.targets)
    return standing.state is State.FAILED


def _has_failed(standing: Report) -> bool:
    return standing.state in FALLEN_SHORT or any(target.state in FALLEN_SHORT for target in standing.targets)

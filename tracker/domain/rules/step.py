"""The steps of a workflow, as a rule declares them: data, with their texts ready to be rendered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from tracker.domain.actions import Backoff
from tracker.domain.rules.event_pattern import EventPattern

Render = Callable[[Mapping[str, object]], str]
"""Values by variable name in, text out; never raises."""


@dataclass(frozen=True, slots=True)
class AlertStep:
    """Tell people on a channel; `resolves` tells them again when what it was about is over.

    With `group` it waits so long for others like it and they go out as one; with `repeat` it is said again each time
    that this has passed and what it was about is not over.
    """

    channel: str
    title: Render
    body: Render | None = None
    severity: str = "warning"
    resolves: bool = False
    group: timedelta | None = None
    repeat: timedelta | None = None


@dataclass(frozen=True, slots=True)
class SendStep:
    """Tell another system, or a channel; without `data` it is told how the post stands, with `body` also a text."""

    endpoint: str
    event: Render
    data: Mapping[str, Render] | None = None
    body: Render | None = None


@dataclass(frozen=True, slots=True)
class RetryStep:
    """Ask the provider to do `what` again, at most `tries` times, after a pause each time."""

    what: str
    tries: int
    backoff: Backoff


@dataclass(frozen=True, slots=True)
class ReconcileStep:
    """Ask the provider how the post stands, and go on when it has answered or cannot."""


@dataclass(frozen=True, slots=True)
class WaitStep:
    """Go on when one of `words` has happened since the run began; after `at_most` go to the branch `otherwise`."""

    words: tuple[EventPattern, ...]
    at_most: timedelta | None = None
    otherwise: str | None = None


@dataclass(frozen=True, slots=True)
class PauseStep:
    """Hold another rule for a while, within what this run is about."""

    rule: str
    lasting: timedelta


@dataclass(frozen=True, slots=True)
class ResumeStep:
    """End the pauses of another rule within what this run is about."""

    rule: str


@dataclass(frozen=True, slots=True)
class SetStep:
    """Put labels on the post; an empty text takes one away."""

    labels: Mapping[str, Render]


Step = AlertStep | SendStep | RetryStep | ReconcileStep | WaitStep | PauseStep | ResumeStep | SetStep

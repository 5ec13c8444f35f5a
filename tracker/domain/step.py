"""The steps of a workflow, as a rule declares them: data, with their texts ready to be rendered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tracker.domain.action import Backoff

Render = Callable[[Mapping[str, object]], str]
"""Values by variable name in, text out; never raises."""


@dataclass(frozen=True, slots=True)
class AlertStep:
    """Tell people on a channel; `resolves` tells them again when what it was about is over."""

    channel: str
    title: Render
    body: Render | None = None
    severity: str = "warning"
    resolves: bool = False


@dataclass(frozen=True, slots=True)
class SendStep:
    """Tell another system; without `data` it is told how the post stands."""

    endpoint: str
    event: Render
    data: Mapping[str, Render] | None = None


@dataclass(frozen=True, slots=True)
class RetryStep:
    """Ask the provider to do `what` again, at most `tries` times, after a pause each time."""

    what: str
    tries: int
    backoff: Backoff


Step = AlertStep | SendStep | RetryStep
"""A verb of a later version is one more member here and one more case in `workflow`."""

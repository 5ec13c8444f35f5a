"""The steps of a workflow, as a rule declares them: data, with their texts ready to be rendered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from msgspec import Struct

from tracker.domain.actions import Backoff
from tracker.domain.rules.choice import Addressee
from tracker.domain.rules.event_pattern import EventPattern

Render = Callable[[Mapping[str, object]], str]
"""Values by variable name in, text out; never raises."""

WhyNot = Callable[[Mapping[str, object]], str]
"""Values by variable name in; out why a condition does not hold, or "" where it does. Never raises."""


class AlertStep(Struct, frozen=True):
    """Tell people on a channel; `resolves` tells them again when what it was about is over.

    With `group` it waits so long for others like it and they go out as one; with `repeat` it is said again each time
    that this has passed and what it was about is not over, at most `repetitions` times (None: without an end).
    `acknowledge`: its messages bear a link by which somebody says that it is seen to. `owner` and `runbook` are those
    of its rule.
    """

    channel: Addressee
    title: Render
    body: Render | None = None
    severity: str = "warning"
    resolves: bool = False
    group: timedelta | None = None
    repeat: timedelta | None = None
    repetitions: int | None = None
    acknowledge: bool = False
    owner: str = ""
    runbook: str = ""


class SendStep(Struct, frozen=True):
    """Tell another system, or a channel; without `data` it is told how the post stands, with `body` also a text.

    With `noun` or `at_most` the run stands until it has been told. The answer is then read under `noun`; where it was
    told in vain, or not within `at_most`, the branch `otherwise` follows.
    """

    endpoint: Addressee
    event: Render
    data: Mapping[str, Render] | None = None
    body: Render | None = None
    noun: str = ""
    at_most: timedelta | None = None
    otherwise: str | None = None

    @property
    def waits(self) -> bool:
        """Whether the run waits for what becomes of it."""
        return bool(self.noun or self.at_most)


class RetryStep(Struct, frozen=True):
    """Ask the provider to do `what` again, at most `tries` times, after a pause each time."""

    what: str
    tries: int
    backoff: Backoff


class ReconcileStep(Struct, frozen=True):
    """Ask the provider how the post stands, and go on when it has answered or cannot."""


class ChangeStep(Struct, frozen=True):
    """Have the provider cancel, reschedule or delete the post, and go on when that is done or cannot be.

    `by` is how much later than its time, or earlier, it is to be published.
    """

    verb: str
    by: timedelta | None = None


class CreateStep(Struct, frozen=True):
    """Have the provider create another post from this one, and go on when that is done or cannot be.

    It goes to these `platforms` and `accounts`; without `text` it says and shows what this one does.
    """

    platforms: tuple[str, ...]
    accounts: tuple[str, ...] = ()
    text: Render | None = None


class WaitStep(Struct, frozen=True):
    """Go on when one of `words` has happened since the run began; after `at_most` go to the branch `otherwise`.

    Without words it is a pause: so long, and then on.
    """

    words: tuple[EventPattern, ...]
    at_most: timedelta | None = None
    otherwise: str | None = None


class PauseStep(Struct, frozen=True):
    """Hold another rule for a while, within what this run is about."""

    rule: str
    lasting: timedelta


class ResumeStep(Struct, frozen=True):
    """End the pauses of another rule within what this run is about."""

    rule: str


class SetStep(Struct, frozen=True):
    """Put labels on the post; an empty text takes one away."""

    labels: Mapping[str, Render]


class WhenStep(Struct, frozen=True):
    """Do the next steps, so many as are `guarded`, only where `condition` holds; else go past them, or to `otherwise`.

    A rule file says it as the `when` and `else` of a step.
    """

    condition: WhyNot
    guarded: int = 1
    otherwise: str | None = None


ProviderStep = ReconcileStep | ChangeStep | CreateStep
"""What is asked of the provider once, and waited for."""

Step = AlertStep | SendStep | RetryStep | ProviderStep | WaitStep | PauseStep | ResumeStep | SetStep | WhenStep

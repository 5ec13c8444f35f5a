"""Actions: what we ask of the world, how each attempt can end, and when the next one is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from uuid import UUID, uuid5

from msgspec import Struct, field

from tracker.domain.payloads import AlertPayload, Payload
from tracker.domain.posts.event import Report

_ACTIONS = UUID("6a3c8f0e-2b57-5d1c-9d0e-51f2c07b9a44")


class Reason(StrEnum):
    """Why an attempt ended as it did: a closed list, because it becomes a metric label and a filter."""

    OK = "ok"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    DNS = "dns"
    TLS = "tls"
    BLOCKED = "blocked"
    TOO_LARGE = "too_large"
    BAD_ANSWER = "bad_answer"
    REDIRECT = "redirect"
    RATE_LIMITED = "rate_limited"
    TOLD_TO_WAIT = "told_to_wait"
    BUDGET_SPENT = "budget_spent"
    CIRCUIT_OPEN = "circuit_open"
    CREDITS_KEPT = "credits_kept"
    PAYMENT_REQUIRED = "payment_required"
    NOT_ALLOWED = "not_allowed"
    NOT_FOUND = "not_found"
    GONE = "gone"
    CONFLICT = "conflict"
    HTTP_4XX = "http_4xx"
    HTTP_5XX = "http_5xx"
    REJECTED = "rejected"
    POSTPONED = "postponed"
    NOT_CONFIGURED = "not_configured"
    NOT_NEEDED = "not_needed"
    NOT_RETRYABLE = "not_retryable"
    RECREATED = "recreated"
    CANCELLED = "cancelled"
    GROUPED = "grouped"
    LOST = "lost"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


WAITS = frozenset(
    {Reason.TOLD_TO_WAIT, Reason.BUDGET_SPENT, Reason.CIRCUIT_OPEN, Reason.CREDITS_KEPT, Reason.UNAVAILABLE}
)
"""Reasons why we did not even call: whoever waits for them has made no attempt."""

IS_GONE = frozenset({Reason.NOT_FOUND, Reason.GONE})
"""What the answer to a question about a post means where the provider knows no such post."""


def action_id(idempotency_key: str) -> UUID:
    """The action's id follows from its key, so whoever asks for it knows the id before anything is stored."""
    return uuid5(_ACTIONS, idempotency_key)


class ActionSpec(Struct, frozen=True, dict=True):
    """One thing to be done once: `verb` to `target`, under a key that stays the same over every attempt.

    Alerts of one `group` that wait for the same channel go out as one message.
    """

    verb: str
    target: str
    payload: Payload
    idempotency_key: str
    due_at: datetime
    group: str | None = None

    @cached_property
    def id(self) -> UUID:
        return action_id(self.idempotency_key)


class Exchange(Struct, frozen=True):
    """What went out and what came back, fit to be shown: no secret is in it."""

    request: Mapping[str, object] = field(default_factory=dict)
    response: Mapping[str, object] | None = None


class Done(Struct, frozen=True):
    """It happened.

    `learned` is what the other side said on the way about how the post stands, `reference` how it knows the message,
    as plain JSON, where there is such a thing, `continued_as` the post that was created to take the place of this one.
    `gone` as for Discard. `answer` is the body of what another system has said to a message.
    """

    detail: str = ""
    reason: Reason = Reason.OK
    exchange: Exchange = field(default_factory=Exchange)
    learned: Report | None = None
    reference: Mapping[str, object] | None = None
    continued_as: str | None = None
    gone: bool = False
    answer: bytes = b""


class Retry(Struct, frozen=True):
    """It did not happen and may be tried again, not before `after` has passed where the other side named a time."""

    reason: Reason
    after: timedelta | None = None
    detail: str = ""
    exchange: Exchange = field(default_factory=Exchange)

    @property
    def waits(self) -> bool:
        """What was to be done was never begun."""
        return self.reason in WAITS


class Discard(Struct, frozen=True):
    """It did not happen and never will: repeating it would change nothing. `learned` as for Done.

    `gone`: when it was asked about the post, the provider knew no such post.
    """

    reason: Reason
    detail: str = ""
    exchange: Exchange = field(default_factory=Exchange)
    learned: Report | None = None
    gone: bool = False


class Unknown(Struct, frozen=True):
    """It may have happened; only asking the other side can tell, and repeating it blindly could do it twice."""

    reason: Reason
    detail: str = ""
    exchange: Exchange = field(default_factory=Exchange)


Outcome = Done | Retry | Discard | Unknown


class Backoff(Struct, frozen=True):
    """Growing pauses: `first`, then `factor` times as long each time, up to `longest`, each ± `jitter` (0 to 1)."""

    first: timedelta
    factor: float = 1.0
    longest: timedelta = timedelta(days=1)
    jitter: float = 0.0

    def delay(self, n: int, seed: str) -> timedelta:
        """The pause before try `n` (from 1). The same seed and n give the same pause, so that a replay agrees."""
        growth = self.factor ** min(max(n, 1) - 1, 64) if self.factor > 1 else 1.0
        seconds = min(self.first.total_seconds() * growth, self.longest.total_seconds())
        return timedelta(seconds=seconds * (1 + self.jitter * (2 * _fraction(f"{seed}:{n}") - 1)))


class Policy(Struct, frozen=True):
    """How often an action is attempted, and how long after each failure it waits."""

    attempts: int
    backoff: Backoff
    patience: timedelta = timedelta(days=1)
    """The longest that the other side may put us off with a Retry-After."""


SHORTEST_WAIT = timedelta(seconds=1)

_PATIENT = Backoff(timedelta(seconds=5), 3, timedelta(hours=1), 0.2)
_CAREFUL = Backoff(timedelta(seconds=10), 3, timedelta(minutes=30), 0.2)

CHANGES_A_POST = ("retry", "cancel", "reschedule", "delete", "create")
"""Verbs that change something at the provider: of one post one of them is under way at a time."""

POLICIES: Mapping[str, Policy] = {
    **dict.fromkeys(("alert", "send"), Policy(8, _PATIENT)),
    **dict.fromkeys((*CHANGES_A_POST, "reconcile"), Policy(8, _CAREFUL)),
}


def next_attempt(outcome: Outcome, attempts: int, policy: Policy, now: datetime, seed: str) -> datetime | None:
    """When to try again after `attempts` attempts, the last of which ended in `outcome`; None: not any more.

    One that was never begun does not count.
    """
    if not isinstance(outcome, Retry) or (attempts >= policy.attempts and not outcome.waits):
        return None
    asked = min(outcome.after or timedelta(0), policy.patience)
    if outcome.waits:
        return now + max(asked, SHORTEST_WAIT)
    return now + max(asked, policy.backoff.delay(attempts, seed))


def _fraction(seed: str) -> float:
    """A number in [0, 1) that only the seed decides."""
    return int.from_bytes(sha256(seed.encode()).digest()[:8]) / 2**64


class Claimed(Struct, frozen=True):
    """An action that this process has the lease to attempt.

    `attempt` counts from 1. `previous` tells how the attempt before ended (done, retry, discard, unknown, or lost
    when its process died in the middle, so that nobody knows), and is None for the first. `reference` is that of the
    message which the same alert became earlier on the same channel. For a retry, `other` tells how another one of the
    same attempt of the post ended, where that matters (ok, recreated, unknown), and for a `create` how another one of
    the same did; for both `generation` is 1 for a post that was not created in the place of another.
    """

    id: UUID
    verb: str
    target: str
    payload: Payload
    idempotency_key: str
    attempt: int
    lease: int
    previous: str | None
    provider: str
    post: str | None
    rule: str | None
    run: UUID | None
    created_at: datetime
    group: str | None = None
    reference: Mapping[str, object] | None = None
    other: str | None = None
    generation: int = 1

    @property
    def alert(self) -> AlertPayload:
        """What an `alert` says."""
        if not isinstance(self.payload, AlertPayload):
            raise TypeError(f"this {self.verb} does not say what an alert says")
        return self.payload

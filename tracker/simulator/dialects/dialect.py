"""What one provider's webhooks are like: what it says, how it signs, and how stubborn it is."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tracker.domain.posts.event import State
from tracker.domain.posts.target import derive
from tracker.simulator.wire import event_body

if TYPE_CHECKING:
    from tracker.domain.posts.event import Problem
    from tracker.simulator.story import Target


def over_body(header: str, prefix: str = "", time_header: str = "") -> Sign:
    """HMAC-SHA256 in hex over the raw body; a time in `time_header` is told and not signed."""

    def sign(secret: str, body: bytes, at: datetime) -> Mapping[str, str]:
        told = {time_header: str(int(at.timestamp()))} if time_header else {}
        return {header: prefix + _digest(secret, body)} | told

    return sign


def over_time_and_body(header: str, time_header: str, prefix: str) -> Sign:
    """HMAC-SHA256 in hex over the time in seconds, a point, and the raw body."""

    def sign(secret: str, body: bytes, at: datetime) -> Mapping[str, str]:
        seconds = str(int(at.timestamp()))
        return {header: prefix + _digest(secret, seconds.encode() + b"." + body), time_header: seconds}

    return sign


def with_the_secret_itself(header: str) -> Sign:
    """No signature: who knows the secret is believed."""
    return lambda secret, _, __: {header: secret}


def not_at_all() -> Sign:
    """Anybody could have sent it."""
    return lambda _, __, ___: {}


def _digest(secret: str, text: bytes) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


TEST = "webhook.test"
ENDED = frozenset({State.PUBLISHED, State.FAILED})

LADDER = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 1800, 7200))
"""How long a provider waits before each further try, where its documentation does not say."""


@dataclass(frozen=True, slots=True)
class Happened:
    """A step of a post's life; `changed` are the targets that have just come to another state.

    `event` and `status` are what Sosyal Köprü calls it; `id` is the step's own.
    """

    id: str
    post: str
    text: str
    event: str
    status: State
    at: datetime
    created_at: datetime
    scheduled_at: datetime | None
    attempt: int
    targets: tuple[Target, ...]
    changed: tuple[Target, ...] = ()
    problem: Problem | None = None

    @property
    def state(self) -> State:
        """What the targets amount to."""
        return derive([target.state for target in self.targets])

    @property
    def over(self) -> bool:
        """Whether nothing of this attempt is still to come."""
        return all(target.state in ENDED for target in self.targets)

    @property
    def results(self) -> tuple[Target, ...]:
        """The targets that have just ended."""
        return tuple(target for target in self.changed if target.state in ENDED)

    @property
    def called_failed(self) -> bool:
        """Whether the name of the event says so, which the targets may contradict."""
        return self.event == "post.failed"


@dataclass(frozen=True, slots=True)
class WebhookBody:
    """One webhook: the name by which it was asked for, and its raw body; without `id`, each delivery has its own."""

    event: str
    body: bytes
    id: str | None = None


Sign = Callable[[str, bytes, datetime], Mapping[str, str]]
"""The headers that prove who sends: from secret, raw body, and the moment of sending."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of provider.

    `delivery` is the header with the id of a delivery, "" for none. `ladder` are the waits before each further try of
    a delivery, `deadline` is the real time for an answer; an answer with one of the `final` statuses is tried no more.
    """

    name: str
    events: tuple[str, ...]
    tell: Callable[[Happened], Sequence[WebhookBody]]
    sign: Sign
    delivery: str = ""
    ladder: tuple[timedelta, ...] = LADDER
    deadline: timedelta = timedelta(seconds=15)
    final: frozenset[int] = frozenset()
    test: Callable[[str, datetime], bytes] = lambda _, at: event_body(TEST, at, {})
    """The body of a test, by its id and time; one that nobody documents is Sosyal Köprü's."""


def account(target: Target) -> str:
    """The account that publishes a target."""
    return f"acc_{target.platform}_{target.ordinal}"


def platform_id(target: Target) -> str:
    """What the platform calls the published target."""
    return str(target.url).rpartition("/p/")[2].replace("/", "_")

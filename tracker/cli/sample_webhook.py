"""What a provider would say, in its own words and with each value at the place where it puts it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracker.domain.posts.event import State
    from tracker.providers.mapping.mapping import PayloadMapping


@dataclass(frozen=True, slots=True)
class SampleWebhook:
    """An event as people write it on the command line; `platforms` are "instagram" or "instagram:account"."""

    event: str
    post: str | None = None
    status: str | None = None
    platforms: Sequence[str] = ()
    error: str | None = None
    message: str | None = None
    retryable: bool | None = None
    scheduled_at: str | None = None
    at: str | None = None


def body_of(words: PayloadMapping, said: SampleWebhook, now: datetime) -> bytes:
    """The body of the webhook that says it."""
    from tracker.providers.mapping.paths import put, stamp  # noqa: PLC0415  (takes half a second)

    state = words.events.get(said.event.lower())
    status = said.status or (_status(words, state) if state else None)
    body: dict[str, Any] = {}
    values = {
        "event": said.event,
        "occurred_at": said.at or stamp(now),
        "post": said.post,
        "status": status,
        "scheduled_at": said.scheduled_at,
        "targets": [_target(words, name, status, said) for name in said.platforms] or None,
    }
    for name, value in (values | _error(said, "error")).items():
        put(body, words.paths[name], value)
    return json.dumps(body).encode()


def _target(words: PayloadMapping, name: str, status: str | None, said: SampleWebhook) -> dict[str, Any]:
    from tracker.providers.mapping.paths import put  # noqa: PLC0415  (as above)

    platform, _, account = name.partition(":")
    target: dict[str, Any] = {}
    values = {"target_platform": platform, "target_account": account or None, "target_status": status}
    for place, value in (values | _error(said, "target_error")).items():
        put(target, words.paths[place], value)
    return target


def _error(said: SampleWebhook, name: str) -> dict[str, Any]:
    return {f"{name}_code": said.error, f"{name}_message": said.message, f"{name}_retryable": said.retryable}


def _status(words: PayloadMapping, state: State) -> str:
    """The provider's word for a state: the state's own name, where that is one."""
    known = [word for word, meaning in words.statuses.items() if meaning is state]
    return state.upper() if state.upper() in known or not known else known[0]

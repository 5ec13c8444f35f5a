"""Sosyal Köprü: what its guide documents, and, marked as such, what we assume where the guide is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.domain.event import State
from tracker.providers.adapter import Adapter
from tracker.providers.body import zone_of
from tracker.providers.signature import Scheme, Verifier
from tracker.providers.vocabulary import Vocabulary, assumed, documented

if TYPE_CHECKING:
    from tracker.settings import Provider as ProviderSettings

KIND = "sosyalkopru"
SCHEME = Scheme(headers=("x-sosyalkopru-signature",), prefix="sha256=")
DELIVERY_HEADER = "x-sosyalkopru-delivery"

PLACES = {
    "event": documented("event", "the event's name"),
    "occurred_at": documented("timestamp", "when it happened"),
    "post": documented("data.postId", "the post's id"),
    "status": documented("data.status", "the post's status"),
    "targets": documented("data.platforms", "the list of its targets"),
    "target_platform": documented("platform", "a target's platform"),
    "target_status": documented("status", "a target's status"),
    "target_url": documented("platformPostUrl", "where a target was published"),
    "target_account": assumed("accountId", "a target's account"),
    "target_error_code": assumed("error.code", "why a target failed"),
    "target_error_message": assumed("error.message", "the same, for people"),
    "target_error_retryable": assumed("error.retryable", "whether another try can help a target"),
    "error_code": assumed("data.error.code", "why the post failed"),
    "error_message": assumed("data.error.message", "the same, for people"),
    "error_retryable": assumed("data.error.retryable", "whether another try can help"),
    "scheduled_at": assumed("data.scheduledAt", "when the post is to be published"),
    "attempt": assumed("data.attempt", "the number of the attempt, from 1"),
}

DOCUMENTED_STATUSES = {"PUBLISHED": State.PUBLISHED}
ASSUMED_STATUSES = {
    "DRAFT": State.DRAFT,
    "AWAITING_APPROVAL": State.AWAITING_APPROVAL,
    "PENDING_APPROVAL": State.AWAITING_APPROVAL,
    "SCHEDULED": State.SCHEDULED,
    "QUEUED": State.SCHEDULED,
    "PENDING": State.SCHEDULED,
    "PUBLISHING": State.PUBLISHING,
    "PROCESSING": State.PUBLISHING,
    "RETRYING": State.RETRYING,
    "PARTIAL": State.PARTIAL,
    "PARTIALLY_PUBLISHED": State.PARTIAL,
    "FAILED": State.FAILED,
    "CANCELLED": State.CANCELLED,
    "CANCELED": State.CANCELLED,
    "REMOVED": State.REMOVED,
    "DELETED": State.REMOVED,
}

DOCUMENTED_EVENTS = {
    f"post.{state}": state for state in (State.SCHEDULED, State.PUBLISHING, State.PUBLISHED, State.FAILED)
}
ASSUMED_EVENTS = {f"post.{state}": state for state in State if state is not State.UNKNOWN} | {
    "post.canceled": State.CANCELLED,
    "post.deleted": State.REMOVED,
}

ASSUMED_CALLS = {"get": "GET /posts/{post}", "retry": "POST /posts/{post}/retry"}
"""Neither is in the guide: an operator whose provider has no such call sets it to an empty text."""


def vocabulary(settings: ProviderSettings) -> Vocabulary:
    """Its words, with what the operator has put right."""
    statuses = ASSUMED_STATUSES | DOCUMENTED_STATUSES | settings.statuses
    events = ASSUMED_EVENTS | DOCUMENTED_EVENTS
    return Vocabulary.build(PLACES, settings.fields, statuses, events, zone_of(settings.timezone))


def adapter(settings: ProviderSettings) -> Adapter:
    """The reader of its webhooks; raises ValueError for a path that is none."""
    secrets = tuple(secret.get_secret_value().encode() for secret in settings.webhook_secrets)
    return Adapter(Verifier(SCHEME, secrets), vocabulary(settings), DELIVERY_HEADER)

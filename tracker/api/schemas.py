"""What the API answers: one struct for each kind of thing, described where the name does not say it all."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from msgspec import Meta, Struct

from tracker.domain.posts.event import Problem, State
from tracker.domain.posts.post import Post
from tracker.domain.posts.target import Target

Item = TypeVar("Item")

Next = Annotated[str | None, Meta(description="Give this as `cursor` to get the next page; null: there is none.")]
ProviderTime = Annotated[datetime, Meta(description="When it happened, by the provider's clock.")]
ArrivalTime = Annotated[datetime, Meta(description="When it arrived here.")]


class Page(Struct, Generic[Item], frozen=True):
    """One page of a list."""

    items: list[Item]
    next: Next


class ErrorOut(Struct, frozen=True):
    """Why something failed, in the provider's words."""

    code: str
    message: str
    retryable: Annotated[bool | None, Meta(description="null where the provider does not say.")]


class TargetOut(Struct, frozen=True):
    """One platform and account that a post goes to."""

    key: Annotated[str, Meta(description="`platform:account`, or `platform#ordinal` where no account is named.")]
    platform: str
    account: str | None
    ordinal: int
    state: State
    attempt: int
    entered_at: datetime | None
    url: str | None
    error: ErrorOut | None


class NoteOut(Struct, frozen=True):
    """Something that a provider said and that does not fit."""

    code: str
    text: str


class PostOut(Struct, frozen=True):
    """A post as we know it."""

    id: str
    provider: str
    state: State
    attempt: Annotated[int, Meta(description="Numbered from 1; starting again after an end is a new one.")]
    version: Annotated[int, Meta(description="How many facts have made it what it is.")]
    targets: list[TargetOut]
    entered_at: Annotated[datetime | None, Meta(description="When it came into its state.")]
    scheduled_at: datetime | None
    published_at: datetime | None
    failed_at: datetime | None
    last_event_at: Annotated[datetime | None, Meta(description="The provider's last sign of life about it.")]
    error: ErrorOut | None
    urls: list[str]


class PendingOut(Struct, frozen=True):
    """Something that is going to happen, unless something else happens first."""

    what: Annotated[str, Meta(description="action, or what a timer is for: while, expect, retry, wait, repeat, run.")]
    says: Annotated[str, Meta(description="The same in words: what happens then, and what holds it until then.")]
    due_at: datetime
    rule: str | None
    verb: str | None
    target: str | None
    run: UUID | None
    action: UUID | None


class OnePostOut(PostOut, frozen=True):
    """A post, with what will happen to it next."""

    notes: list[NoteOut]
    pending: Annotated[list[PendingOut], Meta(description="The soonest first.")]


class EntryOut(Struct, frozen=True):
    """One entry of a post's history. What it has beside `at` and `type` depends on the type."""

    at: Annotated[datetime, Meta(description="When we came to know it, or did it.")]
    type: Annotated[str, Meta(description="fact, change, firing, run, move, action, attempt or silence.")]
    data: dict[str, Any]


class RepeatOut(Struct, frozen=True):
    """A delivery that said the same again."""

    delivery: str
    same: Annotated[str, Meta(description="What was the same: delivery (and body), or only the body.")]
    received_at: ArrivalTime


class RawOut(Struct, frozen=True):
    """What was signed, byte for byte."""

    headers: dict[str, str]
    body: str
    encoding: Annotated[str, Meta(description="How `body` is written: utf-8, or base64 where it is not text.")]
    sha256: str


class EventOut(Struct, frozen=True):
    """One event of the log."""

    position: int
    type: str
    source: Annotated[str, Meta(description="The provider's name, or ours: action, manual, reconcile.")]
    provider: str
    post: str | None
    part: Annotated[int, Meta(description="Counts from 0 where one delivery is about several posts.")]
    delivery: str
    occurred_at: ProviderTime | None
    received_at: ArrivalTime
    conflict: Annotated[bool, Meta(description="Its delivery id was used before, for another body.")]
    repeats: Annotated[int, Meta(description="How often it was delivered again.")]
    raw: Annotated[RawOut | None, Meta(description="Only with `raw=true` and an admin key.")]


class OneEventOut(EventOut, frozen=True):
    """One event, with the deliveries that repeated it."""

    repeated: list[RepeatOut]


class ActionOut(Struct, frozen=True):
    """Something that we do to the world."""

    id: UUID
    verb: str
    target: str
    state: Annotated[str, Meta(description="pending, claimed, done, dead, unknown, discarded, shadow or hidden.")]
    hidden_by: Annotated[str | None, Meta(description="Why it is not done: a canary, a silence, or muted.")]
    reason: Annotated[str | None, Meta(description="Why its last attempt ended as it did: a word of a closed list.")]
    rule: str | None
    run: UUID | None
    provider: str
    post: str | None
    idempotency_key: str
    attempts: int
    due_at: datetime
    created_at: datetime
    finished_at: datetime | None
    redelivers: Annotated[UUID | None, Meta(description="The action that it does once more, under an id of its own.")]


class AttemptOut(Struct, frozen=True):
    """One attempt at an action: what went out and what came back, without secrets."""

    attempt: int
    started_at: datetime
    finished_at: datetime | None
    outcome: Annotated[str | None, Meta(description="done, retry, discard, unknown or lost; null while it runs.")]
    reason: str | None
    latency_ms: int | None
    request: dict[str, Any] | None
    response: dict[str, Any] | None


class OneActionOut(ActionOut, frozen=True):
    """An action, with what it says and each of its attempts."""

    payload: dict[str, Any]
    history: list[AttemptOut]


def error_out(problem: Problem | None) -> ErrorOut | None:
    """A problem as it is shown."""
    return ErrorOut(problem.code, problem.message, problem.retryable) if problem else None


def target_out(key: str, target: Target) -> TargetOut:
    """A target as it is shown."""
    return TargetOut(
        key, target.platform, target.account, target.ordinal, target.state, target.attempt, target.entered_at,
        target.url, error_out(target.problem),
    )  # fmt: skip


def post_fields(post: Post) -> dict[str, Any]:
    """The fields that a post shows in a list and by itself."""
    return {
        "id": post.id,
        "provider": post.provider,
        "state": post.state,
        "attempt": post.attempt,
        "version": post.version,
        "targets": [target_out(key, target) for key, target in sorted(post.targets.items())],
        "entered_at": post.entered_at,
        "scheduled_at": post.scheduled_at,
        "published_at": post.published_at,
        "failed_at": post.failed_at,
        "last_event_at": post.last_event_at,
        "error": error_out(post.problem),
        "urls": [part.url for part in post.parts if part.url],
    }


def action_out(row: Mapping[str, Any]) -> ActionOut:
    """An action as a list shows it."""
    return ActionOut(**action_fields(row))


def action_fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that an action shows in a list and by itself."""
    return {name: row[name] for name in ActionOut.__struct_fields__}


def raw_out(row: Mapping[str, Any]) -> RawOut:
    """Headers and body of a row of the log, or of the quarantine."""
    body: bytes = row["body"]
    try:
        return RawOut(row["headers"], body.decode(), "utf-8", row["body_hash"].hex())
    except UnicodeDecodeError:
        return RawOut(row["headers"], b64encode(body).decode(), "base64", row["body_hash"].hex())

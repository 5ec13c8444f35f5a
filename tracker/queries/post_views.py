"""What is shown of a post."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from tracker.domain.posts.event import Problem, State
from tracker.domain.posts.post import Post
from tracker.domain.posts.target import Target


class ErrorOut(Struct, frozen=True):
    """Why something failed, in the provider's words."""

    code: str
    message: str
    retryable: Annotated[bool | None, Meta(description="null where the provider does not say.")]


class TargetOut(Struct, frozen=True):
    """One platform and account that a post goes to."""

    key: Annotated[
        str,
        Meta(
            description="`platform:account`, or `platform#ordinal` where no account was named at first, and with "
            "`/item` for a further item of an account. It stays when the account becomes known."
        ),
    ]
    platform: str
    account: str | None
    ordinal: int
    state: State
    attempt: int
    entered_at: datetime | None
    url: str | None
    error: ErrorOut | None
    item: Annotated[str | None, Meta(description="What tells several things of one account apart.")]
    times: Annotated[int, Meta(description="How often in a row it has ended as it did last.")]


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
    version: Annotated[int, Meta(description="How many facts have made it what it is; an action's end is none.")]
    targets: list[TargetOut]
    entered_at: Annotated[datetime | None, Meta(description="When it came into its state.")]
    scheduled_at: datetime | None
    published_at: datetime | None
    failed_at: datetime | None
    last_event_at: Annotated[datetime | None, Meta(description="The provider's last sign of life about it.")]
    error: ErrorOut | None
    urls: list[str]
    excerpt: Annotated[str | None, Meta(description="The beginning of its text, where somebody told it.")]
    thumbnail: Annotated[str | None, Meta(description="The address of an image, as it was told: nobody looked.")]
    attributes: Annotated[dict[str, str], Meta(description="What it is to be found by, as in its campaign.")]
    labels: Annotated[dict[str, str], Meta(description="What rules have put on it.")]
    times: Annotated[int, Meta(description="How often in a row it has ended as it did last: published 3 times.")]


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
    unacknowledged: Annotated[bool, Meta(description="Somebody may still acknowledge what the run has told.")]


class OnePostOut(PostOut, frozen=True):
    """A post, with what will happen to it next."""

    notes: list[NoteOut]
    pending: Annotated[list[PendingOut], Meta(description="The soonest first.")]


def post_out(post: Post) -> PostOut:
    """A post as a list shows it."""
    return PostOut(**_fields(post))


def one_post_out(post: Post, pending: list[PendingOut]) -> OnePostOut:
    """A post as it is shown by itself."""
    return OnePostOut(**_fields(post), notes=[NoteOut(note.code, note.text) for note in post.notes], pending=pending)


def error_out(problem: Problem | None) -> ErrorOut | None:
    """A problem as it is shown."""
    return ErrorOut(problem.code, problem.message, problem.retryable) if problem else None


def target_out(key: str, target: Target) -> TargetOut:
    """A target as it is shown."""
    return TargetOut(
        key, target.platform, target.account, target.ordinal, target.state, target.attempt, target.entered_at,
        target.url, error_out(target.problem), target.item, target.times,
    )  # fmt: skip


def _fields(post: Post) -> dict[str, Any]:
    names = ("id", "provider", "state", "attempt", "version", "entered_at", "scheduled_at", "published_at", "failed_at",
             "last_event_at", "times", "excerpt", "thumbnail", "attributes", "labels")  # fmt: skip
    return {name: getattr(post, name) for name in names} | {
        "targets": [target_out(key, target) for key, target in sorted(post.targets.items())],
        "error": error_out(post.problem),
        "urls": [part.url for part in post.parts if part.url],
    }

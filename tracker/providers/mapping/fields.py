"""Where values stand in bodies and answers: every name that there is, and whether the provider shows its place."""

from __future__ import annotations

from dataclasses import dataclass

OF_A_POST = {
    "status": "the post's status",
    "error_code": "why the post failed",
    "error_message": "the same, for people",
    "error_retryable": "whether another try can help",
    "scheduled_at": "when the post is to be published",
    "attempt": "the number of the attempt, from 1",
    "text": "what it says, of which the beginning is kept",
    "media": "its images, of which the first one's address is kept",
    "author": "who wrote it: the attribute `author`",
    "targets": "its targets",
    "succeeded": "those of its targets that were published, where they are told apart",
    "failed": "those that were not",
    "target_platform": "a target's platform",
    "target_account": "a target's account",
    "target_item": "what several things that one account publishes are told apart by",
    "target_account_name": "what that account is called",
    "target_status": "a target's status",
    "target_url": "where a target was published",
    "target_removed": "something that stands there only once a target has been taken down",
    "target_error_code": "why a target failed",
    "target_error_message": "the same, for people",
    "target_error_retryable": "whether another try can help a target",
}
"""Places that begin with `target_` start from the target, and the others from the post or the body."""

IN_WEBHOOKS = {
    "event": "the event's name",
    "delivery": "the delivery's id, where the body tells it",
    "occurred_at": "when it happened",
    "posts": 'the list of posts, of a delivery about several; "$" is the body itself',
    "post": "the post's id",
    "account": "the account that an event about no post is about",
    "account_platform": "its platform",
    "account_name": "what it is called",
    "account_status": "its status",
} | OF_A_POST

IN_ANSWERS = {
    "item": "what an answer is about",
    "items": "the list of posts",
    "entry": "the post in an entry of that list, where the entry is not the post",
    "next": "where the list goes on",
    "post": "the post's id",
    "updated_at": "when the post last changed",
    "webhooks": "the list of webhooks",
    "credits": "the credits that are left",
    "plan": "what was bought",
    "requests": "calls in this period",
    "credits_used": "credits that were used in it",
    "period_end": "when it ends",
} | OF_A_POST

IN_NEW_POSTS = {
    "platforms": "where it is to be published",
    "text": "what it says",
    "accounts": "the accounts that publish it",
    "scheduled_at": "when",
}


@dataclass(frozen=True, slots=True)
class FieldPath:
    """Where something stands; `documented` is False for what the provider does not show, "" is nowhere."""

    path: str = ""
    documented: bool = False


NOWHERE = FieldPath()


def documented(path: str) -> FieldPath:
    """A place that the provider's documentation shows."""
    return FieldPath(path, documented=True)


def assumed(path: str) -> FieldPath:
    """A place that we take for likely, until somebody has seen it."""
    return FieldPath(path, documented=False)

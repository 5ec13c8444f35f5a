"""Posts, or targets of posts, that a rule of the clock lists because of how they stand when its time has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from tracker.domain.posts.change import PostView, TargetView
from tracker.domain.posts.event import State
from tracker.domain.posts.target import WITHDRAWN
from tracker.domain.rules.decision import ConditionFalse, NotMatched, NoWait, Refusal
from tracker.domain.rules.grouping import EPOCH, Environment, Group, describe, group_of, is_of_whole_posts
from tracker.domain.rules.rule import NOT_BEGUN, Every, Rule, Standing

TOLD = ("post.id", "post.provider", "error.code", "error.message")
MOST_LISTED = 10_000
"""The newest posts of each state that are looked at, or of those that are due the first."""

_OF_ONE_TARGET = frozenset({State.PARTIAL, State.PUBLISHING, State.RETRYING})
"""States of posts whose targets are not all in one state."""
_BESIDE_ANY = WITHDRAWN | {State.UNKNOWN}
"""In which a target says nothing of the state of its post while there is another."""


class Listed(Struct, frozen=True):
    """A post or target with what conditions read of it; `refusal` says why the rule leaves it out."""

    subject: Group
    at: datetime | None
    values: Environment
    refusal: Refusal | None = None


def states_listed(rules: Iterable[Rule]) -> frozenset[State]:
    """The states of the posts of which one of these rules may list something."""
    states: set[State] = set()
    for rule in rules:
        if isinstance(rule.trigger, Every) and rule.trigger.standing:
            states |= states_of_posts(rule, rule.trigger.standing)
    return frozenset(states)


def states_of_posts(rule: Rule, standing: Standing) -> frozenset[State]:
    """The states of posts that are, or have a target, in one of the states that are listed."""
    if is_of_whole_posts(rule.per):
        return standing.states
    if standing.states & _BESIDE_ANY:
        return frozenset(State)
    return standing.states | _OF_ONE_TARGET | (NOT_BEGUN if standing.states & NOT_BEGUN else frozenset())


def entered_upto(rule: Rule, standing: Standing, at: datetime) -> datetime:
    """Since when a post at the latest is in its state of which something is listed; a target may be longer in its."""
    return at - standing.older if is_of_whole_posts(rule.per) else at


def judged(rule: Rule, standing: Standing, view: PostView, at: datetime) -> Iterator[Listed]:
    """What the rule makes of the post, or of each of its targets, as it stands at that moment."""
    targets: list[TargetView | None] = [] if is_of_whole_posts(rule.per) else [*view.targets]
    for target in targets or [None]:
        subject = group_of(rule.per, view.provider, view.id, view, target.key if target else None)
        values = describe(view.provider, view.id, view, subject.target)
        entered_at = target.entered_at if target else view.entered_at
        refusal: Refusal | None = None
        if unmatched := rule.unmatched(subject):
            refusal = NotMatched(unmatched)
        elif not _stands(standing, subject.state, entered_at, view.scheduled_at, at):
            refusal = NoWait()
        elif rule.judge(values).kind != "true":
            refusal = ConditionFalse(values)
        yield Listed(subject, view.scheduled_at if standing.due else entered_at, values, refusal)


def _stands(
    standing: Standing, state: State | None, entered_at: datetime | None, scheduled_at: datetime | None, at: datetime
) -> bool:
    if state not in standing.states:
        return False
    if entered_at and entered_at > at - standing.older:
        return False
    return standing.due is None or bool(scheduled_at and at < scheduled_at <= at + standing.due)


def listed(rule: Rule, standing: Standing, views: Iterable[PostView], at: datetime) -> list[dict[str, object]]:
    """What is listed, as items: what has stood so longest comes first, or what is due next."""
    ones = [one for view in views for one in judged(rule, standing, view, at) if one.refusal is None]
    ones.sort(key=lambda one: (one.at or EPOCH, one.subject.provider, one.subject.post or "", one.subject.target or ""))
    return [item(f"post.{one.subject.state}", one.at or EPOCH, one.subject, one.values) for one in ones]


def item(event: str, at: datetime, subject: Group, values: Mapping[str, object]) -> dict[str, object]:
    """One of what a rule of the clock has gathered or listed, as plain JSON."""
    urls = values["post.urls"]
    return {
        "event": event,
        "at": at.isoformat(),
        **{name.replace(".", "_"): values[name] for name in TOLD},
        "platforms": list(subject.platforms),
        "accounts": list(subject.accounts),
        "url": values["target.url"] or (urls[0] if isinstance(urls, list) and urls else ""),
    }

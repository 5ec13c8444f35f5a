"""The provider's own book of posts: the truth about each, and the steps that are still to come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from tracker.domain.posts.event import State
from tracker.domain.posts.target import derive
from tracker.simulator.clock import after
from tracker.simulator.dialects import Happened
from tracker.simulator.faults import Chance, called
from tracker.simulator.story import Odds, Step, Subject, Target, plan_story, read_wishes, untouched
from tracker.simulator.wire import Refusal, in_milliseconds, outcome, stamp

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.domain.posts.event import Problem
    from tracker.simulator.clock import Clock
    from tracker.simulator.faults import Faults

Announce = Callable[[Happened], None]


@dataclass(frozen=True, slots=True)
class Truth:
    """What really became of a post; `published` counts for each target how often it went public."""

    id: str
    state: State
    attempt: int
    targets: Mapping[str, State]
    published: Mapping[str, int]
    scheduled_at: datetime | None
    updated_at: datetime


@dataclass(slots=True)
class Post:
    """A post as the provider keeps it; `status` is what it calls the whole, `told` counts its steps."""

    subject: Subject
    text: str
    created_at: datetime
    updated_at: datetime
    scheduled_at: datetime | None
    status: State
    targets: tuple[Target, ...]
    attempt: int = 1
    problem: Problem | None = None
    published: Counter[str] = field(default_factory=Counter)
    told: int = 0

    @property
    def state(self) -> State:
        """What the targets amount to."""
        return derive([target.state for target in self.targets])

    def shown(self) -> dict[str, object]:
        """The post as the API answers it (assumed)."""
        times = {"createdAt": stamp(self.created_at), "updatedAt": stamp(self.updated_at)}
        whole = outcome(self.status, self.targets, self.problem)
        return {"id": self.subject.post} | whole | times | self.schedule()

    def schedule(self) -> dict[str, object]:
        """When it is to be published, if that was said (assumed)."""
        return {"scheduledAt": stamp(self.scheduled_at)} if self.scheduled_at else {}


class Posts:
    """All posts, by id, in the order of their creation."""

    def __init__(self, seed: str, clock: Clock, odds: Odds, faults: Faults, announce: Announce) -> None:
        self.all: dict[str, Post] = {}
        self._seed, self._clock, self._odds, self._faults = seed, clock, odds, faults
        self._announce = announce

    def create(self, platforms: tuple[str, ...], text: str, scheduled_at: datetime | None) -> Post:
        """Publish now, or when scheduled; raises Rejected for a text with an impossible wish."""
        wishes = read_wishes(text)
        scheduled_at = in_milliseconds(scheduled_at) if scheduled_at else None
        name = "post_" + Chance(self._seed).name(f"post {len(self.all) + 1}")
        now, state = self._now(), State.SCHEDULED if scheduled_at else State.PUBLISHING
        subject, targets = Subject(name, platforms, wishes), untouched(platforms, state)
        post = Post(subject, text, now, now, scheduled_at, state, targets)
        self.all[name] = post
        if scheduled_at is None:
            self._begin(post)
        else:
            self._say(post, "post.scheduled")
            self._clock.at(scheduled_at, partial(self._start, post))
        return post

    def get(self, name: str) -> Post:
        """The post of that id; raises Refusal."""
        if name not in self.all:
            raise Refusal(404, "not_found", f"There is no post {name}")
        return self.all[name]

    def retry(self, name: str) -> Post:
        """Begin a new attempt at what failed; raises Refusal while there is nothing to retry."""
        post = self.get(name)
        if post.state not in (State.FAILED, State.PARTIAL):
            raise Refusal(409, "not_failed", f"The post {name} has not failed: it is {post.state.upper()}")
        post.attempt += 1
        post.status, post.problem, post.updated_at = State.PUBLISHING, None, self._now()
        post.targets = tuple(
            target if target.state is State.PUBLISHED else replace(target, state=State.PUBLISHING, problem=None)
            for target in post.targets
        )
        self._begin(post)
        return post

    def cancel(self, name: str) -> Post:
        """Take off what has not begun; raises Refusal."""
        return self._end(self._scheduled(name), State.CANCELLED)

    def delete(self, name: str) -> Post:
        """Take it off, wherever it stands; raises Refusal."""
        return self._end(self.get(name), State.REMOVED)

    def reschedule(self, name: str, at: datetime) -> Post:
        """Publish it at another time; raises Refusal for what has begun."""
        post = self._scheduled(name)
        post.scheduled_at, post.updated_at = in_milliseconds(at), self._now()
        self._clock.at(post.scheduled_at, partial(self._start, post))
        self._say(post, "post.scheduled")
        return post

    def _scheduled(self, name: str) -> Post:
        post = self.get(name)
        if post.state is not State.SCHEDULED:
            raise Refusal(409, "not_scheduled", f"The post {name} is not scheduled: it is {post.state.upper()}")
        return post

    def _end(self, post: Post, state: State) -> Post:
        post.status, post.problem, post.updated_at = state, None, self._now()
        post.targets = tuple(replace(target, state=state, problem=None) for target in post.targets)
        self._say(post, "post.updated")
        return post

    def truth(self) -> dict[str, Truth]:
        """Every post as it really is now."""
        return {name: _truth(post) for name, post in self.all.items()}

    def _now(self) -> datetime:
        return in_milliseconds(self._clock.now())

    async def _start(self, post: Post) -> None:
        if post.state is State.SCHEDULED and post.scheduled_at and post.scheduled_at <= self._clock.now():
            self._begin(post)

    def _begin(self, post: Post) -> None:
        for step in plan_story(self._seed, post.subject, post.attempt, self._odds):
            self._clock.at(after(self._clock, step.after), partial(self._take, post, step))

    async def _take(self, post: Post, step: Step) -> None:
        if post.state is State.REMOVED:
            return
        before = {target.key: target.state for target in post.targets}
        changed = tuple(target for target in step.targets if target.state is not before[target.key])
        post.published.update(target.key for target in changed if target.state is State.PUBLISHED)
        post.status, post.targets, post.problem = step.status, step.targets, step.problem
        post.updated_at = self._now()
        self._say(post, step.event, changed)

    def _say(self, post: Post, event: str, changed: tuple[Target, ...] = ()) -> None:
        post.told += 1
        name = post.subject.post
        happened = Happened(
            id="evt_" + Chance(self._seed).about(name).name(f"event {post.told}"),
            post=name,
            text=post.text,
            event=called(self._seed, name, post.told, event, self._faults),
            status=post.status,
            at=post.updated_at,
            created_at=post.created_at,
            scheduled_at=post.scheduled_at,
            attempt=post.attempt,
            targets=post.targets,
            changed=changed,
            problem=post.problem,
        )
        self._announce(happened)


def _truth(post: Post) -> Truth:
    states = {target.key: target.state for target in post.targets}
    times = (post.scheduled_at, post.updated_at)
    return Truth(post.subject.post, post.state, post.attempt, states, dict(post.published), *times)

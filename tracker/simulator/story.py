"""What happens to a post: seed, post, platforms, attempt, and the wishes in its text, made a timed list of steps."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from tracker.domain.posts.event import Problem, State
from tracker.domain.posts.target import derive
from tracker.errors import Rejected, did_you_mean
from tracker.simulator.faults import Chance

if TYPE_CHECKING:
    from collections.abc import Sequence

PROBLEMS = {
    problem.code: problem
    for problem in (
        Problem("timeout", "The platform did not answer in time", True),
        Problem("rate_limited", "The platform allows no more posts for now", True),
        Problem("platform_unavailable", "The platform is down", True),
        Problem("auth_expired", "The account must be connected again", False),
        Problem("media_rejected", "The platform did not accept the video's aspect ratio", False),
        Problem("duplicate_content", "The same text was posted a moment ago", False),
    )
}

_WISH = re.compile(r"#(publish|never|slow|fail=(?P<code>\w+)(?:\*(?P<times>\d+))?(?:@(?P<platform>\w+))?)(?!\w)")


@dataclass(frozen=True, slots=True)
class Failing:
    """A wish that `platform` ("": each) fails in the first `times` attempts (None: in all)."""

    problem: Problem
    times: int | None
    platform: str

    def speaks_of(self, platform: str, attempt: int) -> bool:
        """Whether the wish decides this platform's part of this attempt."""
        return self.platform in ("", platform) and (self.times is None or attempt <= self.times)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a text asks for; `decided` is false when chance may decide what becomes of the post."""

    decided: bool = False
    slow: bool = False
    never: bool = False
    failing: tuple[Failing, ...] = ()

    def problem(self, platform: str, attempt: int) -> Problem | None:
        """How this platform fails in this attempt, if the text asks for that."""
        return next((wish.problem for wish in self.failing if wish.speaks_of(platform, attempt)), None)


NO_WISHES = Wishes()


def read_wishes(text: str) -> Wishes:
    """The wishes in a text; raises Rejected for a reason that does not exist."""
    found = list(_WISH.finditer(text))
    words = {match[1] for match in found}
    failing = tuple(_failing(match) for match in found if match["code"])
    decided = bool(failing) or "publish" in words
    return Wishes(decided, "slow" in words, "never" in words, failing)


def _failing(match: re.Match[str]) -> Failing:
    code = match["code"]
    if code not in PROBLEMS:
        raise Rejected("unknown_reason", f'"{code}" is no reason to fail{did_you_mean(code, PROBLEMS)}')
    return Failing(PROBLEMS[code], int(match["times"]) if match["times"] else None, match["platform"] or "")


SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Odds:
    """How often what happens (0 to 1).

    `fails`, `slow`: for each platform of an attempt. `mixed` is what the provider calls a post of which a part
    failed: its guide does not say.
    """

    fails: float = 0.15
    slow: float = 0.02
    mixed: Literal["partial", "published", "failed"] = "partial"


@dataclass(frozen=True, slots=True)
class Target:
    """One platform's part of a post; `ordinal` counts (from 1) among equal platforms."""

    platform: str
    ordinal: int
    state: State
    url: str | None = None
    problem: Problem | None = None

    @property
    def key(self) -> str:
        """Its name inside the post: `instagram#1`."""
        return f"{self.platform}#{self.ordinal}"


@dataclass(frozen=True, slots=True)
class Step:
    """Something that the provider sends a webhook about; `after` counts from the beginning of the attempt.

    `status` is what the provider calls the whole; `targets` are all parts, also those that did not change.
    """

    after: timedelta
    event: str
    status: State
    targets: tuple[Target, ...]
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A post as far as its story depends on it."""

    post: str
    platforms: tuple[str, ...]
    wishes: Wishes = NO_WISHES


def untouched(platforms: Sequence[str], state: State) -> tuple[Target, ...]:
    """The targets of a new post, all in one state."""
    return tuple(
        Target(platform, platforms[: place + 1].count(platform), state) for place, platform in enumerate(platforms)
    )


def plan_story(seed: str, subject: Subject, attempt: int, odds: Odds) -> tuple[Step, ...]:
    """The steps of an attempt (from 1): it begins, platforms end one after the other, the last one closes it.

    A later attempt takes up only what failed before; where that could not be retried, it fails again.
    """
    chance = Chance(seed).about(subject.post, attempt)
    before = untouched(subject.platforms, State.SCHEDULED)
    if attempt > 1:
        before = plan_story(seed, subject, attempt - 1, odds)[-1].targets
    due = [target for target in before if target.state is not State.PUBLISHED]
    now = {target.key: target for target in before} | {
        target.key: replace(target, state=State.PUBLISHING, url=None, problem=None) for target in due
    }
    began = chance.span("begins", SECOND / 5, 2 * SECOND)
    steps = [Step(began, "post.publishing", State.PUBLISHING, tuple(now.values()))]
    ends = [] if subject.wishes.never else sorted(
        (began + _takes(subject, target, chance, odds), target.key, _end(subject, target, attempt, chance, odds))
        for target in due
    )  # fmt: skip
    for after, key, target in ends:
        now[key] = target
        steps.append(_step(after, tuple(now.values()), odds))
    return tuple(steps)


def _takes(subject: Subject, target: Target, chance: Chance, odds: Odds) -> timedelta:
    chance = chance.about(target.key)
    if subject.wishes.slow or chance.happens("slow", odds.slow):
        return chance.span("takes", 20 * MINUTE, 40 * MINUTE)
    return chance.span("takes", 2 * SECOND, 20 * SECOND)


def _end(subject: Subject, target: Target, attempt: int, chance: Chance, odds: Odds) -> Target:
    problem = _problem(subject, target, attempt, chance.about(target.key), odds)
    if problem is not None:
        return replace(target, state=State.FAILED, url=None, problem=problem)
    url = f"https://{target.platform}.example/p/{subject.post}/{target.ordinal}"
    return replace(target, state=State.PUBLISHED, url=url, problem=None)


def _problem(subject: Subject, target: Target, attempt: int, chance: Chance, odds: Odds) -> Problem | None:
    if subject.wishes.decided:
        return subject.wishes.problem(target.platform, attempt)
    if target.problem is not None and not target.problem.retryable:
        return target.problem
    return chance.pick("reason", list(PROBLEMS.values())) if chance.happens("fails", odds.fails) else None


def _step(after: timedelta, targets: tuple[Target, ...], odds: Odds) -> Step:
    state = derive([target.state for target in targets])
    if state is State.PUBLISHING:
        return Step(after, "post.updated", state, targets)
    status = State(odds.mixed) if state is State.PARTIAL else state
    event = "post.failed" if status is State.FAILED else "post.published"
    problem = next((target.problem for target in targets if target.problem), None)
    return Step(after, event, status, targets, None if status is State.PUBLISHED else problem)

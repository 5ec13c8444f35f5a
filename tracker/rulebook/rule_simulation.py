"""A stage for rules: facts are told, time passes, and what the rules do about it is noted.

Every action is taken at once and goes well, but for a send for which its run waits; what the provider takes is true of
the post, as it is live. Pauses have no jitter, so that a test can name the moment.
"""

from __future__ import annotations

import json
from bisect import insort
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import asdict, replace

from tracker.domain.payloads import AlertPayload, Companion, Payload, made_true
from tracker.domain.posts.arrival import about_no_post, arrive
from tracker.domain.posts.change import Change, PostView
from tracker.domain.posts.event import Fact
from tracker.domain.posts.post import Post
from tracker.domain.rules.decision import Timer
from tracker.domain.rules.periodic import since_of
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.rules.step import RetryStep, Step
from tracker.domain.runs.engine_state import ActionRequest, Outcome
from tracker.domain.runs.run import Run
from tracker.domain.runs.run_signals import Label
from tracker.domain.runs.simulation import Simulation

MOST_MOMENTS = 20_000
"""At which timers come within one test."""


class TooLong(Exception):
    """Raised where timers come at more than MOST_MOMENTS."""


@dataclass(eq=False)
class Message:
    """Something that rules do: an action, or alerts of a group that go out as one, when the earliest is due.

    `hidden` says why nobody gets it, where that is so.
    """

    parts: list[tuple[datetime, ActionRequest]]
    hidden: str = ""

    @property
    def at(self) -> datetime:
        """When it is due."""
        return self.parts[0][0]

    @property
    def asked(self) -> ActionRequest:
        """The action, or of a group the one that leads."""
        return self.parts[0][1]

    @property
    def payload(self) -> Payload:
        """What is said, with the alerts that travel along."""
        said, others = self.asked.action.payload, [asked.action.payload for _, asked in self.parts[1:]]
        if not others or not isinstance(said, AlertPayload):
            return said
        told = tuple(Companion(one.title, one.post, one.key) for one in others if isinstance(one, AlertPayload))
        return replace(said, others=told)


@dataclass
class _Stage(Simulation):
    """A simulation in which the clock gathers what happens in the very first moment too: a timeline calls it 0s.

    What becomes of a send for which a run waits, the timeline tells.
    """

    def awaited_sends(self) -> list[ActionRequest]:
        """The sends for which runs wait."""
        there = {one.asked.action.id: one.asked for one in self.taken if one.asked.action.verb == "send"}
        return [there[run.pending] for run in self.memory.runs.values() if run.pending in there]

    def _is_taken(self, asked: ActionRequest) -> bool:
        run = self.memory.runs.get(asked.run) if asked.run and asked.action.verb == "send" else None
        return super()._is_taken(asked) and not (run and run.pending == asked.action.id)

    def _since(self, timer: Timer, trigger: object) -> Sequence[Change] | Sequence[PostView]:
        found = super()._since(timer, trigger)
        if since_of(timer) != self.begun or not getattr(trigger, "over", ()):
            return found
        later = [change for change in found if isinstance(change, Change)]
        return [*(change for change in self._gathered if change.received_at == self.begun), *later]

    def __post_init__(self) -> None:
        self.begun = self.now
        super().__post_init__()


@dataclass
class RuleSimulation:
    """Rules, and all that became of them up to `now`."""

    rules: RuleIndex
    now: datetime
    _posts: dict[str, Post] = field(default_factory=dict)
    _facts: dict[str, list[Fact]] = field(default_factory=dict)
    _told: deque[Fact] = field(default_factory=deque)
    _starts: dict[str, Post | None] = field(default_factory=dict)
    _seen: int = 0
    _moments: int = 0
    _unsaid: set[UUID] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.taken: list[Message] = []
        """Everything that the rules did, in its order, as people and other systems get it."""
        self.world = _Stage(self.rules, self.now, after_action=self._taken_up, labelled=self._labelled)

    @property
    def unfit(self) -> list[str]:
        """Conditions that could not be evaluated, with the reason."""
        return [f"{one.rule}: {one.detail}" for one in self.world.firings if one.outcome is Outcome.ERROR]

    def hear(self, fact: Fact, start: Post | None = None) -> None:
        """The fact arrives now; `start` is what was known of its post before anything was heard of it."""
        self._starts.setdefault(fact.post or "", start)
        self._told.append(fact)
        self._catch_up()

    def wait_until(self, moment: datetime) -> None:
        """Let time pass, and every timer on the way come at its time. Raises TooLong."""
        while (due_at := self._next_due()) and due_at <= moment:
            self._moments += 1
            if self._moments > MOST_MOMENTS:
                raise TooLong(f"timers come more than {MOST_MOMENTS} times: let the test end sooner")
            self.world.pass_time(due_at)
            self._catch_up()
        self.world.pass_time(moment)
        self.now = self.world.now

    def restart(self) -> None:
        """Nothing is known any more but what has been stored."""
        world = self.world
        for run in list(world.memory.runs.values()):
            world.memory.runs[run.id] = msgspec.json.decode(msgspec.json.encode(run), type=Run)
        stored = [(json.dumps(asdict(timer), default=datetime.isoformat), run) for timer, run in world.timers.values()]
        world.restore_timers((_timer(json.loads(text)), run) for text, run in stored)

    def reload(self) -> None:
        """Put the rules in force once more."""
        self.world.exchange(self.rules)

    def _next_due(self) -> datetime | None:
        return min((timer.due_at for timer, _ in self.world.timers.values()), default=None)

    def _catch_up(self) -> None:
        """Let every fact come in, and those that follow from it."""
        while self._told:
            fact = self._told.popleft()
            if fact.post is None:
                self.world.see(about_no_post(fact))
                continue
            post = fact.post
            earlier = self._facts.setdefault(post, [])
            self._posts[post], change = arrive(self._posts.get(post), fact, tuple(earlier), self._starts.get(post))
            earlier.append(fact)
            self.world.see(change)
        self._gather()

    def _gather(self) -> None:
        """Take note of what was done since, and of what was taken back before it was due."""
        for gone in self.world.withdrawn:
            for message in self.taken:
                mine = [part for part in message.parts if part[1].action.id == gone]
                if mine and message.at > self.world.now:
                    self._unsaid.add(gone)
                    message.parts = [part for part in message.parts if part not in mine] or mine
                    message.hidden = message.hidden or ("taken back" if message.parts == mine else "")
        self.world.withdrawn.clear()
        for one in self.world.noted[self._seen :]:
            part, asked = (max(one.at, one.asked.action.due_at), one.asked), one.asked
            hidden = (asked.why or asked.fate) if asked.fate != "pending" else ""
            if getattr(asked.action.payload, "of", None) in self._unsaid:
                hidden = "nobody has heard of what it is about"
            waiting = self.taken if asked.action.group and not hidden else ()
            leading = next((m for m in waiting if m.at > one.at and _travel_together(m, asked)), None)
            if leading:
                insort(leading.parts, part, key=itemgetter(0))
            else:
                self.taken.append(Message([part], hidden))
        self._seen = len(self.world.noted)

    def _taken_up(self, asked: ActionRequest) -> None:
        if true := made_true(asked.action.verb, asked.action.payload):
            self._told.append(
                self._own(str(asked.action.id), "action.done", "action", asked.post, asked.provider, **true)
            )

    def _labelled(self, label: Label, run: Run) -> None:
        self._told.append(self._own(label.key, "post.labelled", "rule", run.post, run.provider, labels=label.labels))

    def _own(self, name: str, event: str, source: str, post: str | None, provider: str, **said: Any) -> Fact:
        now = self.world.now
        return Fact(name, provider, post, event, source, now, now, 0, **said)


def _travel_together(message: Message, asked: ActionRequest) -> bool:
    one, other = message.asked.action, asked.action
    return not message.hidden and (one.group, one.verb, one.target) == (other.group, other.verb, other.target)


def calm(rule: Rule, *, enabled: bool = True) -> Rule:
    """The rule without jitter and without a canary, `enabled` or not whatever it says."""
    branches = {name: tuple(map(_calm, steps)) for name, steps in rule.branches.items()}
    return replace(rule, do=tuple(map(_calm, rule.do)), branches=branches, canary=None, enabled=enabled)


def _calm(step: Step) -> Step:
    return replace(step, backoff=replace(step.backoff, jitter=0)) if isinstance(step, RetryStep) else step


def _timer(data: Mapping[str, Any]) -> Timer:
    return Timer(**{**data, "due_at": datetime.fromisoformat(data["due_at"])})

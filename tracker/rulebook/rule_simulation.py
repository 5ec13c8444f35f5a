"""A stage for rules: facts are told, time passes, and what the rules do about it is noted.

Every action is taken at once and goes well; a retry that is taken begins the next attempt, as it does live. Pauses
have no jitter, so that a test can name the moment.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec.structs import asdict, replace

from tracker.domain.payloads import RetryPayload
from tracker.domain.posts.arrival import arrive
from tracker.domain.posts.change import Change
from tracker.domain.posts.event import Fact, State
from tracker.domain.posts.post import Post
from tracker.domain.rules.decision import Timer
from tracker.domain.rules.periodic import since_of
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.rules.step import RetryStep, Step
from tracker.domain.runs.engine_state import ActionRequest
from tracker.domain.runs.firing import Outcome
from tracker.domain.runs.run import Run
from tracker.domain.runs.run_signals import Label
from tracker.domain.runs.simulation import Simulation, Taken

__all__ = ["RuleSimulation", "Taken", "calm"]


@dataclass
class _Stage(Simulation):
    """A simulation in which the clock gathers what happens in the very first moment too: a timeline calls it 0s."""

    def _since(self, timer: Timer, trigger: object) -> Sequence[Change]:
        found = super()._since(timer, trigger)
        if since_of(timer) != self.begun or not getattr(trigger, "over", ()):
            return found
        return [*(change for change in self._gathered if change.received_at == self.begun), *found]

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

    def __post_init__(self) -> None:
        self.world = _Stage(self.rules, self.now, after_action=self._taken_up, labelled=self._labelled)

    @property
    def taken(self) -> list[Taken]:
        """Everything that the rules did, in its order."""
        return self.world.noted

    @property
    def unfit(self) -> list[str]:
        """Conditions that could not be evaluated, with the reason."""
        return [f"{one.rule}: {one.detail}" for one in self.world.firings if one.outcome is Outcome.ERROR]

    def hear(self, fact: Fact) -> None:
        """The fact arrives now."""
        self._told.append(fact)
        self._catch_up()

    def wait_until(self, moment: datetime) -> None:
        """Let time pass, and every timer on the way come at its time."""
        while due := [timer.due_at for timer, _ in self.world.timers.values() if timer.due_at <= moment]:
            self.world.pass_time(min(due))
            self._catch_up()
        self.world.pass_time(moment)
        self.now = self.world.now

    def restart(self) -> None:
        """Nothing is known any more but what has been stored."""
        world = self.world
        for run in list(world.memory.runs.values()):
            world.memory.runs[run.id] = Run.from_data(json.loads(json.dumps(run.to_data())))
        stored = [(json.dumps(asdict(timer), default=datetime.isoformat), run) for timer, run in world.timers.values()]
        world.restore_timers((_timer(json.loads(text)), run) for text, run in stored)

    def reload(self, rules: Iterable[Rule]) -> None:
        """Other rules are in force."""
        self.world.exchange(RuleIndex(calm(rule) for rule in rules))

    def _catch_up(self) -> None:
        """Let every fact come in, and those that follow from it."""
        while self._told:
            fact = self._told.popleft()
            post = fact.post or ""
            earlier = self._facts.setdefault(post, [])
            self._posts[post], change = arrive(self._posts.get(post), fact, tuple(earlier))
            earlier.append(fact)
            self.world.see(change)

    def _taken_up(self, asked: ActionRequest) -> None:
        said = asked.action.payload
        if isinstance(said, RetryPayload):
            retrying: dict[str, Any] = {"state": State.RETRYING, "attempt": said.following}
            self._told.append(
                self._own(str(asked.action.id), "action.done", "action", asked.post, asked.provider, **retrying)
            )

    def _labelled(self, label: Label, run: Run) -> None:
        self._told.append(self._own(label.key, "post.labelled", "rule", run.post, run.provider, labels=label.labels))

    def _own(self, name: str, event: str, source: str, post: str | None, provider: str, **said: Any) -> Fact:
        now = self.world.now
        return Fact(name, provider, post, event, source, now, now, 0, **said)


def calm(rule: Rule) -> Rule:
    """The rule without jitter, and in force even where it is switched off."""
    branches = {name: tuple(map(_calm, steps)) for name, steps in rule.branches.items()}
    return replace(rule, do=tuple(map(_calm, rule.do)), branches=branches, canary=None, enabled=True)


def _calm(step: Step) -> Step:
    return replace(step, backoff=replace(step.backoff, jitter=0)) if isinstance(step, RetryStep) else step


def _timer(data: Mapping[str, Any]) -> Timer:
    return Timer(**{**data, "due_at": datetime.fromisoformat(data["due_at"])})

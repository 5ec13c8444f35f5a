"""What a simulation keeps: the rules under way about each post, and what they did without an action."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from tracker.domain.actions import ActionSpec
from tracker.domain.duration import format_duration
from tracker.domain.payloads import OtherPayload
from tracker.domain.rules.decide import Busy
from tracker.domain.rules.decision import Timer
from tracker.domain.rules.grouping import OWN
from tracker.domain.runs.engine_state import OPEN, ActionRequest, Effects
from tracker.domain.runs.run import Run


def without_actions(effects: Effects, at: datetime) -> Iterator[ActionRequest]:
    """What rules do by themselves, in the form of actions that nobody has to perform."""
    for pause in effects.pauses:
        said = OtherPayload({"for": format_duration(pause.until - at)})
        yield ActionRequest(ActionSpec("pause", pause.rule, said, f"pause:{pause}", at), pause.by, "", None, "", None)
    for rule, scope in effects.released:
        yield ActionRequest(
            ActionSpec("resume", rule, OtherPayload({}), f"resume:{rule}:{scope}:{at}", at), "", "", None, "", None
        )
    for label, run, _ in effects.labels:
        spec = ActionSpec("set", run.post or "", OtherPayload(label.labels), label.key, at)
        yield ActionRequest(spec, run.rule, run.revision, run.id, run.provider, run.post)


PostKey = tuple[str, str]
Noted = dict[str, set[object]]
"""Keys of timers, or ids of runs, by rule; no rule is there without one."""


@dataclass
class UnderWay:
    """Timers of rules and open runs, by the post that they are about; runs of accounts and the like by themselves."""

    _armed: dict[PostKey, Noted] = field(default_factory=dict)
    _running: dict[PostKey, Noted] = field(default_factory=dict)
    _shared: Noted = field(default_factory=dict)

    def busy(self, post: PostKey) -> Busy:
        """The ids of rules with a timer or an open run about the post."""
        running = self._running.get(post, {})
        shared = running.keys() | self._shared.keys() if self._shared else running
        return Busy(self._armed.get(post, {}), shared)

    def arm(self, timer: Timer) -> None:
        """The timer has been set."""
        _note(self._armed, (timer.provider, timer.post or ""), timer.rule, (timer.key, timer.kind))

    def disarm(self, timer: Timer) -> None:
        """The timer is there no more."""
        _drop(self._armed, (timer.provider, timer.post or ""), timer.rule, (timer.key, timer.kind))

    def move(self, run: Run) -> None:
        """Note whether the run, as it is now, is open."""
        own, post = run.per in OWN, (run.provider, run.post or "")
        if own and run.state in OPEN:
            _note(self._running, post, run.rule, run.id)
        elif own:
            _drop(self._running, post, run.rule, run.id)
        elif run.state in OPEN:
            self._shared.setdefault(run.rule, set()).add(run.id)
        else:
            _discard(self._shared, run.rule, run.id)


def _note(about: dict[PostKey, Noted], post: PostKey, rule: str, what: object) -> None:
    about.setdefault(post, {}).setdefault(rule, set()).add(what)


def _drop(about: dict[PostKey, Noted], post: PostKey, rule: str, what: object) -> None:
    noted = about.get(post)
    if noted:
        _discard(noted, rule, what)
        if not noted:
            del about[post]


def _discard(noted: Noted, rule: str, what: object) -> None:
    left = noted.get(rule)
    if left:
        left.discard(what)
        if not left:
            del noted[rule]

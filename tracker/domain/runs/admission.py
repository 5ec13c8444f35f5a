"""Whether a firing may become a run: not while its rule is paused, too early, too often, or beyond its budget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tracker.domain.actions import ActionSpec
from tracker.domain.duration import format_duration
from tracker.domain.payloads import AlertPayload
from tracker.domain.rules.decision import Fire
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.step import AlertStep
from tracker.domain.runs.engine_state import EngineState
from tracker.domain.runs.firing import Outcome


@dataclass(frozen=True, slots=True)
class Verdict:
    """No `outcome`: it may. `count` is how often what it counts has happened; `tripped` how long its breaker holds."""

    outcome: Outcome | None = None
    detail: str = ""
    count: int = 0
    tripped: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """Judges firings by what is remembered."""

    memory: EngineState

    def of(self, fire: Fire, at: datetime) -> Verdict:
        """The first thing that stands against the firing, if anything does."""
        rule, key = fire.rule, fire.subject.key
        pause = self.memory.holds.pause_of(rule.id, fire.subject, at)
        if pause:
            return Verdict(Outcome.SUPPRESSED, f"paused by {pause.by} until {_shown(pause.until)}")
        count = 0
        if rule.count:
            count = rule.count.reached(self.memory.tally(rule.id, key, at - 2 * rule.count.window), fire.occurred_at)
            if count < rule.count.least:
                span = format_duration(rule.count.window)
                return Verdict(Outcome.COUNTED, f"{count} of {rule.count.least} within {span}")
        if rule.once and (last := self.memory.last_acted(rule.id, key, at, rule.once)):
            return Verdict(
                Outcome.SUPPRESSED, f"once in {format_duration(rule.once)}, and it fired at {_shown(last.at)}"
            )
        return self._within_budget(rule, at) or Verdict(count=count)

    def _within_budget(self, rule: Rule, at: datetime) -> Verdict | None:
        budget = rule.budget
        if budget is None:
            return None
        known = self.memory.spent.get(rule.id, ())
        if len(known) < budget.times or sum(moment > at - budget.per for moment in known) < budget.times:
            return None
        return Verdict(Outcome.SUPPRESSED, f"its budget of {budget} is used up", tripped=budget.per)

    def channel_of(self, rule: Rule) -> str | None:
        """Where the rule's people are."""
        return next((step.channel for step in rule.all_steps if isinstance(step, AlertStep)), None)

    def warning(self, fire: Fire, channel: str, until: datetime, at: datetime) -> ActionSpec:
        """The alert that a rule is held because it fires too often."""
        rule = fire.rule
        title = f'The rule "{rule.id}" fires more often than {rule.budget}, and is held until {_shown(until)}'
        payload = AlertPayload(
            title=title, severity="critical", rule=rule.id, key=f"{rule.id}/budget", provider=fire.subject.provider
        )
        return ActionSpec("alert", channel, payload, f"{rule.id}:budget:{until.isoformat()}", at)


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

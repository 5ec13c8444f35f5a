"""Whether a firing may become a run, and what becomes of what the run asks for.

Of a post there is one open retry, however many runs want one: whoever comes later joins it, and counts it as a try.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tracker.domain.actions import ActionSpec
from tracker.domain.calendar import quiet_until
from tracker.domain.duration import format_duration
from tracker.domain.payloads import AlertPayload
from tracker.domain.rate import Count
from tracker.domain.rules.choice import Choice
from tracker.domain.rules.decision import Fire
from tracker.domain.rules.grouping import Group, scope_of
from tracker.domain.rules.match_context import from_plain
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.rules.step import AlertStep, RetryStep
from tracker.domain.runs.engine_state import ActionRequest, EngineState, Outcome
from tracker.domain.runs.run import Phase, Run
from tracker.domain.runs.run_signals import TriedAlready
from tracker.domain.sentences import sentence


class RunScope(Group, frozen=True):
    """What a run is about, as far as it remembers, and `scope`, the name of everything under its key."""

    scope: str = ""


def scope_of_run(run: Run) -> RunScope:
    """What the run is about, as a group, and the scope that this is."""
    known = from_plain(run.context)
    platform, account = str(known["target.platform"]), str(known["target.account"])
    platforms = (platform,) if platform else tuple(map(str, _listed(known["post.platforms"])))
    told = known["post.attributes"]
    attributes = tuple(told.items()) if isinstance(told, dict) else ()
    return RunScope(
        run.key, run.provider, run.post, run.target, platforms, (account,) if account else (), None, attributes,
        scope_of(run.per, run.key),
    )  # fmt: skip


def fate_of(
    rules: RuleIndex, memory: EngineState, run: Run, rule: Rule, action: ActionSpec, at: datetime
) -> ActionRequest:
    """The action of a run, with whether it is to be done, only recorded, or hidden from people, and why."""
    asked = ActionRequest(action, run.rule, run.revision, run.id, run.provider, run.post)
    if run.shadow:
        return replace(asked, fate="shadow", why="canary")
    said = action.payload
    if not isinstance(said, AlertPayload):
        return asked
    # What takes an alert back goes to those who got it.
    why = None if said.resolved else _hidden_by(rules, memory, run, (action.target, said.severity), at)
    if why:
        return replace(asked, fate="hidden", why=why)
    # What is critical is told at any hour.
    over = quiet_until(rule.quiet, action.due_at) if rule.quiet and said.severity != "critical" else None
    if over is None:
        return asked
    # It comes as one with the rest of the night, but for what has a link of its own.
    group = action.group or (None if said.acknowledge else f"{rule.id}/{action.target}/quiet")
    return replace(asked, action=replace(action, due_at=over, group=group))


def with_fate(run: Run, asked: ActionRequest) -> Run:
    """The run, which remembers of an alert whether anybody got it."""
    said = asked.action.payload
    raised = said.of if isinstance(said, AlertPayload) and said.of else asked.action.id
    hidden = asked.fate == "hidden"
    notices = tuple(replace(one, hidden=hidden) if one.action == raised else one for one in run.notices)
    return replace(run, notices=notices) if notices != run.notices else run


def muting_keys(rules: RuleIndex, rule: str, subject: Group) -> Iterator[tuple[str, str]]:
    """The (rule, key) of every run that would mute an alert of the rule about the subject."""
    for muter in rules.muting.get(rule, ()):
        for scope in subject.within:
            per, _, key = scope.partition(" ")
            if per == muter.per:
                yield muter.id, key


def _hidden_by(rules: RuleIndex, memory: EngineState, run: Run, told: tuple[str, str], at: datetime) -> str | None:
    if not memory.holds.silences and run.rule not in rules.muting:
        return None
    subject = scope_of_run(run)
    for muter, key in muting_keys(rules, run.rule, subject):
        if memory.active.get((muter, key)):
            return sentence("muted", rule=muter)
    silence = memory.holds.silence_of(_values(run, told, subject), at)
    return sentence("silence", silence=silence.id) if silence else None


def _values(run: Run, told: tuple[str, str], subject: Group) -> Mapping[str, tuple[str, ...]]:
    channel, severity = told
    return {
        "rule": (run.rule,),
        "channel": (channel,),
        "severity": (severity,),
        "provider": (run.provider,),
        "platform": subject.platforms,
        "account": subject.accounts,
        "post": (run.post,) if run.post else (),
    }


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


class Verdict(Struct, frozen=True):
    """Whether a rule may fire: yes without `outcome`. `count`: occurrences counted; `tripped`: its breaker's span."""

    outcome: Outcome | None = None
    detail: str = ""
    count: int = 0
    tripped: timedelta | None = None


class Admission(Struct, frozen=True):
    """Judges whether firings may start runs: pauses, counts, cooldowns, budgets."""

    memory: EngineState

    def of(self, fire: Fire, at: datetime) -> Verdict:
        """The first thing that stands against the firing; a Verdict without outcome where nothing does."""
        rule, key = fire.rule, fire.subject.key
        pause = self.memory.holds.pause_of(rule.id, fire.subject, at)
        if pause:
            return Verdict(Outcome.SUPPRESSED, sentence("paused", by=pause.by, until=_shown(pause.until)))
        count = 0
        if rule.count:
            count, whole = self._counted(rule.count, fire, at)
            if (share := rule.count.share) and not (whole >= rule.count.least and share.reached(count, whole)):
                return Verdict(Outcome.COUNTED, sentence("share", count=count, whole=whole, wanted=rule.count))
            if not share and count < rule.count.least:
                code, span = "in_a_row" if rule.count.in_a_row else "count", format_duration(rule.count.window)
                return Verdict(Outcome.COUNTED, sentence(code, count=count, least=rule.count.least, span=span))
        if rule.once and (last := self.memory.last_acted(rule.id, key, at, rule.once)):
            told = sentence("once", span=format_duration(rule.once), fired_at=_shown(last.at))
            return Verdict(Outcome.SUPPRESSED, told)
        ahead = self.memory.ahead.get((rule.id, key))
        told = sentence("clock_ahead", fired_at=_shown(ahead)) if ahead else ""
        return self._within_budget(rule, at) or Verdict(count=count, detail=told)

    def _counted(self, count: Count, fire: Fire, at: datetime) -> tuple[int, int]:
        """How many are counted, and of a share in how many; its window ends with the newest that is known."""
        rule, key = fire.rule.id, fire.subject.key
        if count.in_a_row:
            row = self.memory.row(rule, key, at - count.window, fire.occurred_at)
            return 0 if row is None else len(row) + 1, 0
        times, beside = self.memory.tallied(rule, key, at - 2 * count.window)
        if not count.share:
            return count.reached(times, fire.occurred_at), 0
        times.append(fire.occurred_at)
        begin = max([*times, *beside]) - count.window
        return sum(one > begin for one in times), sum(one > begin for one in beside)

    def _within_budget(self, rule: Rule, at: datetime) -> Verdict | None:
        budget = rule.budget
        if budget is None:
            return None
        known = self.memory.spent.get(rule.id, ())
        if len(known) < budget.times or sum(moment > at - budget.per for moment in known) < budget.times:
            return None
        return Verdict(Outcome.SUPPRESSED, sentence("budget", budget=budget), tripped=budget.per)

    def turn_of(self, rule: Rule, at: datetime) -> tuple[datetime | None, str]:
        """When the run of a firing begins its steps, None where nothing puts that off, and why it is later than now.

        A throttled rule begins no more runs than its rate in any span of it: each keeps its place, whoever comes.
        """
        if rule.debounce:
            return rule.debounce.until(at, at), f"debounced by {rule.debounce}"
        if rule.throttle is None:
            return None, ""
        times, starts = rule.throttle.times, self.memory.starts.setdefault(rule.id, [])
        turn = max(at, starts[-times] + rule.throttle.per) if len(starts) >= times else at
        insort(starts, turn)
        del starts[:-times]
        return turn, f"throttled to {rule.throttle}: it begins at {_shown(turn)}" if turn > at else ""

    def channel_of(self, rule: Rule) -> str | None:
        """The channel of the rule's first alert, of a table the one of its last row; None: it has none."""
        named = next((step.channel for step in rule.all_steps if isinstance(step, AlertStep)), None)
        return named.usual if isinstance(named, Choice) else named

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


def open_try(rules: RuleIndex, memory: EngineState, run: Run) -> TriedAlready | None:
    """The retry of the run's post that another run has asked for, as long as it has not ended."""
    for other in memory.beside(run):
        if other.phase is Phase.ACTING and other.pending and _is_at_a_retry(rules, other):
            return TriedAlready(other.pending, other.rule)
    return None


def joining(rules: RuleIndex, memory: EngineState, run: Run, at: datetime) -> Iterator[Run]:
    """The runs that wait before a try of the post for which this run has just asked; a held one goes on waiting."""
    for other in memory.beside(run):
        held = memory.holds.pause_of(other.rule, scope_of_run(other), at)
        if other.phase is Phase.BACKOFF and not held and _is_at_a_retry(rules, other):
            yield other


def sharing(memory: EngineState, run: Run, action: UUID) -> Iterator[Run]:
    """The other runs that wait for the end of the same action."""
    return (other for other in memory.beside(run) if other.phase is Phase.ACTING and other.pending == action)


def _is_at_a_retry(rules: RuleIndex, run: Run) -> bool:
    rule = rules.by_id.get(run.rule)
    steps = rule.steps(run.branch) if rule else ()
    return run.step < len(steps) and isinstance(steps[run.step], RetryStep)

"""What becomes of what a run asks for: done now, held for the quiet hours, hidden, or only noted for a canary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from tracker.domain.actions import ActionSpec
from tracker.domain.payloads import AlertPayload
from tracker.domain.rules.grouping import Group, GroupBy, from_plain, scope_of
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.runs.engine_state import ActionRequest, EngineState
from tracker.domain.runs.run import Run


@dataclass(frozen=True, slots=True)
class RunScope(Group):
    """What a run is about, as far as it remembers, and `scope`, the name of everything under its key."""

    scope: str = ""


def scope_of_run(run: Run) -> RunScope:
    """What the run is about."""
    known = from_plain(run.context)
    platform, account = str(known["target.platform"]), str(known["target.account"])
    platforms = (platform,) if platform else tuple(map(str, _listed(known["post.platforms"])))
    return RunScope(
        run.key, run.provider, run.post, run.target, platforms, (account,) if account else (), None,
        scope_of(GroupBy(run.per), run.key),
    )  # fmt: skip


def fate_of(
    rules: RuleIndex, memory: EngineState, run: Run, rule: Rule, action: ActionSpec, at: datetime
) -> ActionRequest:
    """The action with what becomes of it."""
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
    later = _after_the_quiet(action, rule)
    return asked if later is action else replace(asked, action=later)


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
            return f"muted by {muter}"
    silence = memory.holds.silence_of(_values(run, told, subject), at)
    return f"silence {silence.id}" if silence else None


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


def _after_the_quiet(action: ActionSpec, rule: Rule) -> ActionSpec:
    """What would disturb waits until the morning, and comes as one with the rest of the night."""
    over = rule.quiet.over_at(action.due_at) if rule.quiet else None
    if over is None:
        return action
    return replace(action, due_at=over, group=action.group or f"{rule.id}/{action.target}/quiet")


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []

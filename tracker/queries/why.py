"""Why: for a post and each rule, what the rule did about it, or why it did nothing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tracker.domain.posts.post import Post, view
from tracker.queries import why_reports
from tracker.rulebook.answers import OFF, Explanation, moment, on_record
from tracker.rulebook.explain import Story, explain
from tracker.store.posts import changes
from tracker.store.reactions import rule_switches, timers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from tracker.domain.posts.change import Change
    from tracker.domain.rules.rule import Rule
    from tracker.domain.runs.firing import Firing
    from tracker.queries.why_reports import ActionTaken, Recorded
    from tracker.store.database import Connection

MOST_CHANGES = 200
"""How far back a post's changes are looked at; firings on record are told in any case."""

MOST_REASONS = 50


@dataclass(frozen=True, slots=True)
class Reason:
    """What a rule made of one thing that happened; for a firing, how its run stands and what it asked for."""

    explanation: Explanation
    run_state: str | None = None
    actions: Sequence[ActionTaken] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """All that a rule made of a post, the most telling first; no `revision`: no file has the rule any more."""

    rule: str
    revision: str | None
    reasons: Sequence[Reason]


async def why(conn: Connection, post: Post, rules: Sequence[Rule], now: datetime, only: str | None) -> list[Answer]:
    """What each rule (or `only` one) made of the post; what fired comes first, then what came closest."""
    recorded = await why_reports.firings_about(conn, post.provider, post.id, only)
    runs = {one.firing.run for one in recorded if one.firing.run}
    taken: dict[UUID, list[ActionTaken]] = defaultdict(list)
    for action in await why_reports.actions_of(conn, runs):
        taken[action.run].append(action)
    switches = await rule_switches.by_rule(conn)
    asking = _Asking(
        post,
        await changes.newest_of_post(conn, post.provider, post.id, MOST_CHANGES),
        recorded,
        taken,
        await timers.armed_revisions(conn),
        {name: switch.enabled for name, switch in switches.items()},
        now,
    )
    wanted = [rule for rule in rules if only in (None, rule.id)]
    return await asyncio.to_thread(asking.answers, wanted)


@dataclass(frozen=True, slots=True)
class _Asking:
    post: Post
    changes: Sequence[Change]
    recorded: Sequence[Recorded]
    taken: Mapping[UUID, Sequence[ActionTaken]]
    armed: Mapping[str, tuple[str, datetime]]
    switched: Mapping[str, bool]
    now: datetime

    def answers(self, rules: Sequence[Rule]) -> list[Answer]:
        known = {rule.id for rule in rules}
        gone = dict.fromkeys(one.firing.rule for one in self.recorded if one.firing.rule not in known)
        found = [self._answer(rule) for rule in rules] + [self._gone(name) for name in gone]
        return sorted(found, key=lambda answer: (answer.reasons[0].explanation.rank, answer.rule))

    def _answer(self, rule: Rule) -> Answer:
        armed = self.armed.get(rule.id)
        story = Story(
            self.changes,
            view(self.post),
            {(one.key, one.cause): one for one in self._firings(rule.id)},
            self.now,
            armed[1] if armed and armed[0] == rule.revision else None,
        )
        found = explain(replace(rule, enabled=self.switched.get(rule.id, rule.enabled)), story)
        return Answer(rule.id, rule.revision, self._reasons(found))

    def _gone(self, rule: str) -> Answer:
        found = [on_record(one, "") for one in self._firings(rule)]
        return Answer(rule, None, self._reasons([*found, Explanation(OFF, "no file has a rule of that name any more")]))

    def _firings(self, rule: str) -> list[Firing]:
        return [one.firing for one in self.recorded if one.firing.rule == rule]

    def _reasons(self, found: Iterable[Explanation]) -> list[Reason]:
        of_runs = {one.firing.identity: one for one in self.recorded}
        return [self._reason(one, of_runs) for one in list(found)[:MOST_REASONS]]

    def _reason(self, one: Explanation, recorded: Mapping[tuple[str, str, str], Recorded]) -> Reason:
        if one.firing is None:
            return Reason(one, text=one.text)
        kept = recorded[one.firing.identity]
        actions = self.taken.get(one.firing.run, ()) if one.firing.run else ()
        return Reason(one, kept.run_state, actions, _told(one, kept, actions))


def _told(one: Explanation, kept: Recorded, actions: Iterable[ActionTaken]) -> str:
    """The whole of it in one sentence."""
    said = [f"{one.text}{f' on {one.event}' if one.event else ''}"]
    if kept.run_state:
        said.append(f"its run is {kept.run_state}{f' ({kept.run_why})' if kept.run_why else ''}")
    return "; ".join([*said, *map(_came_to, actions)])


def _came_to(action: ActionTaken) -> str:
    what = f"{action.verb} {action.target}"
    match action.state:
        case "hidden":
            return f"{what} was kept from people: {action.hidden_by}"
        case "shadow":
            return f"{what} was only noted: the rule is a canary"
        case "pending":
            return f"{what} is due at {moment(action.due_at)}"
        case "claimed":
            return f"{what} is under way"
    reason = f" ({action.reason})" if action.reason not in (None, "ok") else ""
    return f"{what} is {action.state}{reason}"

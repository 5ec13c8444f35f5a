"""Why: for a post and each rule, what the rule did about it, or why it did nothing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tracker.domain.posts.post import Post, view
from tracker.queries import why_facts
from tracker.rulebook.explain import Story, explain
from tracker.rulebook.explanations import OFF, Explanation, moment, on_record
from tracker.store.posts import changes
from tracker.store.reactions import rule_switches, timers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from tracker.domain.rules.rule import Rule
    from tracker.domain.runs.firing import Identity
    from tracker.queries.why_facts import ActionTaken, Recorded
    from tracker.store.database import Connection

MOST_CHANGES = 200
"""How far back a post's changes are looked at; firings on record are told in any case."""

MOST_REASONS = 50
GONE = Explanation(OFF, "no file has a rule of that name any more")


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
    recorded = await why_facts.firings_about(conn, post.provider, post.id, only)
    runs = {one.firing.run for one in recorded if one.firing.run}
    taken: dict[UUID, list[ActionTaken]] = defaultdict(list)
    for action in await why_facts.actions_of(conn, runs):
        taken[action.run].append(action)
    switches = await rule_switches.switches_by_rule(conn)
    wanted = [rule for rule in rules if only in (None, rule.id)]
    revisions = {rule.id: rule.revision for rule in wanted}
    armed = await timers.armed_revisions(conn)
    story = Story(
        await changes.newest_of_post(conn, post.provider, post.id, MOST_CHANGES),
        view(post),
        {one.firing.identity: one.firing for one in recorded},
        now,
        {name: since for name, (revision, since) in armed.items() if revision == revisions.get(name)},
    )
    switched = [replace(rule, enabled=switches[rule.id].enabled) if rule.id in switches else rule for rule in wanted]
    told = await asyncio.to_thread(explain, switched, story)
    for firing in story.firings.values():
        if firing.rule not in revisions:
            told.setdefault(firing.rule, [GONE]).insert(-1, on_record(firing, ""))
    kept = {one.firing.identity: one for one in recorded}
    answers = [
        Answer(name, revisions.get(name), [_reason(one, kept, taken) for one in reasons[:MOST_REASONS]])
        for name, reasons in told.items()
    ]
    return sorted(answers, key=lambda answer: (answer.reasons[0].explanation.rank, answer.rule))


def _reason(
    one: Explanation, recorded: Mapping[Identity, Recorded], taken: Mapping[UUID, Sequence[ActionTaken]]
) -> Reason:
    if one.firing is None:
        return Reason(one, text=one.text)
    kept = recorded[one.firing.identity]
    actions = taken.get(one.firing.run, ()) if one.firing.run else ()
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

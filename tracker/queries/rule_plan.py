"""What rules would come to if they were put in force now: the timers and runs that they cancel, keep and begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from tracker.domain.posts.post import Post, view
from tracker.domain.rules import rearming
from tracker.domain.rules.timers import states_awaited
from tracker.domain.runs.run import Phase, can_stand
from tracker.rulebook.endpoint_rules import rule_of_endpoint
from tracker.store.reactions import rule_book, runs, timers, webhook_endpoints
from tracker.stream.shared_waits import first_shared_waits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from tracker.domain.rules.decision import Fire
    from tracker.domain.rules.rule import Rule
    from tracker.domain.rules.rule_index import RuleIndex
    from tracker.store.database import Connection

MOST_NAMED = 20
POSTS_AT_ONCE = 1000

TIMERS_SET = """
select rule, meaning, count(*) as number, (array_agg(key order by key))[:$1] as keys
  from timers where run is null
 group by rule, meaning
"""

OPEN_RUNS = """
select rule, coalesce(data ->> 'phase', 'new') as phase, coalesce(data ->> 'branch', 'do') as branch,
       coalesce((data ->> 'step')::integer, 0) as step,
       count(*) as number, (array_agg(key order by key))[:$1] as keys
  from runs where state in ('active', 'queued')
 group by 1, 2, 3, 4
"""


class Several(Struct):
    """How many there are, and what the first of them are about."""

    count: int = 0
    keys: Annotated[list[str], Meta(description=f"What the rule counts as one, of {MOST_NAMED} of them at most.")] = []

    def add(self, keys: Sequence[str], count: int | None = None) -> None:
        """More of them: so many, or one for each key."""
        self.count += len(keys) if count is None else count
        self.keys += keys[: MOST_NAMED - len(self.keys)]


class RulePlan(Struct):
    """What becomes of one rule, its timers and its runs."""

    rule: str
    change: Annotated[
        Literal["new", "edited", "kept", "off", "removed"],
        Meta(description="edited: it means something else. kept: at most its looks have changed."),
    ]
    cancelled: Annotated[Several, Meta(description="Timers that are taken away.")]
    armed: Annotated[Several, Meta(description="Timers that are set for what is there already.")]
    kept: Annotated[Several, Meta(description="Timers that stay as they are.")]
    ended: Annotated[Several, Meta(description="Runs that end at their next move.")]
    running: Annotated[Several, Meta(description="Runs that go on, by the new text.")]
    at_once: Annotated[Several, Meta(description="What it fires for as soon as it is there, if nothing holds it.")]


async def rule_plan(conn: Connection, rules: Sequence[Rule], now: datetime) -> list[RulePlan]:
    """What becomes of each rule that there is or was, if these are put in force; worked out as it is done then."""
    by_hand = {rule: switch.enabled for rule, switch in (await rule_book.switches_by_rule(conn)).items()}
    # Endpoints made at run time rest on no file: their rules stay as they are.
    made = [rule_of_endpoint(one.id, one.events, one.filter) for one in await webhook_endpoints.list_all(conn)]
    rules = [*rules, *(rule for book in made for rule in book.rules)]
    index = rearming.switched(rules, by_hand)
    armed, there = await timers.armed_revisions(conn), await timers.there_since(conn)
    index.there_since = {rule.id: there.get(rule.id, now) for rule in index}
    anew = rearming.meaning_anew(index, {name: revision for name, (revision, _) in armed.items()})
    timers_set, runs = await conn.fetch(TIMERS_SET, MOST_NAMED), await conn.fetch(OPEN_RUNS, MOST_NAMED)
    there_are, written = {*index.by_id, *armed, *(row["rule"] for row in (*timers_set, *runs))}, {r.id for r in rules}

    def change(name: str) -> Literal["new", "edited", "kept", "off", "removed"]:
        if name not in index.by_id:
            return "off" if name in written else "removed"
        return "kept" if name not in anew else "edited" if name in armed else "new"

    plans = {name: RulePlan(name, change(name), *(Several() for _ in range(6))) for name in sorted(there_are)}
    for row in timers_set:
        rule, plan = index.by_id.get(row["rule"]), plans[row["rule"]]
        stays = rule and row["meaning"] == rule.revision
        (plan.kept if stays else plan.cancelled).add(row["keys"], row["number"])
    for row in runs:
        rule, plan = index.by_id.get(row["rule"]), plans[row["rule"]]
        stays = rule and can_stand(rule, Phase(row["phase"]), row["branch"], row["step"])
        (plan.running if stays else plan.ended).add(row["keys"], row["number"])
    await _arm(conn, index, anew, plans, now)
    return list(plans.values())


async def _arm(
    conn: Connection, index: RuleIndex, anew: Mapping[str, Rule], plans: Mapping[str, RulePlan], now: datetime
) -> None:
    shared = await first_shared_waits(conn, index, anew, now)
    for arm in (*rearming.first_waits(index, anew, now), *shared):
        plans[arm.rule.id].armed.add([arm.timer.key])
    await _add_at_once(conn, plans, rearming.fires_at_once(shared, None, now))
    after, states = ("", ""), states_awaited(anew.values())
    while states and (page := await timers.posts_in(conn, states, after, POSTS_AT_ONCE)):
        posts = [msgspec.json.decode(text, type=Post) for text in page]
        after = (posts[-1].provider, posts[-1].id)
        fires: list[Fire] = []
        for seen in map(view, posts):
            arms = rearming.waits_for(index, anew, seen)
            fires += rearming.fires_at_once(arms, seen, now)
            for arm in arms:
                plans[arm.rule.id].armed.add([arm.timer.key])
        await _add_at_once(conn, plans, fires)


async def _add_at_once(conn: Connection, plans: Mapping[str, RulePlan], fires: Iterable[Fire]) -> None:
    """Add what is not on record already."""
    found = {(fire.rule.id, fire.subject.key, fire.cause): fire for fire in fires}
    on_record = await runs.known(conn, found)
    for rule, key, cause in found:
        if (rule, key, cause) not in on_record:
            plans[rule].at_once.add([key])

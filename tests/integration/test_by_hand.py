"""What people do by hand is honoured by the processor, and is on record like everything else."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from tests.integration.corridor import Corridor
from tests.integration.ruled import in_force
from tests.integration.told import NOON, PROVIDER, told
from tracker.domain.actions import Backoff
from tracker.domain.rules.event_pattern import parse_event_pattern
from tracker.domain.rules.rule import Mode, On, Rule
from tracker.domain.rules.step import AlertStep, RetryStep, WaitStep
from tracker.domain.runs.engine_state import Silence
from tracker.errors import NotFound, Rejected
from tracker.facts import commands
from tracker.store.wakeups import RULES, Wakeups

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.process.active_rules import ActiveRules
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

MANUAL = """
(select position, kind, convert_from(body, 'UTF8')::json->'detail' as detail from events where source = 'manual') told
"""

ALERT = AlertStep("ops", lambda _: "look")
RETRY = RetryStep("publish", 3, Backoff(timedelta(minutes=1)))
FILE = """
[rule.on-failure]
on = "post.failed"
do = [{ alert = "ops", title = "it failed" }]

[rule.stuck]
while = { state = "publishing" }
for = "15m"
do = [{ alert = "ops", title = "stuck" }]

[rule.dormant]
on = "post.failed"
enabled = false
do = [{ alert = "ops", title = "never" }]
"""


def on(word: str, *do: object, **more: object) -> Rule:
    values: dict[str, object] = {"id": "r", "revision": "1", "trigger": On((parse_event_pattern(word),)), "do": do}
    return Rule(**(values | more))  # type: ignore[arg-type]  # the test states only what it is about


async def switch(database: Database, rules: ActiveRules, name: str, *, on: bool, at: float = 0) -> bool:
    rule = next(rule for rule in rules.rules() if rule.id == name)
    async with database.transaction() as conn:
        return await commands.switch_rule(conn, rule, on=on, by="Ada", now=NOON + timedelta(seconds=at))


async def take(database: Database, rules: ActiveRules) -> bool:
    async with database.transaction() as conn:
        return await rules.take_by_hand(conn)


async def test_a_rule_that_is_switched_off_does_nothing_until_it_is_switched_on(
    database: Database, tmp_path: Path
) -> None:
    rules = in_force(tmp_path, FILE)
    corridor = await Corridor(database, rules.index()).open()
    assert await switch(database, rules, "on-failure", on=False)
    assert await take(database, rules)
    corridor.rules = rules.index()
    await corridor.tell(told("p1", "failed", 1))
    assert corridor.world.verbs == {}
    assert await switch(database, rules, "on-failure", on=True, at=2)
    assert await take(database, rules)
    corridor.rules = rules.index()
    await corridor.tell(told("p2", "failed", 3))
    assert corridor.world.verbs == {"alert": 1}
    said = f"select kind, detail->>'rule', detail->>'by' from {MANUAL} order by position"
    assert await corridor.rows(said) == [("rule.disabled", "on-failure", "Ada"), ("rule.enabled", "on-failure", "Ada")]


async def test_a_switch_outlives_a_reload_and_beats_the_file(database: Database, tmp_path: Path) -> None:
    rules = in_force(tmp_path, FILE)
    await switch(database, rules, "on-failure", on=False)
    await switch(database, rules, "dormant", on=True)
    await take(database, rules)
    assert set(rules.index().by_id) == {"stuck", "dormant"}
    assert rules.reload()
    assert set(rules.index().by_id) == {"stuck", "dormant"}


async def test_to_switch_to_what_is_changes_nothing_and_is_not_on_record(database: Database, tmp_path: Path) -> None:
    rules = in_force(tmp_path, FILE)
    assert not await switch(database, rules, "on-failure", on=True)
    assert not await switch(database, rules, "dormant", on=False)
    async with database.connection() as conn:
        assert await conn.fetchval("select count(*) from events") == 0


async def test_a_rule_that_comes_back_waits_for_posts_that_came_while_it_was_off(
    database: Database, tmp_path: Path
) -> None:
    rules = in_force(tmp_path, FILE)
    corridor = await Corridor(database, rules.index()).open()
    await switch(database, rules, "stuck", on=False)
    await take(database, rules)
    corridor.rules = rules.index()
    await corridor.arm()
    await corridor.tell(told("p1", "publishing", 1))
    await switch(database, rules, "stuck", on=True, at=2)
    await take(database, rules)
    corridor.rules = rules.index()
    await corridor.arm()
    await corridor.wait_until(901)
    assert corridor.world.verbs == {"alert": 1}


async def test_every_process_that_follows_hears_of_a_switch_at_once(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """By a notification: it would poll only in an hour."""
    rules, told_of = in_force(tmp_path, FILE), asyncio.Queue[set[str]]()

    async def changed(_: object) -> None:
        await told_of.put(set(rules.index().by_id))

    async with Wakeups(database_url).listening() as wakeups:
        async with wakeups.on(RULES) as listening:
            await asyncio.wait_for(listening.wait(), 10)
        following = asyncio.create_task(rules.follow(database, wakeups, changed, timedelta(hours=1)))
        assert await asyncio.wait_for(told_of.get(), 10) == {"on-failure", "stuck"}
        await switch(database, rules, "on-failure", on=False)
        assert await asyncio.wait_for(told_of.get(), 10) == {"stuck"}
        following.cancel()


async def cancel(database: Database, run: object) -> None:
    async with database.transaction() as conn:
        await commands.cancel_run(conn, UUID(str(run)), "Ada", NOON)


async def test_a_run_that_is_cancelled_by_hand_does_nothing_more(database: Database) -> None:
    corridor = await Corridor(database, [on("post.failed", RETRY)]).open()
    await corridor.tell(told("p1", "failed", 1))
    ((run,),) = await corridor.rows("select id from runs")
    await cancel(database, run)
    await cancel(database, run)
    await corridor.wait_until(600)
    assert corridor.world.verbs == {}
    assert await corridor.rows("select state, data->>'why' from runs") == [("cancelled", "by hand")]
    assert await corridor.rows("select * from timers") == []
    assert await corridor.rows("select said from run_moves order by number desc limit 1") == [("cancelled: by hand",)]
    assert await corridor.rows("select post from events where kind = 'run.cancelled'") == [("p1",)]
    with pytest.raises(Rejected, match="cancelled"):
        await cancel(database, run)


async def test_a_run_that_waits_its_turn_is_cancelled_and_never_begins(database: Database) -> None:
    rule = on("post.failed", WaitStep((parse_event_pattern("cms.acked"),)), mode=Mode.QUEUED)
    corridor = await Corridor(database, [rule]).open()
    await corridor.tell(told("p1", "failed", 1), told("p1", "publishing", 2), told("p1", "failed", 3))
    ((queued,),) = await corridor.rows("select id from runs where state = 'queued'")
    await cancel(database, queued)
    await corridor.settle()
    assert await corridor.rows("select state from runs order by started_at, state") == [("active",), ("cancelled",)]
    ((active,),) = await corridor.rows("select id from runs where state = 'active'")
    await cancel(database, active)
    await corridor.settle()
    assert await corridor.rows("select distinct state from runs") == [("cancelled",)]


async def test_a_run_of_a_rule_that_is_gone_can_be_cancelled(database: Database) -> None:
    corridor = await Corridor(database, [on("post.failed", RETRY)]).open()
    await corridor.tell(told("p1", "failed", 1))
    corridor.rules = type(corridor.rules)()
    ((run,),) = await corridor.rows("select id from runs")
    await cancel(database, run)
    await corridor.settle()
    assert await corridor.rows("select state from runs") == [("cancelled",)]


async def test_what_a_provider_calls_a_cancelled_run_cancels_nothing(database: Database) -> None:
    corridor = await Corridor(database, [on("post.failed", RETRY)]).open()
    await corridor.tell(told("p1", "failed", 1))
    ((run,),) = await corridor.rows("select id from runs")
    async with database.transaction() as conn:
        said = {"run": str(run)}
        await commands.signal(conn, "run.cancelled", PROVIDER, "p1", None, said, NOON)
    await corridor.settle()
    assert await corridor.rows("select state from runs") == [("active",)]


async def test_a_run_that_is_nowhere_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        await cancel(database, uuid4())


async def test_a_silence_hides_alerts_until_somebody_ends_it(database: Database) -> None:
    corridor = await Corridor(database, [on("post.failed", ALERT)]).open()
    silence = Silence(uuid4(), {"channel": "op*"}, NOON, NOON + timedelta(hours=1), "Ada", "we know")
    async with database.transaction() as conn:
        await commands.begin_silence(conn, silence)
    corridor.at = 1
    await corridor.tell(told("p1", "failed", 1))
    assert corridor.world.verbs == {}
    async with database.transaction() as conn:
        ended = await commands.end_silence(conn, silence.id, "Bob", NOON + timedelta(seconds=2))
    assert ended.until == NOON + timedelta(seconds=2)
    corridor.at = 3
    await corridor.tell(told("p2", "failed", 3))
    assert corridor.world.verbs == {"alert": 1}
    assert await corridor.rows("select state, hidden_by from actions where post = 'p1'") == [
        ("hidden", f"silence {silence.id}")
    ]
    said = f"select kind, detail->>'by' from {MANUAL} order by position"
    assert await corridor.rows(said) == [("silence.begun", "Ada"), ("silence.ended", "Bob")]


async def test_a_silence_that_is_over_stays_as_it_ended(database: Database) -> None:
    silence = Silence(uuid4(), {"rule": "*"}, NOON, NOON + timedelta(hours=1))
    async with database.transaction() as conn:
        await commands.begin_silence(conn, silence)
        first = await commands.end_silence(conn, silence.id, "Ada", NOON)
        again = await commands.end_silence(conn, silence.id, "Bob", NOON + timedelta(minutes=1))
    assert first == again
    assert NOON < first.until < NOON + timedelta(seconds=1)


async def test_a_signal_with_the_id_of_another_is_a_repetition_whatever_it_says(database: Database) -> None:
    async with database.transaction() as conn:
        first = await commands.signal(conn, "cms.acked", PROVIDER, "p1", "a", {"data": {}}, NOON)
        later = NOON + timedelta(minutes=1)
        again = await commands.signal(conn, "cms.acked", PROVIDER, "p1", "a", {"data": {"n": 1}}, later)
        other = await commands.signal(conn, "cms.acked", PROVIDER, "p1", "b", {"data": {}}, NOON)
    assert (first.duplicate, again.duplicate, again.position) == (False, True, first.position)
    assert not other.duplicate


async def test_a_signal_ends_the_wait_of_a_run(database: Database) -> None:
    rule = on("post.published", WaitStep((parse_event_pattern("cms.acked"),)), ALERT)
    corridor = await Corridor(database, [rule]).open()
    await corridor.tell(told("p1", "published", 1))
    assert corridor.world.verbs == {}
    async with database.transaction() as conn:
        await commands.signal(conn, "cms.acked", PROVIDER, "p1", None, {}, NOON)
    await corridor.settle()
    assert corridor.world.verbs == {"alert": 1}


async def test_each_outcome_of_a_rule_is_counted_once(database: Database) -> None:
    corridor = await Corridor(database, [on("post.failed", ALERT)]).open()
    await corridor.tell(*(told(f"p{n}", "failed", n) for n in range(20)))
    await corridor.tell(told("late", "published", 9))
    await corridor.tell(told("late", "failed", 5))
    counts = "select outcome, sum(firings)::integer from rule_counts where rule = 'r' group by 1 order by 1"
    assert await corridor.rows(counts) == [("fired", 20), ("suppressed", 1)]

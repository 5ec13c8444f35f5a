"""One step, whatever is in its way: nothing is skipped, nothing is doubled, and what was folded stands."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.corridor import READERS, Corridor
from tests.integration.test_reactor import ALERT, RETRY, on, stuck
from tests.integration.told import NOON, PROVIDER, told
from tests.waiting import until
from tracker.domain.rules.rule import TRUE, Verdict
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.errors import Unavailable
from tracker.process import processor
from tracker.process.projector import Projector
from tracker.process.rebuild import Rebuild
from tracker.rulebook import load_text
from tracker.store.checkpoints import subscriptions
from tracker.store.database import Database
from tracker.store.log.event_log import append
from tracker.store.migrations import upgrade
from tracker.store.reactions import runs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from tracker.process.projector import Folded
    from tracker.store.database import Connection, Row

pytestmark = pytest.mark.anyio

PARKED = "select subscription, item, error from parked order by item"
STATES = "select post, state from posts order by post"
FIRED = "select post, outcome from firings order by post"


def only_if_it_can(values: Mapping[str, object]) -> Verdict:
    """Raises for one post, as only a fault of our own does: what a rule cannot evaluate is an outcome."""
    if values["post.id"] == "undecidable":
        raise RuntimeError("no decision")
    return Verdict("error", "no such overload") if values["post.id"] == "odd" else TRUE


class Interrupted(Projector):
    """Lets something happen in the middle of a step: when the events are read, or (`late`) the posts as well."""

    def __init__(self, corridor: Corridor, happen: Callable[[], Awaitable[object]], *, late: bool = False) -> None:
        super().__init__(READERS, processor.NAME)
        self._corridor, self._happen, self._late = corridor, happen, late
        corridor.processor.projector = self

    async def fold(self, conn: Connection, rows: Sequence[Row], *more: Any) -> Folded:
        self._corridor.processor.projector = Projector(READERS, processor.NAME)
        if not self._late:
            await self._happen()
        folded = await super().fold(conn, rows, *more)
        if self._late:
            await self._happen()
        return folded


async def test_of_one_batch_what_can_be_folded_is_and_what_can_be_decided_too(database: Database) -> None:
    corridor = await Corridor(database, [on("post.failed", ALERT, when=only_if_it_can)]).open()
    await corridor.keep(told("fine", "failed", 1))
    async with database.connection() as conn:
        position = await conn.fetchval("select max(position) from events")
    await corridor.keep(
        told("poison", "failed", 2),
        told("undecidable", "failed", 3),
        told("odd", "failed", 4),
        told("last", "failed", 5),
    )
    await corridor.settle()
    failed = "failed"
    assert await corridor.rows(STATES) == [("fine", failed), ("last", failed), ("odd", failed), ("undecidable", failed)]
    assert await corridor.rows(FIRED) == [("fine", "fired"), ("last", "fired"), ("odd", "error")]
    assert await corridor.rows(PARKED) == [
        ("processor", position + 1, "ValueError: poison"),
        ("reactions", position + 2, "RuntimeError: no decision"),
    ]
    assert corridor.world.verbs == {"alert": 2}
    await corridor.tell(told("undecidable", "published", 9))
    assert ("undecidable", "published") in await corridor.rows(STATES)


async def test_a_post_with_ten_thousand_facts_holds_up_nobody(database: Database) -> None:
    corridor = await Corridor(database, [on("post.published", ALERT)]).open()
    states = ("scheduled", "publishing", "failed", "publishing")
    many = [told("big", states[second % 4], second, str(second)) for second in range(10_000)]
    await corridor.keep(told("first", "published", 0))
    async with database.connection() as conn:
        await append(conn, many)
    await corridor.tell(told("big", "published", 20_000), told("last", "published", 1))
    await corridor.tell(told("big", "removed", 5, "late"))
    assert await corridor.rows(STATES) == [("big", "published"), ("first", "published"), ("last", "published")]
    assert corridor.world.verbs == {"alert": 3}
    assert await corridor.rows("select sum(version)::int from posts") == [(10_000 + 4,)]


async def another(database: Database, corridor: Corridor) -> Corridor:
    other = Corridor(database, corridor.rules, node="another")
    await other.open()
    return other


@pytest.mark.parametrize("late", [False, True])
async def test_a_node_that_loses_its_lease_in_the_middle_of_a_step_doubles_nothing(
    database: Database, late: bool
) -> None:
    corridor = await Corridor(database, [on("post.failed", ALERT)]).open()
    heir = await another(database, corridor)

    async def lose() -> None:
        async with database.connection() as conn:
            await conn.execute("update shares set leased_until = 'epoch'")
        await heir.processor.tend()
        await heir.processor.tend()
        await heir.settle()

    Interrupted(corridor, lose, late=late)
    await corridor.keep(*(told(f"p{number}", "failed", number) for number in range(30)))
    with suppress(Unavailable):
        await corridor.processor.drain()
    await heir.settle()
    await corridor.settle()
    await heir.settle()
    assert await corridor.rows("select count(*), count(distinct cause) from transitions") == [(30, 30)]
    assert corridor.world.verbs + heir.world.verbs == {"alert": 30}
    assert await corridor.rows("select count(*) from firings") == [(30,)]


async def test_a_place_that_another_has_moved_keeps_a_step_from_writing(database: Database) -> None:
    """The other one has the lease by then, and reads what this one has read."""
    corridor = await Corridor(database, [on("post.failed", ALERT)]).open()
    await corridor.keep(told("p1", "failed", 1))
    async with database.autocommit() as conn:
        read = await subscriptions.read(conn, processor.NAME, "only", None, 10)
    assert read
    await corridor.processor.leave()
    heir = await another(database, corridor)
    await heir.processor.drain()
    async with database.transaction() as conn:
        with pytest.raises(Unavailable, match="somebody else has moved"):
            await subscriptions.advance(conn, processor.NAME, "only", read[0].standings, read[1].reached, NOON)
    await corridor.processor.drain()
    await heir.settle()
    assert await corridor.rows("select count(*) from transitions where post = 'p1'") == [(1,)]
    assert heir.world.verbs == {"alert": 1}


async def test_a_restart_of_postgres_between_reading_and_writing_costs_a_step(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    await upgrade(server.start())
    async with Database.open(server.dsn) as database:
        corridor = await Corridor(database, [on("post.failed", ALERT)]).open()
        await corridor.tell(told("p0", "failed", 0))

        async def restart() -> None:
            server.stop()
            server.start()

        Interrupted(corridor, restart)
        await corridor.keep(told("p1", "failed", 1))
        with pytest.raises(Unavailable):
            await corridor.processor.drain()

        async def settled() -> bool:
            with suppress(Unavailable):
                await corridor.settle()
                return True
            return False

        await until(settled, "Postgres is back")
        assert await corridor.rows(FIRED) == [("p0", "fired"), ("p1", "fired")]
        assert corridor.world.verbs == {"alert": 2}
        assert await corridor.rows("select count(*) from transitions where post = 'p1'") == [(1,)]
    server.stop()


async def test_a_rebuild_that_switches_in_the_middle_of_a_step_loses_nothing(database: Database) -> None:
    """What the step would write belongs to posts that nobody reads any more."""
    corridor = await Corridor(database, [on("post.failed", ALERT)]).open()
    await corridor.tell(told("p1", "publishing", 1))

    async def rebuild() -> None:
        await Rebuild(database, READERS, corridor.now, lambda _done, _total: None).run()

    Interrupted(corridor, rebuild, late=True)
    await corridor.keep(told("p1", "failed", 2))
    with pytest.raises(Unavailable, match="somebody else has moved the processor"):
        await corridor.processor.drain()
    await corridor.settle()
    current = "select post, state from posts where projection = (select version from projections where current)"
    assert await corridor.rows(current) == [("p1", "failed")]
    assert corridor.world.verbs == {"alert": 1}


async def test_a_step_takes_four_statements_where_rules_act_and_three_where_they_do_not(database: Database) -> None:
    corridor = await Corridor(database, [on("post.failed", ALERT)]).open()
    await corridor.tell(told("p1", "failed", 1))
    statements: list[str] = []
    async with database.autocommit() as conn:
        conn.itself.add_query_logger(lambda one: statements.append(one.query))
    for state, most in (("failed", 4), ("scheduled", 3)):
        await corridor.keep(told(f"p-{state}", state, 2))
        statements.clear()
        await corridor.processor.step()
        assert len(statements) <= most, statements
    statements.clear()
    await corridor.processor.step()
    assert len(statements) == 1


async def test_runs_are_held_in_a_transaction_and_looked_at_without_a_trace_outside_of_one(database: Database) -> None:
    corridor = await Corridor(database, [on("post.failed", RETRY)]).open()
    await corridor.tell(told("p1", "failed", 1))
    async with database.connection() as conn:
        run, rule, key = await conn.fetchrow("select id, rule, key from runs")
    held = "select xmax <> '0' from runs where id = $1"
    looks: tuple[Callable[[Connection], Awaitable[object]], ...] = (
        lambda conn: runs.recall(conn, [], [run], [(rule, key)], [], NOON),
        lambda conn: runs.load_open(conn, [(rule, key)]),
        lambda conn: runs.load_trying(conn, [(PROVIDER, "p1")]),
    )
    for look in looks:
        async with database.autocommit() as conn:
            assert await look(conn)
            assert not await conn.fetchval(held, run)
    for look in looks:
        async with database.autocommit() as conn:
            transaction = conn.transaction()
            await transaction.start()
            await look(conn)
            assert await conn.fetchval(held, run)
            await transaction.rollback()
            await conn.execute("update runs set key = key")  # so that nothing holds the new version


async def test_what_is_read_between_two_looks_for_timers_rings_in_time(database: Database) -> None:
    """Postgres is not asked again for what this process has set itself, nor for what cannot be due."""
    corridor = await Corridor(database, [stuck(900), on("post.failed", RETRY, id="again")]).open()
    await corridor.tell(told("p1", "publishing", 1))
    await corridor.wait_until(900)
    assert corridor.world.verbs == {}
    await corridor.wait_until(901)
    assert corridor.world.verbs == {"alert": 1}
    await corridor.tell(told("p2", "failed", 901))
    await corridor.wait_until(corridor.at + 59)
    assert corridor.world.verbs == {"alert": 1}
    await corridor.wait_until(corridor.at + 1)
    assert corridor.world.verbs == {"alert": 1, "retry": 1}


async def test_a_timer_that_another_process_has_set_rings_after_the_next_look(database: Database) -> None:
    corridor = await Corridor(database, []).open()
    await corridor.tell(told("p1", "publishing", 1))
    elsewhere = Corridor(database, [stuck(900)], node="elsewhere")
    await elsewhere.arm()
    corridor.rules = elsewhere.rules
    corridor.at = 901

    async def rung() -> bool:
        await corridor.settle()
        return corridor.world.verbs == {"alert": 1}

    await until(rung, "it has looked again")


async def test_a_report_waits_for_every_bucket_wherever_it_is_read(database: Database) -> None:
    rules = load_text(
        '[rule.report]\nevery = "1h"\nover = { events = "post.failed", since = "last-run" }\n'
        'do = [{ alert = "ops", title = "a report" }]\n'
    ).index.by_id.values()
    corridor = await Corridor(database, rules).open()
    heir = Corridor(database, rules, node="another")
    await heir.open()
    await corridor.processor.tend()
    await heir.processor.tend()
    await corridor.settle()
    await heir.settle()
    await corridor.keep(*(told(f"p{number}", "failed", number) for number in range(20)))
    corridor.at = heir.at = 3600
    done = [corridor, heir]
    async with database.connection() as conn:
        bucket = await conn.fetchval("select bucket from timers where rule = 'report'")
        owner = await conn.fetchval("select owner from subscriptions where bucket = $1", bucket)
    if owner == "another":
        done.reverse()
    await done[0].processor.drain()
    assert await corridor.rows("select * from firings") == []
    await done[1].processor.drain()
    await done[0].settle()
    assert [claimed.alert.title for one in done for claimed in one.world.performed] == ["a report"]

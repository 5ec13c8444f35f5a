"""Who is dead is known at once, and what it held is taken over; who only cannot be heard keeps it until the lease ends.

The leases last ten minutes here, so that nothing is taken over in time unless a death is seen.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from tests.integration.told import NOON, PROVIDER, Reader, told
from tests.processing import NO_RULES
from tests.waiting import until
from tracker.act.worker import Worker
from tracker.domain.actions import ActionSpec, Done
from tracker.domain.payloads import payload_of
from tracker.domain.runs.engine_state import ActionRequest
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.errors import Unavailable
from tracker.process import processor
from tracker.process.processor import Pace, Processor
from tracker.store.actions import action_claims, action_leases, actions
from tracker.store.actions.action_claims import Room
from tracker.store.calls import reconciliations
from tracker.store.checkpoints import assignments, processes
from tracker.store.checkpoints.presence import Presence, nobody_asks
from tracker.store.database import Database, set_codecs
from tracker.store.log.event_log import append
from tracker.store.log.feed import beginning
from tracker.store.migrations import upgrade
from tracker.store.wakeups import EVENTS, Wakeups

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime
    from pathlib import Path

    from tracker.domain.actions import Claimed, Outcome

pytestmark = pytest.mark.anyio

LONG = timedelta(minutes=10)
CALL = timedelta(minutes=5)
HOLDER = """
import asyncio, sys
from datetime import timedelta
from tracker.store.database import Database
from tracker.store.checkpoints.presence import Presence, nobody_asks

async def main():
    async with Database.open(sys.argv[1], size=2) as database:
        presence = Presence(database, sys.argv[2], ["worker"], dict, timedelta(0), buries=False)
        running = asyncio.create_task(presence.run())
        await presence.arrived(60)
        print("here", flush=True)
        await running

asyncio.run(main())
"""
OWNERS = "select distinct owner from shares"
CLAIMS = "select verb, leased_until < clock_timestamp() as over from actions where state = 'claimed' order by verb"


@asynccontextmanager
async def a_process(database: Database, name: str) -> AsyncIterator[Process]:
    """Another process that lives."""
    command = (sys.executable, "-c", HOLDER, database.dsn, name)
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    assert process.stdout
    try:
        assert await process.stdout.readline() == b"here\n"
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def present(database: Database, name: str = "watcher", **options: Any) -> AsyncIterator[Presence]:
    """This process, which watches the others."""
    presence = Presence(database, name, ["worker"], options.pop("failing", dict), CALL, **options)
    running = asyncio.create_task(presence.run())
    try:
        await presence.arrived(60)
        yield presence
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def rows(database: Database, query: str, *values: object) -> list[tuple[Any, ...]]:
    async with database.connection() as conn:
        return [tuple(row) for row in await conn.fetch(query, *values)]


async def known(database: Database) -> list[str]:
    return [row[0] for row in await rows(database, "select node from processes order by node")]


def reader(database: Database, name: str, require: Callable[[], None] = nobody_asks) -> Processor:
    return Processor(database, name, lambda: NOON, {PROVIDER: Reader()}, lambda: NO_RULES, Pace(lease=LONG), require)


async def intend(database: Database, *verbs: str) -> None:
    specs = [
        ActionRequest(
            ActionSpec(verb, "t", payload_of(verb, {}), str(uuid4()), NOON), "r", "1", uuid4(), PROVIDER, verb
        )
        for verb in verbs
    ]
    async with database.transaction() as conn:
        await actions.intend(conn, specs, NOON)


async def take_everything(database: Database, name: str) -> None:
    """All buckets, one send and one retry, and a round of questions, all for ten minutes."""
    async with database.transaction() as conn:
        await assignments.create(conn, processor.NAME, beginning(1))
        await reconciliations.want(conn, "job", PROVIDER, NOON)
        assert await reconciliations.claim(conn, NOON, LONG, [PROVIDER], owner=name)
    await reader(database, name).tend()
    await intend(database, "send", "retry")
    async with database.transaction() as conn:
        claim = await action_claims.claim(conn, name, NOON, LONG, Room(9, 9))
        assert claim
        assert len(claim.actions) == 2


async def test_what_a_killed_process_held_is_free_at_once(database: Database) -> None:
    async with a_process(database, "doomed") as process:
        await take_everything(database, "doomed")
        died = asyncio.Event()
        async with present(database) as presence:
            presence.on_death = died.set
            process.kill()
            async with asyncio.timeout(60):
                await died.wait()
    assert await rows(database, OWNERS) == [(None,)]
    assert await rows(database, "select node from nodes") == []
    async with database.transaction() as conn:
        assert await reconciliations.claim(conn, NOON, LONG, [PROVIDER], owner="watcher")
        assert await action_leases.rescue(conn, NOON) == 1
    assert await rows(database, "select outcome from action_attempts order by outcome") == [("lost",), (None,)]


async def test_what_publishes_is_left_alone_for_as_long_as_its_call_may_take(database: Database) -> None:
    async with a_process(database, "doomed") as process, present(database):
        await take_everything(database, "doomed")
        process.kill()
        await until(lambda: gone(database, "doomed"), "it is buried")
    assert await rows(database, CLAIMS) == [("retry", False), ("send", True)]
    left = "select leased_until - clock_timestamp() from actions where verb = 'retry'"
    assert timedelta(0) < (await rows(database, left))[0][0] <= CALL


async def gone(database: Database, name: str) -> bool:
    return name not in await known(database)


async def test_a_process_that_is_stopped_keeps_what_it_holds(database: Database) -> None:
    """That another one, killed after it was stopped, is buried, shows that somebody has looked for long enough."""
    async with a_process(database, "stopped") as stopped, a_process(database, "killed") as killed:
        await take_everything(database, "stopped")
        stopped.send_signal(signal.SIGSTOP)
        async with present(database):
            killed.kill()
            await until(lambda: gone(database, "killed"), "the killed one is buried")
        assert await rows(database, OWNERS) == [("stopped",)]
        assert await rows(database, CLAIMS) == [("retry", False), ("send", False)]
        assert "stopped" in await known(database)
        stopped.send_signal(signal.SIGCONT)


async def number_of(database: Database, name: str) -> int:
    return int((await rows(database, "select number from processes where node = $1", name))[0][0])


async def test_a_session_that_is_cut_off_is_replaced_before_anybody_takes_that_for_a_death(database: Database) -> None:
    async with (
        present(database, "watcher"),
        present(database, "cut off") as cut_off,
        a_process(database, "k") as killed,
    ):
        await take_everything(database, "cut off")
        before = await number_of(database, "cut off")
        await rows(
            database,
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"
            " and ((classid::bigint << 32) | objid::bigint) = $1", before,
        )  # fmt: skip

        async def replaced() -> bool:
            return await number_of(database, "cut off") != before

        await until(replaced, "it shows up under another number")
        killed.kill()
        await until(lambda: gone(database, "k"), "the killed one is buried")
        cut_off.require()
        assert await rows(database, OWNERS) == [("cut off",)]


async def test_who_has_shown_up_again_meanwhile_is_not_buried(database: Database) -> None:
    """However long ago its old lock was found free, and although both happen at the same moment."""
    sessions = [await asyncpg.connect(database.dsn) for _ in range(2)]
    for session in sessions:
        await set_codecs(session)
    old = await processes.show_up(sessions[0], "n", ["worker"], {})
    await take_everything(database, "n")
    await sessions[0].close()
    again = sessions[1].transaction()
    await again.start()
    await processes.show_up(sessions[1], "n", ["worker"], {})
    async with database.transaction() as conn:
        burying = asyncio.create_task(processes.bury(conn, [("n", old)], CALL))
        await until(lambda: waiting(database), "the burial waits for it")
        await again.commit()
        assert await burying == []
    assert await rows(database, OWNERS) == [("n",)]
    await sessions[1].close()


async def waiting(database: Database) -> bool:
    return bool(await rows(database, "select from pg_stat_activity where wait_event_type = 'Lock'"))


async def test_of_two_who_find_the_same_death_one_takes_over(database: Database) -> None:
    session = await asyncpg.connect(database.dsn)
    await set_codecs(session)
    number = await processes.show_up(session, "n", ["worker"], {})
    await session.close()

    async def found() -> bool:
        async with database.connection() as conn:
            return await processes.others(conn, "other") == {("n", number): True}

    async def bury() -> list[str]:
        async with database.transaction() as conn:
            return await processes.bury(conn, [("n", number)], CALL)

    await until(found, "Postgres has noticed")
    assert sorted(await asyncio.gather(*(bury() for _ in range(4)))) == [[], [], [], ["n"]]


async def test_who_was_buried_alive_writes_nothing_of_what_others_have_now(database: Database) -> None:
    await take_everything(database, "n")
    async with database.connection() as conn:
        await append(conn, [told("p", "publishing", 1)])
        await conn.execute("insert into processes (node, number, roles) values ('n', 7, '{worker}')")
    async with database.transaction() as conn:
        assert await processes.bury(conn, [("n", 7)], CALL) == ["n"]
    heir = reader(database, "heir")
    await heir.tend()
    assert await reader(database, "n").step() is False
    await heir.drain()
    assert await rows(database, "select count(*) from transitions") == [(1,)]


class Far:
    """A far end that counts."""

    performed = 0

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        self.performed += 1
        return Done()


async def test_who_has_lost_its_session_claims_and_reads_nothing_until_it_has_another(database: Database) -> None:
    await intend(database, "send")
    async with database.transaction() as conn:
        await assignments.create(conn, processor.NAME, beginning(1))
        await append(conn, [told("p", "publishing", 1)])
    presence, refused, far = Presence(database, "n", ["worker"], dict, CALL), [0], Far()

    def require() -> None:
        try:
            presence.require()
        except Unavailable:
            refused[0] += 1
            raise

    worker = Worker(database, {"send": far}, "n", lambda: NOON, require=require)
    reading = reader(database, "n", require)

    async def often_enough() -> bool:
        return refused[0] >= 4

    async def done() -> bool:
        return await rows(database, "select count(*) from transitions") == [(1,)] and far.performed == 1

    async with Wakeups(database.dsn).listening() as listening:
        running = [asyncio.create_task(one.run(listening)) for one in (worker, reading)]
        await until(often_enough, "both have asked")
        assert far.performed == 0
        assert await rows(database, OWNERS) == [(None,)]
        running.append(asyncio.create_task(presence.run()))
        await until(done, "both work")
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_a_reader_with_nothing_of_its_own_has_read_only_where_all_is_read_by_who_lives(
    database: Database,
) -> None:
    async with a_process(database, "first") as first:
        await take_everything(database, "first")
        second = reader(database, "second")
        await second.step()
        assert second.has_read
        first.kill()
        await first.wait()
        third = reader(database, "third")

        async def nobody_lives() -> bool:
            async with database.connection() as conn:
                return not await processes.living(conn)

        await until(nobody_lives, "Postgres has noticed")
        await third.step()
        assert not third.has_read


async def test_a_process_that_leaves_is_forgotten_unless_others_have_to_take_something_over(database: Database) -> None:
    async with present(database, "idle") as idle, present(database, "busy") as busy:
        await take_everything(database, "busy")
        await idle.leave()
        await busy.leave()
        assert await known(database) == ["busy"]


LOOKED = """
select from pg_stat_activity
 where query = $1 and query_start > $2 and state = 'idle'
"""


async def test_a_lock_that_is_free_for_a_moment_is_nobodys_death(database: Database) -> None:
    """Somebody looks while it is free, and so as after a restart of Postgres its owner gets another one."""
    sessions = [await asyncpg.connect(database.dsn) for _ in range(2)]
    for session in sessions:
        await set_codecs(session)
    number = await processes.show_up(sessions[0], "n", ["worker"], {})
    await take_everything(database, "n")
    async with present(database), a_process(database, "k") as it:
        await sessions[0].close()

        async def free() -> bool:
            async with database.connection() as conn:
                return ("n", number) in [one for one, gone in (await processes.others(conn, "other")).items() if gone]

        async def looked() -> bool:
            return bool(await rows(database, LOOKED, processes.OTHERS, moment))

        await until(free, "Postgres has noticed")
        moment = (await rows(database, "select clock_timestamp()"))[0][0]
        await until(looked, "the watcher has seen it free")
        await processes.show_up(sessions[1], "n", ["worker"], {})
        it.kill()
        await until(lambda: gone(database, "k"), "the killed one is buried")
    assert await rows(database, OWNERS) == [("n",)]
    await sessions[1].close()


async def test_a_restart_of_postgres_is_nobodys_death(tmp_path: Path) -> None:
    """All locks are free afterwards, and everybody gets another one before anybody is buried."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    await upgrade(server.start())
    async with Database.open(server.dsn) as database, present(database, "a"), present(database, "b"):
        await take_everything(database, "a")
        before = [await number_of(database, name) for name in ("a", "b")]
        server.stop()
        server.start()

        async def all_are_back() -> bool:
            with suppress(Unavailable):
                return all(number not in before for (number,) in await rows(database, "select number from processes"))
            return False

        await until(all_are_back, "both show up under other numbers")
        assert await known(database) == ["a", "b"]
        assert await rows(database, OWNERS) == [("a",)]
    server.stop()


async def test_who_is_alone_tells_nobody_and_who_is_not_does(database: Database) -> None:
    waker = database.waker
    async with present(database), Wakeups(database.dsn).listening() as elsewhere, elsewhere.on(EVENTS) as woken:
        await until(lambda: waker.is_alone, "the process sees that it is alone")
        waker.wake([EVENTS])
        assert waker.backend is None
        async with a_process(database, "other"):
            await until(lambda: not waker.is_alone, "the process sees another one")
            await asyncio.wait_for(woken.wait(), 60)
            woken.clear()
            waker.wake([EVENTS])
            await asyncio.wait_for(woken.wait(), 60)
    assert not waker.is_alone

"""The scheduler on a real Postgres: each job at its times, one that fails alone, and a clock that is put right."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine
from structlog.testing import capture_logs

from tests.integration.told import NOON
from tests.waiting import until
from tracker.scheduler import Alarm, Scheduler
from tracker.settings import Job, Settings
from tracker.store.calls import schedule_runs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

SOON = 20
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SPEAKS = {"kind": "sosyalkopru", "api_url": "http://127.0.0.1:9", "api_key": "k", "webhook_secrets": ["s" * 32]}


def settings(**jobs: dict[str, str]) -> Settings:
    return Settings.model_validate({"providers": {"sosyalkopru": SPEAKS}, "jobs": jobs})


def scheduler(database: Database, now: Callable[[], datetime], **jobs: dict[str, str]) -> Scheduler:
    return Scheduler(database, {}, settings(**jobs), now)


@asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def taken(database: Database, schedule: str) -> list[datetime]:
    async with database.connection() as conn:
        rows = await conn.fetch("select fire_at from fires where schedule = $1 order by fire_at", schedule)
    return [row["fire_at"] for row in rows]


async def test_a_job_that_fails_does_not_end_the_others(database: Database) -> None:
    """It is said by name, again and again, and what its time was for is not lost."""
    async with database.connection() as conn:
        await conn.execute("alter table reconciliations rename to elsewhere")
    jobs = {"reconcile": {"every": "1s"}, "deadman": {"every": "1s"}, "nightly": {"kind": "reconcile", "every": "1s"}}

    async def often() -> bool:
        return len(await taken(database, "deadman")) > 2

    with capture_logs() as lines:
        async with running(scheduler(database, lambda: datetime.now(UTC), **jobs).run()):
            await until(often)
    failed = {line["schedule"] for line in lines if line["event"] == "schedule.failed"}
    assert failed == {"reconcile", "nightly"}
    assert await taken(database, "reconcile") == []


async def test_a_time_whose_work_has_failed_is_tried_again(database: Database) -> None:
    """It is not taken for done."""
    tried: list[datetime] = []

    async def work(now: datetime) -> None:
        tried.append(now)
        if len(tried) == 1:
            raise RuntimeError("no")

    jobs, job = scheduler(database, lambda: NOON), Job(every=HOUR)
    assert not await jobs.occasions("seal", job, work=work)
    assert await taken(database, "seal") == []
    assert await jobs.occasions("seal", job, work=work)
    assert await jobs.occasions("seal", job, work=work)
    assert (tried, await taken(database, "seal")) == ([NOON, NOON], [NOON])


async def test_every_job_is_done_at_once_and_then_at_its_times(database: Database) -> None:
    """A time is a whole second here; the first one may be late, none is early, and each is taken once."""

    async def often() -> bool:
        return len(await taken(database, "deadman")) > 3

    began = datetime.now(UTC)
    async with running(scheduler(database, lambda: datetime.now(UTC), deadman={"every": "1s"}).run()):
        await until(often)
    async with database.connection() as conn:
        rows = await conn.fetch("select fire_at, taken_at from fires where schedule = 'deadman' order by fire_at")
    assert rows[0]["fire_at"] > began - timedelta(seconds=1)
    assert all(row["fire_at"].microsecond == 0 and row["fire_at"] <= row["taken_at"] for row in rows)
    assert await taken(database, "seal") == [began.replace(minute=0, second=0, microsecond=0)]


async def test_times_that_a_clock_took_too_early_are_free_once_it_is_right(database: Database) -> None:
    """It was ahead by a day: what is due within that day is done all the same, of each job; and that is said."""
    wrong = scheduler(database, lambda: NOON + DAY)
    right = scheduler(database, lambda: NOON)
    job, done = Job(every=HOUR), []

    async def work(now: datetime) -> None:
        done.append(now)

    for name in ("deadman", "seal"):
        assert await wrong.occasions(name, job, work=work)
    with capture_logs() as lines:
        assert await right.occasions("deadman", job, work=work)
    assert done == [NOON + DAY, NOON + DAY, NOON]
    said = {(line["schedule"], line["given_back"]) for line in lines if line["event"] == "schedule.clock_was_ahead"}
    assert said == {("deadman", 1), ("seal", 1)}
    assert (await taken(database, "deadman"), await taken(database, "seal")) == ([NOON], [])


async def test_a_time_that_another_node_took_a_little_early_stays_taken(database: Database) -> None:
    """Clocks of nodes differ."""
    done: list[datetime] = []

    async def work(now: datetime) -> None:
        done.append(now)

    job = Job(every=timedelta(minutes=1))
    await scheduler(database, lambda: NOON).occasions("deadman", job, work=work)
    await scheduler(database, lambda: NOON - timedelta(seconds=30)).occasions("deadman", job, work=work)
    await scheduler(database, lambda: NOON + timedelta(seconds=5)).occasions("deadman", job, work=work)
    assert done == [NOON, NOON - timedelta(seconds=30)]


async def test_old_times_are_forgotten_but_for_the_latest_of_each_job(database: Database) -> None:
    """So that a job of the month is still known to have been done, and one that was missed is made up for."""
    monthly = Job(cron="0 0 1 * *")
    async with database.connection() as conn:
        for place in range(3):
            for name in ("monthly", "deadman"):
                await schedule_runs.take(conn, name, NOON - (40 - place) * DAY, NOON)
        await schedule_runs.take(conn, "deadman", NOON, NOON)
        await schedule_runs.forget(conn, NOON - 7 * DAY)
        last = await schedule_runs.last_of_each(conn, ["monthly", "deadman", "never"], NOON)
    assert {name: fire.at for name, fire in last.items()} == {"monthly": NOON - 38 * DAY, "deadman": NOON}
    done: list[datetime] = []

    async def work(now: datetime) -> None:
        done.append(now)

    await scheduler(database, lambda: NOON).occasions("monthly", monthly, work=work)
    assert done == [NOON]


@pytest.mark.parametrize("by", [-HOUR, HOUR], ids=["back", "ahead"])
async def test_when_the_clock_is_moved_every_job_looks_what_is_due_by_it(by: timedelta) -> None:
    """Else those whose next time is by the old clock would wait for as long as it was off."""
    rung: list[datetime] = []

    async def ring() -> bool:
        rung.append(datetime.now(UTC))
        return True

    async def begun() -> bool:
        return bool(rung)

    async def again() -> bool:
        return len(rung) > 1

    alarm = Alarm(look=0.05)
    alarm.add("prune", Job(cron="0 4 29 2 *"), ring)
    with capture_logs() as lines:
        async with running(alarm.run()):
            await until(begun)
            with time_machine.travel(datetime.now(UTC) + by, tick=True):
                await until(again)
    assert [line["event"] for line in lines] == ["schedule.clock_moved", "schedule.clock_moved"][: len(lines)]
    assert lines


async def test_a_job_that_could_not_be_done_is_tried_again_before_its_next_time() -> None:
    """The alarm is set by the job's name, which its own lines tell."""
    failed = asyncio.Event()

    async def ring() -> bool:
        failed.set()
        return False

    alarm = Alarm()
    alarm.add("prune", Job(cron="0 4 29 2 *"), ring)
    async with running(alarm.run()), asyncio.timeout(SOON):
        await failed.wait()
        (bell,) = await until(
            lambda: [bell for bell in alarm._bells.get_jobs() if bell.next_run_time > datetime.now(UTC)]
        )
        assert (bell.id, bell.name) == ("prune", "prune")
        assert timedelta(0) < bell.next_run_time - datetime.now(UTC) <= timedelta(seconds=30)

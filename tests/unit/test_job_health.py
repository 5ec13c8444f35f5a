"""What Health says of a job: its next time is the one at which it is done, and a healthy one is never overdue."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.integration.told import NOON
from tracker.domain.cron import due
from tracker.queries.checkup import OVERDUE, job_health
from tracker.settings import Job
from tracker.store.calls.schedule_runs import ScheduleRun

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
JOBS = [
    Job(every=timedelta(seconds=30)),
    Job(every=5 * MINUTE),
    Job(every=timedelta(hours=1)),
    Job(cron="*/10 * * * *"),
    Job(cron="17 * * * *", missed="skip"),
    Job(cron="0 13 * * *", timezone="Europe/Berlin"),
]


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.cron or str(job.every))
def test_a_service_that_was_begun_at_any_time_is_never_overdue(job: Job) -> None:
    """The scheduler rings at the start and then at each time; looked at every few seconds, whatever the phase."""
    for phase in range(0, 3600, 127):
        begun = now = NOON + phase * SECOND
        last: ScheduleRun | None = None
        rings = begun
        while now < begun + timedelta(hours=1, minutes=5):
            if now >= rings:
                for moment in due(job.schedule, job.missed, last.at if last else None, now):
                    last = ScheduleRun(moment, now)
                rings = job.schedule.after(now) or now
            found = job_health("prune", job, last, now)
            assert not found.overdue, (begun, now)
            assert found.due == rings
            assert found.last == (last.taken_at if last else None)
            now = min(now + 41 * SECOND, rings) if now < rings else now + SECOND


@pytest.mark.parametrize(
    ("job", "late", "overdue"),
    [
        (Job(every=10 * MINUTE), 10 * MINUTE + OVERDUE, False),
        (Job(every=10 * MINUTE), 10 * MINUTE + OVERDUE + SECOND, True),
        (Job(cron="0 * * * *"), timedelta(hours=1) + OVERDUE, False),
        (Job(cron="0 * * * *"), timedelta(hours=1) + OVERDUE + SECOND, True),
        (Job(every=10 * MINUTE, missed="skip"), timedelta(days=1), False),
    ],
)
def test_it_is_overdue_when_its_next_time_is_over_by_more_than_two_minutes(
    job: Job, late: timedelta, overdue: bool
) -> None:
    assert job_health("prune", job, ScheduleRun(NOON, NOON + SECOND), NOON + late).overdue is overdue


def test_what_was_taken_late_was_last_done_when_it_was_taken() -> None:
    found = job_health("seal", Job(every=timedelta(hours=1)), ScheduleRun(NOON, NOON + 47 * MINUTE), NOON + 50 * MINUTE)
    assert (found.last, found.due) == (NOON + 47 * MINUTE, NOON + timedelta(hours=1))

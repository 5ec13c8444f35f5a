"""What is owed to those who got an alert: its end, its repetition, or the correction of what has proved untrue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from tracker.domain.runs.message import correct, repeat, take_back
from tracker.domain.runs.run import Run
from tracker.domain.runs.run_signals import Perform
from tracker.domain.runs.steps_done import Moved


def put_right(run: Run, occurred_at: datetime, now: datetime) -> Moved:
    """What the run's alerts were about is over since `occurred_at`; before they fired means that they were wrong."""
    return Moved(replace(run, notices=()), tuple(_debts(run, occurred_at, now)))


def say_again(run: Run, now: datetime) -> Moved:
    """Repeat the alerts that are to be repeated."""
    again = tuple(Perform(repeat(run, notice, now)) for notice in run.notices if notice.repeat)
    return Moved(run, again)


def _debts(run: Run, occurred_at: datetime, now: datetime) -> Iterator[Perform]:
    disproved = run.fired_at is not None and occurred_at <= run.fired_at
    for notice in run.notices:
        if notice.hidden:
            continue
        if notice.resolves:
            yield Perform(take_back(run, notice, now))
        elif disproved:
            yield Perform(correct(run, notice, occurred_at, now))

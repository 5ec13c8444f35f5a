"""The settings of jobs: what runs by the clock, cron lines as Debian's cron reads them, and what each sort needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Literal

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from tracker.domain.calendar import Interval
from tracker.domain.cron import ANY, LAST, LAST_DAY, LAST_WORKDAY, Cron, Missed, Schedule
from tracker.domain.duration import format_duration
from tracker.errors import did_you_mean
from tracker.settings.values import PositiveSpan, Section, Span, Words, Zone

FORM = 'minute hour day month weekday, as in "0 4 * * *"'

FIELDS = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day", "1 to 31, L (the last) or LW (the last from Monday to Friday)"),
    ("month", "1 to 12 or jan to dec"),
    ("weekday", "0 to 7 or sun to sat (0 and 7 are Sunday), fri#2 (the second of the month) or 5L (the last Friday)"),
)
"""What may stand in each."""

PARTS = "Write one of them, a list (1,3), a range from the lower one to the higher (1-5), or steps (*/15)"

NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

LONGEST = 200
"""Characters of a line."""

SOMETIME = datetime(2000, 1, 1, tzinfo=UTC)
"""A line that does not come within 50 years of this never comes: the calendar is the same again after 28."""


@lru_cache(maxsize=256)
def parse_cron(line: str, zone: str) -> Cron:
    """The line in that zone; raises ValueError, whose text tells what is wrong with it and what to write."""
    if len(line) > LONGEST:
        raise ValueError(f"is not a cron line: it is longer than {LONGEST} characters; write {FORM}")
    fields = _fields(line)
    try:
        read = CronSim(" ".join(fields), SOMETIME)
    except (CronSimError, ValueError) as error:
        raise ValueError(f'"{line}" never comes: no month of the line has that many days') from error
    cron = Cron(
        line, zone, tuple(sorted(read.minutes)), tuple(sorted(read.hours)), frozenset(map(_day, read.days)),
        frozenset(read.months), frozenset(map(_weekday, read.weekdays)), not read.day_and,
        any(field.startswith("*") for field in fields[:2]),
    )  # fmt: skip
    if not cron.after(SOMETIME):
        raise ValueError(f'"{line}" never comes: no day fits the day, the month and the weekday together')
    return cron


def _fields(line: str) -> list[str]:
    """The five, each of which can be read."""
    if line.strip().startswith("@"):
        name = line.strip().lower()
        if name not in NAMED:
            near = did_you_mean(name, NAMED)
            raise ValueError(f'"{line}" is not a cron line{near}: write {FORM}, or one of {", ".join(NAMED)}')
        return NAMED[name].split()
    fields = line.split()
    if len(fields) != len(FIELDS):
        near = did_you_mean(f"@{line}", NAMED)
        raise ValueError(
            f'"{line}" is not a cron line: it has {len(fields)} field{"s" * (len(fields) != 1)}, not five: {FORM}{near}'
        )
    faults = [fault for place, field in enumerate(fields) if (fault := _fault(place, field))]
    if faults:
        raise ValueError(f'"{line}" is not a cron line: {"; ".join(faults)}. {PARTS}')
    return fields


def _fault(place: int, field: str) -> str:
    """What is wrong with a field, read by itself; "" where nothing is."""
    alone = ["*"] * len(FIELDS)
    alone[place] = field
    try:
        CronSim(" ".join(alone), SOMETIME)
    except (CronSimError, ValueError):
        name, wanted = FIELDS[place]
        return f'"{field}" is no {name}, which is * or {wanted}'
    return ""


def _day(read: int) -> int:
    return {CronSim.LAST: LAST_DAY, CronSim.LAST_WEEKDAY: LAST_WORKDAY}.get(read, read)


def _weekday(read: int | tuple[int, int]) -> tuple[int, int]:
    day, which = read if isinstance(read, tuple) else (read, ANY)
    return day % 7, LAST if which == CronSim.LAST else which


SHORTEST = timedelta(seconds=1)


def _is_cron(text: str) -> str:
    """What is wrong with a line is the same in every zone."""
    if text:
        parse_cron(text, "UTC")
    return text


def _is_not_too_often(span: timedelta) -> timedelta:
    if timedelta(0) < span < SHORTEST:
        raise ValueError(
            f'"{format_duration(span)}" is too often: the shortest interval is {format_duration(SHORTEST)}'
        )
    return span


class Job(Section):
    """[jobs.<name>]"""

    every: Annotated[Span, AfterValidator(_is_not_too_often)] = Field(
        default=timedelta(0), description="How often it runs."
    )
    cron: Annotated[str, AfterValidator(_is_cron)] = Field(
        default="", description="Or when, in place of every: a cron line, or @daily and the like."
    )
    timezone: Zone = Field(default="UTC", description="The zone of cron.")
    missed: Missed = Field(
        default="coalesce",
        description="What becomes of times that passed while nothing ran: made up for once, one by one, or not at all.",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Job:
        if bool(self.cron) is bool(self.every):
            raise ValueError("give either every or cron")
        return self

    @property
    def schedule(self) -> Schedule:
        """When it is due; the occasions of an interval are the same on every node."""
        return parse_cron(self.cron, self.timezone) if self.cron else Interval(self.every)


class ReconcileJob(Job):
    """[jobs.reconcile], and any further job of this kind."""

    kind: Literal["reconcile"] = Field(default="reconcile", description="What a job of a name of your own does.")
    providers: Words = Field(default=(), description="Whom it asks; all, where it is empty.")
    grace: PositiveSpan = Field(
        default=timedelta(minutes=15), description="A post that has not ended so long after its time is asked about."
    )
    silence: PositiveSpan = Field(
        default=timedelta(minutes=30), description="So is one under way of which nothing was heard for so long."
    )
    window: PositiveSpan = Field(
        default=timedelta(days=1), description="How far the provider's list is read back the first time."
    )


class NamedJob(ReconcileJob):
    """[jobs.<name>]: it says what it does, so that a slip in a name is no new job."""

    kind: Literal["reconcile"] = Field(description="What it does.")


class Jobs(Section):
    """[jobs]"""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, NamedJob] = Field(init=False)

    reconcile: ReconcileJob = Field(
        default=ReconcileJob(every=timedelta(minutes=10)), description="Ask providers about posts that fell silent."
    )
    deadman: Job = Field(
        default=Job(every=timedelta(minutes=5)), description="Notice a provider whose webhooks have stopped."
    )
    drift: Job = Field(
        default=Job(every=timedelta(minutes=15)), description="Notice a provider whose payloads have changed."
    )
    seal: Job = Field(default=Job(every=timedelta(hours=1)), description="Close the log's past days to new rows.")
    prune: Job = Field(default=Job(cron="0 4 * * *"), description="Drop what retention no longer keeps.")

    @property
    def reconciling(self) -> dict[str, ReconcileJob]:
        """The jobs that ask providers, by name."""
        return {"reconcile": self.reconcile, **(self.__pydantic_extra__ or {})}

    @property
    def by_name(self) -> dict[str, Job]:
        """All of them."""
        ours: dict[str, Job] = {name: getattr(self, name) for name in ("seal", "prune", "deadman", "drift")}
        return {**ours, **self.reconciling}

"""The settings of jobs: what runs by the clock, and what each sort of job needs to know."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from tracker.domain.calendar import Interval
from tracker.domain.duration import format_duration
from tracker.domain.occasions import Missed, Schedule
from tracker.settings.cron import parse_cron
from tracker.settings.section import Section
from tracker.settings.values import PositiveSpan, Span, Words, Zone

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

"""How the installation is: one look, and one list of checks, for doctor and dashboard alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.domain.duration import TOLERANCE, format_duration
from tracker.domain.posts.post import FOLD_VERSION
from tracker.queries import actions, drifts, health, webhook_endpoints
from tracker.queries.checks import ok, problem, warning
from tracker.queries.provider_health import LATELY, drift_checks, provider_health
from tracker.store.calls import schedule_runs
from tracker.store.checkpoints import processes
from tracker.store.posts import projections
from tracker.store.reactions import rule_book

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import datetime

    from tracker.queries.checks import Check
    from tracker.queries.drifts import DriftOut
    from tracker.queries.health import Parked, Reader
    from tracker.queries.provider_health import ProviderHealth
    from tracker.settings import Job, Settings
    from tracker.store.calls.schedule_runs import ScheduleRun
    from tracker.store.checkpoints.processes import Process
    from tracker.store.database import Connection
    from tracker.store.posts.projections import Making
    from tracker.store.reactions.rule_book import Standing

NEEDS_SOMEBODY = ("dead", "unknown")
MOST_PARKED = 100
OVERDUE = timedelta(minutes=2)
"""So long after its time a job that is not done is missed."""


@dataclass(frozen=True, slots=True)
class JobHealth:
    """When a job was last begun and is due next; `overdue`: it should have been done since.

    One that skips what it missed is never overdue: it is not going to be made up for.
    """

    name: str
    last: datetime | None
    due: datetime | None
    overdue: bool


def job_health(name: str, job: Job, last: ScheduleRun | None, now: datetime) -> JobHealth:
    """How a job stands, `last` being the latest of its times that was taken."""
    missed = job.schedule.after(last.at) if last and job.missed != "skip" else None
    overdue = missed is not None and missed < now - OVERDUE
    return JobHealth(name, last.taken_at if last else None, job.schedule.after(now), overdue)


@dataclass(frozen=True, slots=True)
class Checkup:
    """What one look found.

    `clock` is how far the database's clock is from ours, `ahead` the rules that fired at a time to come, `risk` how
    what was acknowledged could be lost, `forged` the number of wrong signatures lately by provider, `waiting` how much
    of each kind waits for a person, `open_days` for how many days from now on the log has a partition.
    """

    postgres: int
    clock: timedelta
    living: list[Process]
    ahead: dict[str, datetime]
    readers: list[Reader]
    open_days: int
    making: Making
    rules: Standing
    risk: str
    parked: list[Parked]
    waiting: dict[str, int]
    forged: dict[str, int]
    jobs: list[JobHealth]
    providers: list[ProviderHealth]
    drifts: list[DriftOut]

    @property
    def checks(self) -> list[Check]:
        """All that was looked at, each with its verdict."""
        return [*_installation(self), *_people(self), *_providers(self)]


async def look(
    conn: Connection,
    settings: Settings,
    clock: Callable[[], datetime],
    subscriptions: Sequence[str],
    doors: Collection[str],
) -> Checkup:
    """Look at everything; `doors` are the providers that send webhooks."""
    now, jobs = clock(), settings.jobs.by_name
    last = await schedule_runs.last_of_each(conn, list(jobs), now)
    return Checkup(
        postgres=await health.server_version(conn),
        clock=await health.clock_difference(conn, clock),
        living=await processes.living(conn),
        ahead=await health.fired_after(conn, now + TOLERANCE),
        readers=await health.readers(conn, subscriptions, settings.engine.silence),
        open_days=await health.open_days(conn, now),
        making=await projections.making(conn),
        rules=await rule_book.standing(conn),
        risk=await health.may_lose(conn),
        parked=await health.parked(conn, MOST_PARKED),
        waiting=await waiting(conn),
        forged=await health.forged(conn, now - LATELY),
        jobs=[job_health(name, job, last.get(name), now) for name, job in jobs.items()],
        providers=await provider_health(conn, settings, doors, now),
        drifts=[drift for drift in await drifts.open_drifts(conn) if drift.provider in doors],
    )


async def waiting(conn: Connection) -> dict[str, int]:
    """How much of each kind waits for a person."""
    kinds = await actions.count_by_state(conn, NEEDS_SOMEBODY)
    kinds["held"] = await health.held_in_quarantine(conn)
    kinds["disabled"] = await webhook_endpoints.count_disabled(conn)
    return {kind: number for kind, number in kinds.items() if number}


def _installation(look: Checkup) -> Iterator[Check]:
    """Whether everything does its work."""
    yield _clock(look.clock)
    for process in look.living:
        for agent, how in process.failing.items():
            advice = "its log says more; it is begun again until it runs, and until then its work is not done"
            yield problem(
                "agents", f"the {agent} of {process.node} {how}", advice, "health.failing", how.error,
                agent=agent, node=process.node, number=how.failures, since=how.since,
            )  # fmt: skip
    if look.ahead:
        rules, until = ", ".join(look.ahead), max(look.ahead.values())
        found = f"dated in the future, up to {until:%Y-%m-%d %H:%M} UTC: {rules}"
        advice = "a clock was ahead; if it is right now, nothing is to be done: they hold nothing back"
        yield warning("firings", found, advice, "health.fired_ahead", rules=rules, until=until)
    for reader in look.readers:
        yield _reader(reader, serving=bool(look.living))
    if not look.open_days:
        advice = "let a process run with the role scheduler"
        yield warning("log", "no day is ready for the next events", advice, "health.no_day")
    yield from _jobs(look.jobs)
    yield from _made_anew(look.making)
    if look.rules.refused_at:
        yield _refused(look.rules, look.rules.refused_at)
    if look.risk:
        advice = "set synchronous_standby_names = 'ANY 1 (…)' with your standbys, and leave synchronous_commit on"
        yield warning("replication", look.risk, advice, "health.replication", look.risk)
    yield _parked(look.parked)


def _clock(difference: timedelta) -> Check:
    found = f"{difference.total_seconds():.1f} s from the database's"
    if difference <= health.CLOCK_OFF:
        return ok("clock", found)
    advice = "let both machines keep their time by NTP: leases and times of arrival go by it"
    judged = problem if difference > health.CLOCK_FAR_OFF else warning
    return judged("clock", found, advice, "health.clock_off", span=difference)


def _reader(reader: Reader, *, serving: bool) -> Check:
    if reader.fault:
        judged = problem if reader.buckets or serving else warning  # nothing is wrong before the first start
        advice = "start `tracker serve`, or look into its log" if reader.buckets else "`tracker serve` begins it"
        return judged(reader.name, reader.fault, advice, "overview.silent", name=reader.name)
    behind = timedelta(seconds=round(reader.lag or 0))
    if behind <= health.BEHIND:
        return ok(reader.name, "reads, and is not behind")
    judged = problem if behind > health.FAR_BEHIND else warning
    found, advice = f"is {format_duration(behind)} behind", "let more processes run with the role worker"
    return judged(reader.name, found, advice, "health.lagging", name=reader.name, span=behind)


def _jobs(jobs: list[JobHealth]) -> Iterator[Check]:
    advice = "let a process run with the role scheduler"
    if all(job.overdue or job.last is None for job in jobs):
        yield warning("jobs", "no scheduled job is done", advice, "health.unscheduled")
        return
    overdue = [job for job in jobs if job.overdue]
    for job in overdue:
        yield warning("jobs", f"{job.name} is overdue", "its log says why", "health.job_overdue", name=job.name)
    if not overdue:
        yield ok("jobs", "each was done in its time")


def _made_anew(making: Making) -> Iterator[Check]:
    """Whether the posts are what this version makes of the log."""
    if making.busy and making.filled is not None:
        filled, advice = f"{making.filled:.0%}", "nothing is to be done: those in use are served until then"
        yield warning("posts", f"are being made anew: {filled} of the log is folded", advice, "health.made_anew")
    elif making.fold < FOLD_VERSION:
        advice = "`tracker serve` makes them anew as it runs"
        yield warning("posts", "were made by an earlier version", advice, "health.made_before")


def _refused(known: Standing, since: datetime) -> Check:
    good = f"the last good rules, of {known.kept_at:%Y-%m-%d %H:%M:%S}Z, are" if known.kept_at else "no rule is"
    found = f"refused since {since:%Y-%m-%d %H:%M:%S}Z; {good} in force: {known.refused}"
    word = "overview.refused" if known.kept_at else "overview.refused_none"
    return problem("rules", found, "put it right; `tracker rules check` says when it is", word, known.refused or "")


def _parked(rows: list[Parked]) -> Check:
    if not rows:
        return ok("parked", "nothing was set aside")
    newest, many = rows[0], f"{MOST_PARKED} or more" if len(rows) == MOST_PARKED else str(len(rows))
    found = f"{many} set aside, the newest by the {newest.subscription}: {newest.error}"
    advice = "update to a version that can handle it, then `tracker log rebuild`"
    number = f"{MOST_PARKED}+" if len(rows) == MOST_PARKED else len(rows)
    return problem("parked", found, advice, "overview.parked", newest.error, number=number)


def _people(look: Checkup) -> Iterator[Check]:
    """What waits for a person."""
    number = look.waiting
    if held := number.get("held"):
        advice = "`tracker quarantine list`, then replay or discard them"
        yield warning("quarantine", f"{held} held", advice, "overview.held", number=held)
    else:
        yield ok("quarantine", "nothing is held")
    if look.forged:
        forged, names = sum(look.forged.values()), ", ".join(look.forged)
        advice = "if the provider sent them, put its webhook_secrets right, then `tracker quarantine replay`"
        found = f"{forged} wrong in the last day: {names}"
        yield warning("signatures", found, advice, "health.forged", number=forged, names=names)
    else:
        yield ok("signatures", "all were right in the last day")
    states = [state for state in NEEDS_SOMEBODY if state in number]
    for state in states:
        advice = "retry or discard them, on the dashboard or by the API"
        yield warning("actions", f"{number[state]} {state}", advice, f"overview.{state}", number=number[state])
    if not states:
        yield ok("actions", "none is dead or unknown")
    if disabled := number.get("disabled"):
        found, advice = f"{disabled} disabled, having failed too often", "see to the receiver, then enable them"
        yield warning("endpoints", found, advice, "overview.disabled", number=disabled)


def _providers(look: Checkup) -> Iterator[Check]:
    for provider in look.providers:
        yield from provider.checks()
    if any(provider.sends for provider in look.providers):
        yield from drift_checks(look.drifts)

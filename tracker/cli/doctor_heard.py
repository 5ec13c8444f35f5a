"""What the doctor hears of providers: when the last webhook came, who is silent, and what only asking found."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.cli.doctor_findings import Finding, ok, problem, warning
from tracker.cli.output import counted, written
from tracker.domain.posts.provider_clock import TOLERATED, zone_east_by
from tracker.providers import build_providers
from tracker.queries import provider_clocks
from tracker.reconcile.silence_monitor import LEARNT_FROM
from tracker.store.calls import provider_heartbeats
from tracker.store.posts import overdue_posts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from tracker.domain.posts.provider_clock import ProviderClock
    from tracker.settings import Settings
    from tracker.store.database import Connection

LATELY = timedelta(days=1)
SECOND = timedelta(seconds=1)


async def examine_heard(conn: Connection, settings: Settings, now: datetime) -> AsyncIterator[Finding]:
    """What there is to say about each configured provider that sends webhooks."""
    doors = sorted(build_providers(settings))
    last = await provider_heartbeats.last_of_each(conn, doors, now - LEARNT_FROM)
    silent = await provider_heartbeats.silent(conn)
    missed = await overdue_posts.missed(conn, now - LATELY, now)
    for name in doors:
        _, posts = missed.get(name, (0, 0))
        since = silent.get(name)
        told_silent = since is not None and last.get(name, since) <= since
        yield _heard(name, last.get(name), now, posts, silent=told_silent)
    for clock in (await provider_clocks.clocks(conn, doors, now - LEARNT_FROM)).values():
        if finding := _times(clock):
            yield finding


def _heard(name: str, at: datetime | None, now: datetime, missed: int, *, silent: bool) -> Finding:
    found = f"{name}: {_last(at, now)}"
    if silent:
        found += ", which is longer than it is ever silent"
    if missed:
        found += f"; of {counted(missed, 'post')} only asking told something in the last day"
    if silent or (missed and (at is None or at < now - LATELY)):
        return problem("heard", found, f"`tracker webhooks test --provider {name}` tells whether its webhooks arrive")
    if missed:
        return warning("heard", found, "webhooks were lost on their way: see what stands between the provider and here")
    if at is None:
        return warning("heard", found, f"if it should, `tracker webhooks test --provider {name}` tells more")
    return ok("heard", found)


def _times(clock: ProviderClock) -> Finding | None:
    """What there is to say about the times that its webhooks tell."""
    name, off = clock.provider, clock.off_by
    if off:
        found = f"{name}: its times are {written(abs(off))} {'ahead of' if off > TOLERATED else 'behind'} their arrival"
        zone = zone_east_by(off)
        to = f'timezone = "{zone}"' if zone else f"timezone to one that is {written(abs(off))} away from what is set"
        return problem("times", found, f"if they name no zone and none is set, set [providers.{name}] {to}")
    if not clock.ahead:
        return None
    found = f"{name}: {clock.ahead} of the last {clock.told} are ahead of their arrival"
    found += f", by {_short(clock.largest)} at most"
    usual = f", usually by {_short(clock.usual)}" if clock.usual > TOLERATED else ""
    return warning("times", found + usual, "they count as their arrival; let both clocks be kept by NTP")


def _short(span: timedelta) -> str:
    return written(max(span // SECOND, 1) * SECOND)


def _last(at: datetime | None, now: datetime) -> str:
    if at is None:
        return f"no webhook in the last {LEARNT_FROM.days} days"
    span = now - at
    unit = timedelta(minutes=1) if span >= timedelta(hours=1) else timedelta(seconds=1)
    return f"the last webhook came {written(span // unit * unit)} ago" if span >= unit else "a webhook came just now"

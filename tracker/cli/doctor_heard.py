"""What the doctor hears of providers: when the last webhook came, who is silent, and what only asking found."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.cli.doctor_findings import Finding, ok, problem, warning
from tracker.cli.output import counted, written
from tracker.domain.calls.heartbeat import LEARNT_FROM
from tracker.providers import build_providers
from tracker.store.calls import provider_heartbeats
from tracker.store.posts import overdue_posts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from tracker.settings import Settings
    from tracker.store.database import Connection

LATELY = timedelta(days=1)


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


def _last(at: datetime | None, now: datetime) -> str:
    if at is None:
        return f"no webhook in the last {LEARNT_FROM.days} days"
    span = now - at
    unit = timedelta(minutes=1) if span >= timedelta(hours=1) else timedelta(seconds=1)
    return f"the last webhook came {written(span // unit * unit)} ago" if span >= unit else "a webhook came just now"

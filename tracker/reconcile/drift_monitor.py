"""The drift watch: what a provider's payloads usually look like is learnt, and what has changed in them is a fact.

It reads the log off the hot path, a bounded sample at each look, and says each finding once, until it is over.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from tracker.domain.drift.findings import Finding, Identity, compare, lasts, shows
from tracker.domain.drift.remedy import example_of, remedy
from tracker.domain.drift.shape import shape_of
from tracker.domain.drift.usual import MONTH, Usual
from tracker.facts.own_facts import own_fact
from tracker.providers.mapping.paths import decode
from tracker.runtime.logger import Logger
from tracker.store.drift import drifts, sampling
from tracker.store.drift.drifts import MOST_OPEN, Examples, Known
from tracker.store.log import event_log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tracker.domain.drift.shape import Watched
    from tracker.providers.watched import Watching
    from tracker.store.database import Connection, Database
    from tracker.store.drift.sampling import Sampled

log = Logger(__name__)

DRIFTED = "provider.drifted"


@dataclass(frozen=True, slots=True)
class Heard:
    """What one look has heard of one event, and what was known of it."""

    provider: str
    event: str
    watched: Watched
    usual: Usual
    known: Sequence[Known]
    found: Mapping[Identity, Finding]


async def look(database: Database, watchings: Mapping[str, Watching], now: datetime) -> None:
    """Learn from what has come since the last look, and say what has drifted, of the providers that are watched."""
    async with database.transaction() as conn:
        sampled = await sampling.read_on(conn, now - MONTH, now)
        await drifts.forget_shapes(conn, now - MONTH)
        await drifts.forget_shapes(conn, now - MONTH)
        known = defaultdict(list)
        for one in await drifts.open_drifts(conn):
            known[one.provider].append(one)
        for one in [one for provider, some in known.items() if provider not in watchings for one in some]:
            await _end(conn, one, now)
        for provider, watching in watchings.items():
            of_it = [one for one in sampled if one.provider == provider]
            if of_it or known[provider]:
                await _look_at(conn, provider, watching, of_it, known[provider], now)


async def _look_at(
    conn: Connection,
    provider: str,
    watching: Watching,
    sampled: Sequence[Sampled],
    known: Sequence[Known],
    now: datetime,
) -> None:
    usual = await drifts.usual_of(conn, provider)
    about: dict[str, list[Known]] = defaultdict(list)
    for one in known:
        about[one.event].append(one)
    examples = {one.finding.identity: Examples(one.events, one.posts, one.last_at) for one in known}
    learnt = await _learn(conn, usual, watching, sampled, about, examples, now)
    opened = len(known)
    for event in sorted(learnt.keys() | about.keys()):
        watched = watching(event)
        if event not in usual:
            for one in about[event]:
                await _end(conn, one, now)
            continue
        heard = Heard(provider, event, watched, usual[event], about[event], learnt.get(event, {}))
        await _go_on(conn, heard, examples, now)
        opened += await _begin(conn, heard, now, MOST_OPEN - opened)
        if event in learnt:
            await drifts.save_usual(conn, provider, event, usual[event])


async def _learn(
    conn: Connection,
    usual: dict[str, Usual],
    watching: Watching,
    sampled: Sequence[Sampled],
    about: Mapping[str, Sequence[Known]],
    examples: Mapping[Identity, Examples],
    now: datetime,
) -> dict[str, dict[Identity, Finding]]:
    """Count the sample in, and whatever of it shows what is on record; answers with what was found of each event.

    It is compared as it is counted: what has changed becomes usual the sooner, the more comes at once.
    """
    learnt: dict[str, dict[Identity, Finding]] = {}
    before = sum(one.events for one in usual.values())
    async for one, body in sampling.bodies(conn, sampled):
        try:
            payload = decode(body)
        except ValueError:
            continue
        event, at = one.kind, one.received_at
        if event not in usual:
            if len(usual) >= drifts.MOST_EVENTS:
                continue
            usual[event] = Usual(at, at, before)
        watched = watching(event)
        shape = shape_of(payload, watched, about_post=one.post is not None)
        usual[event].learn(shape, one.position, at, watched)
        before += 1
        found = learnt.setdefault(event, {})
        if usual[event].due:
            found |= {one.identity: one for one in compare(event, usual[event], watched, now)}
        for known in about.get(event, ()):
            if shows(known.finding, shape, watched):
                examples[known.finding.identity].take(one.post, at)
        await asyncio.sleep(0)
    return learnt


async def _go_on(conn: Connection, heard: Heard, examples: Mapping[Identity, Examples], now: datetime) -> None:
    for one in heard.known:
        if not lasts(one.finding, heard.usual, heard.watched, one.since, now):
            await _end(conn, one, now)
        elif (seen := examples[one.finding.identity]).events > one.events:
            await drifts.go_on(conn, heard.provider, one.finding, seen)


async def _begin(conn: Connection, heard: Heard, now: datetime, room: int) -> int:
    """Say what is new; answers how much that is."""
    known = {one.finding.identity for one in heard.known}
    latest = {one.identity: one for one in compare(heard.event, heard.usual, heard.watched, now)}
    lasting = [one for one in heard.found.values() if lasts(one, heard.usual, heard.watched, now, now)]
    found = {one.identity: one for one in lasting} | latest
    new = [one for identity, one in found.items() if identity not in known][: max(room, 0)]
    if new:
        recent = await sampling.at(conn, heard.usual.newest, heard.usual.newest_since)
        payloads = [(one, decode(body)) async for one, body in sampling.bodies(conn, recent)]
        for finding in new:
            await _tell(conn, heard, finding, payloads, now)
    return len(new)


async def _tell(
    conn: Connection, heard: Heard, finding: Finding, payloads: Sequence[tuple[Sampled, Any]], now: datetime
) -> None:
    examples, example = Examples(0, [], heard.usual.last_at), None
    for one, payload in payloads:
        shape = shape_of(payload, heard.watched, about_post=one.post is not None)
        if shows(finding, shape, heard.watched):
            examples.take(one.post, one.received_at)
            example = payload
    said: dict[str, Any] = {"remedy": remedy(heard.provider, finding, heard.usual, heard.watched)}
    said["example"] = example_of(example, heard.watched) if example is not None else None
    told = {name: text for name, text in asdict(finding).items() if text}
    log.warning("provider.drifted", provider=heard.provider, of=finding.event, drift=finding.drift, path=finding.path)
    delivery = "\n".join((heard.provider, DRIFTED, *map(str, finding.identity), now.isoformat()))
    await drifts.begin(conn, heard.provider, finding, now, examples, said)
    detail = {**told, **said, "events": examples.events, "posts": examples.posts}
    await event_log.append_once(
        conn, own_fact("reconcile", delivery, DRIFTED, heard.provider, None, now, now, detail=detail)
    )


async def _end(conn: Connection, known: Known, now: datetime) -> None:
    finding = known.finding
    log.info("provider.drift_over", provider=known.provider, of=finding.event, drift=finding.drift, path=finding.path)
    await drifts.end(conn, known.provider, finding, now)

"""What must always hold: the cheap ones after each fault, all of them at the end. Each answers what is broken."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.acceptance.chaos.scenes import Scene

SAMPLE = 5
SOURCE = "sosyalkopru"
IN_LOG = """
select e.body from deliveries d join events e on e.day = d.day and e.position = d.position
 where d.source = 'sosyalkopru' and d.body_hash = any($1::bytea[])
"""
LOG = "select body, delivery from events where source = 'sosyalkopru' and part = 0"
KNOWN_ACTIONS = "select id from actions where id = any($1::uuid[])"
PARKED = "select subscription, item, error from parked limit 5"
UNPROJECTED = """
select coalesce(sum(facts - coalesce(p.version, 0)), 0)::int
  from (select provider, post, count(distinct (body_hash, part)) as facts from events
         where post is not null
           and not (source in ('action', 'manual', 'rule', 'signal')
                    and convert_from(body, 'UTF8')::jsonb - array['event', 'at', 'post', 'detail'] = '{}')
         group by provider, post) e
  left join posts p on p.projection = (select version from projections where current)
                   and p.provider = e.provider and p.post = e.post
"""
POSTS = "select post, state from posts p join projections v on v.version = p.projection and v.current"
SENT = """
select a.rule, a.post, a.id::text as id, a.idempotency_key as key, a.state, a.payload->>'event' as event
  from actions a where a.verb = 'send'
"""
OPEN_WORK = """
select (select count(*) from actions where state in ('pending', 'claimed'))
     + (select count(*) from timers where coalesce(post, '') <> all($1))
     + (select count(*) from runs where state = 'active' and coalesce(post, '') <> all($1))
"""
LET_TIME_PASS = """
update actions set due_at = $1
 where id in (select id from actions where state = 'pending' and due_at > $1 for update skip locked)
"""
"""Nobody waits here for the pause before the next attempt, which may be minutes."""
UNEXPECTED = """
select state, verb, rule, reason, count(*) from actions
 where state not in ('done', 'discarded', 'cancelled') and not (verb = 'retry' and reason = 'not_retryable')
 group by 1, 2, 3, 4 limit 5
"""
"""A retry asks first, and is over where the post has failed for good meanwhile: another attempt had been made."""


def some(what: str, those: Iterable[object]) -> list[str]:
    """A sentence where there are any, with a few of them."""
    found = list(those)
    return [f"{len(found)} {what}, as {found[:SAMPLE]}"] if found else []


async def after_each(scene: Scene) -> list[str]:
    """What was acknowledged since the last time is in the log, and nothing arrived that is not on record."""
    bodies, scene.book.unchecked = scene.book.unchecked, []
    kept = Counter(bytes(row["body"]) for row in await scene.ask(IN_LOG, [sha256(body).digest() for body in bodies]))
    heard = [UUID(id_) for id_ in scene.sink.bodies if id_ not in scene.recorded]
    known = {str(row["id"]) for row in await scene.ask(KNOWN_ACTIONS, heard)}
    scene.recorded |= known
    return [
        *some("acknowledged and not in the log", (body for body in bodies if not kept[body])),
        *some("acknowledged and twice in the log", (body for body in bodies if kept[body] > 1)),
        *some("told without a record", (id_ for id_ in map(str, heard) if id_ not in known)),
        *some("parked", map(tuple, await scene.ask(PARKED))),
    ]


async def at_the_end(scene: Scene, seconds: float) -> list[str]:
    """Once nothing is left to do: all of it."""
    return await as_kept(scene, seconds) + await _rebuilt(scene)


async def as_kept(scene: Scene, seconds: float) -> list[str]:
    """All but what is folded anew for it."""
    broken = await _until_quiet(scene, seconds)
    broken += await after_each(scene)
    broken += await _log(scene)
    broken += await _posts(scene)
    return broken + await _actions(scene)


async def _until_quiet(scene: Scene, seconds: float) -> list[str]:
    end = time.monotonic() + seconds
    while True:
        await scene.ask(LET_TIME_PASS, scene.now())
        left = (await scene.ask(OPEN_WORK, [*scene.book.excused]))[0][0] + (await scene.ask(UNPROJECTED))[0][0]
        waiting = [one.id for one in scene.simulator.deliveries if not one.acknowledged]
        uncalled = [] if left or waiting else _called_for(scene, await scene.ask(SENT))
        if not left and not waiting and not uncalled:
            return []
        if time.monotonic() > end:
            return uncalled or [f"after {seconds:g} s {left} are left to do, and {len(waiting)} deliveries to be taken"]
        await asyncio.sleep(0.2)


async def _log(scene: Scene) -> list[str]:
    """It holds what was acknowledged, once and byte for byte, and nothing that was not sent."""
    rows = [(bytes(row["body"]), row["delivery"].partition("~")[0]) for row in await scene.ask(LOG)]
    kept = Counter(body for body, _ in rows)
    simulated = {one.body for one in scene.simulator.deliveries}
    sent = scene.book.sent
    scene.events = len(rows)
    return [
        *some("acknowledged and not in the log", (body for body in scene.book.acknowledged if body not in kept)),
        *some("twice in the log", (body for body, times in kept.items() if times > 1)),
        *some("in the log and never sent", (body for body in kept if body not in sent and body not in simulated)),
        *some("under a name that it never had", (row for row in rows if row[0] in sent and row[1] not in sent[row[0]])),
        *some("answers that were neither 2xx nor 503", scene.book.odd.items()),
        *some("of the provider not in the log", (one.id for one in scene.simulator.deliveries if one.body not in kept)),
    ]


async def _posts(scene: Scene) -> list[str]:
    """Each is as it was told, and at the provider nothing was published twice."""
    states = {row["post"]: row["state"] for row in await scene.ask(POSTS)}
    wanted = {post: name.partition(".")[2] for post, name in scene.book.told.items()}
    wanted |= dict.fromkeys(scene.book.silent, "publishing")
    truth = scene.simulator.truth()
    wanted |= {post: str(one.state) for post, one in truth.items()}
    wanted = {post: state for post, state in wanted.items() if post not in scene.book.excused}
    return [
        *some("posts not as they were told", ((p, states.get(p), s) for p, s in wanted.items() if states.get(p) != s)),
        *some("published twice", (p for p, one in truth.items() if any(n > 1 for n in one.published.values()))),
    ]


async def _actions(scene: Scene) -> list[str]:
    """Each that was called for once, under one key and with one text, and none that was not; no false silence."""
    rows = await scene.ask(SENT)
    heard, book, scene.actions = scene.sink.bodies, scene.book, len(rows)
    done = {row["id"] for row in rows if row["state"] == "done"}
    keys = Counter(row["key"] for row in rows)
    return [
        *some("keys of several actions", (key for key, times in keys.items() if times > 1)),
        *some("done and never heard", done - set(scene.sink.accepted)),
        *some("accepted and not done", set(scene.sink.accepted) - done),
        *some("told in two ways under one id", (id_ for id_, bodies in heard.items() if len(bodies) > 1)),
        *some("actions that are not done", map(tuple, await scene.ask(UNEXPECTED))),
        *_called_for(scene, rows),
        *some(
            "silences that were none", {r["post"] for r in rows if r["rule"] == "silent"} & book.heard - book.excused
        ),
    ]


def _called_for(scene: Scene, rows: Sequence[Any]) -> list[str]:
    """What each rule had to do once and did not, or did more than once."""
    book = scene.book
    return [
        *_as_called_for("tell", book.told.keys() - book.excused, rows),
        *_as_called_for("later", book.later - book.excused, rows),
        *_as_called_for("silent", book.silent - book.excused, rows),
    ]


def _as_called_for(rule: str, posts: Iterable[str], rows: Sequence[Any]) -> list[str]:
    times = Counter(row["post"] for row in rows if row["rule"] == rule)
    return some(f"posts about which {rule} did not act once", ((p, times[p]) for p in sorted(posts) if times[p] != 1))


async def _rebuilt(scene: Scene) -> list[str]:
    """Folding the whole log again comes to the same posts."""
    config = str(scene.service.folder / "config.toml")
    command = [sys.executable, "-m", "tracker", "log", "rebuild", "--dry-run", "--config", config]
    run: Callable[[], subprocess.CompletedProcess[str]] = lambda: subprocess.run(  # noqa: E731
        command, capture_output=True, text=True, check=False
    )
    ran = await asyncio.to_thread(run)
    return [f"a rebuild says otherwise: {ran.stdout}{ran.stderr[-500:]}"] if ran.returncode else []

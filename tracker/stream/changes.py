"""Changes worked out again: what each event of the log changed, by the fold that made the posts.

Of a change only its moves are kept, as transitions. Whoever wants to know more of what an event changed folds the facts
of its post again, in the order of their positions. The projector takes them in that order, too, but batch by batch: of
two transactions that committed at the same moment, the one with the later position may have come to it first. What
stands for facts that are no longer kept (a baseline) is where the changes of a post begin. How an event is read is how
it would be read now: where a mapping was put right, its changes are those that a rebuild comes to.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.arrival import about_no_post, arrive_together, is_one_late
from tracker.domain.posts.post import Post, fold, view
from tracker.domain.rules.event_pattern import EventName, Transition, entered
from tracker.providers.base import FactReader
from tracker.store.log import look_back
from tracker.store.posts import posts
from tracker.store.posts.posts import logged
from tracker.store.session import page_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from tracker.domain.posts.change import Change, PostView
    from tracker.domain.posts.event import Fact, LoggedEvent
    from tracker.domain.rules.event_pattern import EventPattern
    from tracker.store.database import Connection, Row
    from tracker.store.log.feed import Checkpoint
    from tracker.store.posts.posts import Key

Readers = Mapping[str, FactReader]

AT_ONCE = 200
"""So many posts are folded before others have their turn."""

MANY = 500
"""So many facts are folded beside all else."""

ROOM = 20_000
DAY = timedelta(days=1)


def facts_of(readers: Readers, events: Iterable[LoggedEvent]) -> dict[Key, list[Fact]]:
    """What the events say, by post, in their order; those that cannot be read, or by nobody any more, say nothing."""
    facts: dict[Key, list[Fact]] = defaultdict(list)
    for event in events:
        if reader := readers.get(event.source):
            try:
                for fact in reader.facts(event):
                    facts[fact.provider, fact.post or ""].append(fact)
            except ValueError:
                continue
    return facts


async def of_post(conn: Connection, readers: Readers, key: Key, before: int = look_back.ALL) -> list[Change]:
    """All that changed the post before that position."""
    return (await of_posts(conn, readers, [key], before))[key]


async def of_posts(
    conn: Connection, readers: Readers, keys: Collection[Key], before: int = look_back.ALL
) -> dict[Key, list[Change]]:
    """All that changed these posts before that position."""
    events, starts = await look_back.of_posts(conn, keys, before), await posts.baselines(conn, keys)

    def made() -> dict[Key, list[Change]]:
        facts = facts_of(readers, events)
        return {key: arrive_together(None, facts[key], (), starts.get(key))[1] if key in facts else [] for key in keys}

    return await asyncio.to_thread(made) if len(events) > MANY else made()


async def gathered(
    conn: Connection, readers: Readers, words: Sequence[EventPattern], after: datetime, upto: datetime
) -> list[Change]:
    """What came in during (after, upto], and may be what one of the words names."""
    named = [word for word in words if isinstance(word, EventName)]
    names = None if any(word.is_glob for word in named) else [word.pattern for word in named]
    anywhere = any(isinstance(word, Transition) and word.after is None for word in words)
    rows = await look_back.gathered(conn, after, upto, names, None if anywhere else entered(words))
    return await of_events(conn, readers, rows)


async def of_events(conn: Connection, readers: Readers, rows: Sequence[Row]) -> list[Change]:
    """What these events changed (rows of the feed EVENTS), in their order."""
    about_none = facts_of(readers, [logged(row) for row in rows if row["post"] is None])
    made = {fact.position: about_no_post(fact) for facts in about_none.values() for fact in facts}
    keys = iter({(row["provider"], row["post"]): None for row in rows if row["post"]})
    wanted, before = {row["position"] for row in rows}, max((row["position"] for row in rows), default=0) + 1
    while some := list(islice(keys, AT_ONCE)):
        for changes in (await of_posts(conn, readers, some, before)).values():
            made |= {change.cause: change for change in changes if change.cause in wanted}
        await asyncio.sleep(0)
    return [made[row["position"]] for row in rows if row["position"] in made]


async def in_order(
    conn: Connection, readers: Readers, since: datetime, until: datetime, page: int
) -> AsyncGenerator[Sequence[Change]]:
    """What changed by all that came in from `since` to `until`, in the order of the log, page by page.

    One page is on its way while another is in use: close it when it is not read to its end. The transaction is the
    caller's.
    """
    followed = Followed(readers)
    cursor = await conn.cursor(look_back.IN_ORDER, since, await look_back.begins(conn, since), until)
    rows = await page_of(conn, cursor, page)
    while rows:
        changes = await followed.changes(conn, rows)
        coming = asyncio.ensure_future(page_of(conn, cursor, page))
        try:
            await asyncio.sleep(0)
            yield changes
            rows = await coming
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def stood(conn: Connection, readers: Readers, at: datetime, states: AbstractSet[str]) -> AsyncGenerator[PostView]:
    """The posts that were in one of these states (or one of their targets was) at that moment, as they stood."""
    before, moved = await look_back.begins(conn, at), []
    for row in await look_back.stood(conn, at, states):
        if row["still"]:
            yield view(msgspec.json.decode(row["fold"], type=Post))
        else:
            moved.append((row["provider"], row["post"]))
    keys = iter(moved)
    while some := list(islice(keys, AT_ONCE)):
        facts = facts_of(readers, await look_back.of_posts(conn, some, before))
        starts = await posts.baselines(conn, some)
        for key in some:
            if key in facts or key in starts:
                post = view(fold(*key, facts.get(key, ()), starts.get(key)).post)
                if not states.isdisjoint([post.state, *(target.state for target in post.targets)]):
                    yield post
        await asyncio.sleep(0)


class Followed:
    """The log in its order, page by page; the posts that were met last are kept in memory as they stand."""

    def __init__(self, readers: Readers, room: int = ROOM) -> None:
        self._readers, self._room = readers, room
        self._posts: dict[Key, Post] = {}

    async def changes(self, conn: Connection, rows: Sequence[Row], seen: Checkpoint | None = None) -> list[Change]:
        """What the next events changed, in their order; before them came what `seen` sees, or all earlier positions."""
        if not rows:
            return []
        parked = {row["item"] for row in await conn.fetch(look_back.PARKED, [row["position"] for row in rows])}
        events = [logged(row) for row in rows if row["position"] not in parked]
        arrived = facts_of(self._readers, events)
        known = {key: self._posts.pop(key) for key in arrived if key in self._posts}
        about_posts = {key: facts for key, facts in arrived.items() if key[1]}
        asked = [key for key, facts in about_posts.items() if key not in known or is_one_late(known[key], facts)]
        before = look_back.ALL if seen else min(row["position"] for row in rows)
        through = max(row["day"] for row in rows) + DAY
        logs = await look_back.of_posts(conn, asked, before, seen, through=through) if asked else []
        earlier, starts = facts_of(self._readers, logs), await posts.baselines(conn, asked) if asked else {}
        made: dict[int, Change] = {}
        for key, facts in arrived.items():
            if not key[1]:
                changes = [about_no_post(fact) for fact in facts]
            else:
                start, behind = starts.get(key), earlier.get(key, ())
                post = known.get(key) or (fold(*key, behind, start).post if behind else None)
                self._posts[key], changes = arrive_together(post, facts, behind, start)
            made |= {change.cause: change for change in changes}
        for key in list(islice(self._posts, max(0, len(self._posts) - self._room))):
            del self._posts[key]
        return [made[event.position] for event in events if event.position in made]

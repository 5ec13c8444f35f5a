"""What has drifted, each finding once until it is over and comes again; and what payloads usually look like."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import asdict

from tracker.domain.drift.findings import Drift, Finding
from tracker.domain.drift.usual import Usual
from tracker.store.session import into

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.store.database import Connection, Row


MOST_OPEN = 100
"""Of one provider; one that changes more is another provider by now."""

MOST_POSTS = 100
"""Of the posts that a finding touched, the newest are named."""

COLUMNS = "provider, event, drift, path, found, since, ended_at, last_at, times, events, posts, said"

OPEN = f"select {COLUMNS} from drifts where ended_at is null order by provider, since, event, path, found"

BEGIN = """
insert into drifts (provider, event, drift, path, found, since, last_at, times, events, posts, said)
values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10)
    on conflict (provider, event, drift, path, found) do update
   set since = excluded.since, ended_at = null, last_at = excluded.last_at, times = drifts.times + 1,
       events = excluded.events, posts = excluded.posts, said = excluded.said
"""

GO_ON = """
update drifts set events = $6, posts = $7, last_at = $8
 where provider = $1 and event = $2 and drift = $3 and path = $4 and found = $5
"""

END = """
update drifts set ended_at = $6 where provider = $1 and event = $2 and drift = $3 and path = $4 and found = $5
"""

FORGET = "delete from drifts where ended_at < $1"


@dataclass(frozen=True, slots=True)
class Known:
    """A finding on record: `events` showed it, of those that were looked at; `posts` are the newest that they tell of.

    `said` has the rest of the finding, the `remedy` and an `example`. It was found for the `times`th time.
    """

    provider: str
    event: str
    drift: str
    path: str
    found: str
    since: datetime
    ended_at: datetime | None
    last_at: datetime
    times: int
    events: int
    posts: list[str]
    said: dict[str, Any]

    @property
    def finding(self) -> Finding:
        """What was found."""
        named = {name: self.said.get(name, "") for name in ("name", "was", "instead")}
        return Finding(Drift(self.drift), self.event, self.path, self.found, **named)


def known(row: Row | Mapping[str, Any]) -> Known:
    """A row of the table as a value."""
    return into(Known, row)


@dataclass(slots=True)
class Examples:
    """What has shown a finding: how many events, which posts, the newest last, and when the last came."""

    events: int
    posts: list[str]
    last_at: datetime

    def take(self, post: str | None, at: datetime) -> None:
        """One more."""
        self.events += 1
        self.last_at = max(self.last_at, at)
        if post:
            self.posts = [*(one for one in self.posts if one != post), post][-MOST_POSTS:]


async def open_drifts(conn: Connection) -> list[Known]:
    """Those that are not over."""
    return [known(row) for row in await conn.fetch(OPEN)]


async def begin(
    conn: Connection, provider: str, finding: Finding, since: datetime, examples: Examples, said: dict[str, Any]
) -> None:
    """Put a finding on record."""
    rest = {name: text for name, text in asdict(finding).items() if name in ("name", "was", "instead")}
    await conn.execute(
        BEGIN, provider, *_key(finding), since, examples.last_at, examples.events, examples.posts, {**rest, **said}
    )


async def go_on(conn: Connection, provider: str, finding: Finding, examples: Examples) -> None:
    """It has been seen again."""
    await conn.execute(GO_ON, provider, *_key(finding), examples.events, examples.posts, examples.last_at)


async def end(conn: Connection, provider: str, finding: Finding, at: datetime) -> None:
    """It is over."""
    await conn.execute(END, provider, *_key(finding), at)


async def forget(conn: Connection, before: datetime) -> None:
    """Be rid of those that were over by then."""
    await conn.execute(FORGET, before)


def _key(finding: Finding) -> Sequence[str]:
    return finding.event, finding.drift, finding.path, finding.found


MOST_EVENTS = 100
"""Names of events of one provider; what comes under a further one is not learnt from."""

USUAL_OF = "select event, usual from shapes where provider = $1 order by event"

SAVE_USUAL = """
insert into shapes (provider, event, usual, last_at) values ($1, $2, $3, $4)
    on conflict (provider, event) do update set usual = excluded.usual, last_at = excluded.last_at
"""

FORGET_SHAPES = "delete from shapes where last_at < $1"


async def usual_of(conn: Connection, provider: str) -> dict[str, Usual]:
    """What is known of its events, by their names."""
    rows = await conn.fetch(USUAL_OF, provider)
    return {row["event"]: msgspec.json.decode(row["usual"], type=Usual) for row in rows}


async def save_usual(conn: Connection, provider: str, event: str, usual: Usual) -> None:
    """Keep what is known of one event now."""
    await conn.execute(SAVE_USUAL, provider, event, msgspec.json.encode(usual), usual.last_at)


async def forget_shapes(conn: Connection, before: datetime) -> None:
    """Be rid of events that have not come for so long."""
    await conn.execute(FORGET_SHAPES, before)

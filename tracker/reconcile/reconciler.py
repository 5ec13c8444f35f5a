"""The reconciler: asks providers what is true, and appends what the webhooks missed.

A round asks one provider: by its list where it has one, from where the last round stopped, and then by id for the
posts that are suspicious and were not in the list. What it learns is a fact of the log like any other, dated by the
provider's own clock, so that it never overrides a newer webhook. How far a round is stands in Postgres under a lease:
a process that dies leaves it to another, and a budget that is spent leaves the rest to the next round.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from tracker.domain.accounts import gathered
from tracker.domain.actions import IS_GONE, Reason
from tracker.domain.posts.reconciliation import Finding, compare, told_since, true_at
from tracker.errors import NotFound
from tracker.facts.own_facts import fact_of, not_found, reconciled
from tracker.providers.answers import Listed
from tracker.runtime.logger import Logger
from tracker.settings import ReconcileJob
from tracker.store.calls import reconciliations
from tracker.store.calls.reconciliations import Counts, Round
from tracker.store.log import event_log
from tracker.store.posts import overdue_posts, posts
from tracker.store.wakeups import RECONCILIATIONS, keep_stepping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from tracker.domain.posts.event import Fact, LoggedEvent, Report
    from tracker.outbound.client import Reply
    from tracker.providers.answers import Page
    from tracker.providers.base import FactReader
    from tracker.store.database import Connection, Database
    from tracker.store.wakeups import Wakeups

log = Logger(__name__)

ABOUT_ONE = frozenset({Reason.NOT_FOUND, Reason.GONE, Reason.BAD_ANSWER, Reason.TOO_LARGE, Reason.HTTP_4XX})
"""Refusals that say nothing about the next question."""

MOST_PAGES = 1000
MOST_SUSPECTS = 500
OVERLAP = timedelta(minutes=5)
HEARD_WITHIN = timedelta(days=4)
"""Providers send a webhook again for two days and more; what was not told by then was missed for good."""


class PostSource(Protocol):
    """The part of a provider's client that a round needs."""

    def can(self, call: str) -> bool:
        """Whether the call "list" or "get" is to be had."""

    async def list_posts(self, since: datetime | None = None, cursor: str = "") -> Reply[Page]:
        """A page of the posts that changed since then."""

    async def get_post(self, post: str) -> Reply[Report]:
        """How the post stands."""


@dataclass(frozen=True, slots=True)
class Pace:
    """For how long a round is held without a sign of life, and how often to look for the next one."""

    lease: timedelta = timedelta(seconds=60)
    poll: timedelta = timedelta(seconds=1)


class LeaseLostError(Exception):
    """Another process has taken the round over."""


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Performs rounds on one node, which nobody knows if it has no name; `jobs` are the configured ones by name."""

    database: Database
    clients: Mapping[str, PostSource]
    readers: Mapping[str, FactReader]
    jobs: Mapping[str, ReconcileJob]
    clock: Callable[[], datetime]
    pace: Pace = field(default_factory=Pace)
    node: str | None = None

    async def run(self, wakeups: Wakeups) -> None:
        """Do the rounds that wait, until cancelled."""
        async with wakeups.on(RECONCILIATIONS) as woken:
            await keep_stepping("reconciler", woken, self._turn, self.pace.poll)

    async def _turn(self) -> float:
        return 0 if await self.next_round() else self.pace.poll.total_seconds()

    async def finish(self, round_: UUID) -> None:
        """Until the round has ended, performed here unless another process does it; raises NotFound."""
        while True:
            await self.next_round(round_)
            async with self.database.connection() as conn:
                state = await reconciliations.state_of(conn, round_)
            if state is None:
                raise NotFound(f"there is no reconciliation {round_}")
            if state == "done":
                return
            await asyncio.sleep(self.pace.poll.total_seconds())

    async def next_round(self, only: UUID | None = None) -> bool:
        """Perform the one that is wanted, or the next that is; answers whether there was one."""
        async with self.database.transaction() as conn:
            mine = list(self.clients), only, self.node
            round_ = await reconciliations.claim(conn, self.clock(), self.pace.lease, *mine)
        if round_ is None:
            return False
        try:
            stopped = await _Round(self, round_, self.clients[round_.provider]).perform()
        except LeaseLostError:
            return True
        async with self.database.transaction() as conn:
            await reconciliations.end(conn, round_, stopped, self.clock())
        log.info("reconciliation.ended", provider=round_.provider, job=round_.job, stopped=stopped and str(stopped))
        return True


class _Round:
    """One round on its way."""

    def __init__(self, reconciler: Reconciler, round_: Round, client: PostSource) -> None:
        self._of, self._round, self._client = reconciler, round_, client
        self._job = reconciler.jobs.get(round_.job) or ReconcileJob(every=timedelta(minutes=10))
        self._seen: set[str] = set()

    async def perform(self) -> Reason | None:
        """None when nothing more is to be asked; otherwise why it stopped."""
        await self._hear()
        by_list, by_id = self._client.can("list"), self._client.can("get")
        if not by_list and not by_id:
            return Reason.NOT_CONFIGURED
        stopped = await self._read_list() if by_list else None
        return stopped or (await self._ask_about_suspects() if by_id else None)

    async def _hear(self) -> None:
        """See which findings a webhook has told after all."""
        provider, now = self._round.provider, self._of.clock()
        async with self._of.database.transaction() as conn:
            found = await overdue_posts.unreported(conn, provider, now - HEARD_WITHIN)
            if not found:
                return
            posts_found = {one.event.post or "" for one in found}
            told: dict[str, list[Fact]] = defaultdict(list)
            for event in await overdue_posts.webhooks(conn, provider, posts_found, now - 2 * HEARD_WITHIN):
                for fact in self._facts(event):
                    told[fact.post or ""].append(fact)
            late = [
                one.event.position
                for one in found
                if told_since(self._facts(one.event)[0], one.heard_at, told[one.event.post or ""])
            ]
            await overdue_posts.mark_reported(conn, late, now)

    def _facts(self, event: LoggedEvent) -> Sequence[Fact]:
        try:
            return self._of.readers[event.source].facts(event)
        except (KeyError, ValueError):
            return ()

    async def _read_list(self) -> Reason | None:
        cursor, since, began = self._round.cursor, self._round.since, self._of.clock()
        for _ in range(MOST_PAGES):
            asked = self._of.clock()
            reply = await self._client.list_posts(since, cursor)
            page = reply.value
            if page is None or (page.next and page.next == cursor):
                await self._count(Counts(calls=int(reply.sent)))
                return Reason.BAD_ANSWER if page else reply.reason
            self._seen |= {listed.post for listed in page.posts}
            cursor = page.next or ""
            async with self._of.database.transaction() as conn:
                counts = await self._learn(conn, page.posts, asked)
                counts.calls, counts.listed = 1, len(page.posts)
                await self._keep(conn, counts, cursor, None if cursor else began - OVERLAP)
            if not cursor:
                return None
        return Reason.POSTPONED

    async def _ask_about_suspects(self) -> Reason | None:
        provider, now, job = self._round.provider, self._of.clock(), self._job
        async with self._of.database.connection() as conn:
            overdue = await overdue_posts.overdue(conn, provider, now - job.grace, now, MOST_SUSPECTS)
            still = await overdue_posts.still(conn, provider, now - job.silence, now, MOST_SUSPECTS)
        for post in dict.fromkeys(post.id for post in (*overdue, *still)):
            if post not in self._seen and (stopped := await self._ask(post)):
                return stopped
        return None

    async def _ask(self, post: str) -> Reason | None:
        asked = self._of.clock()
        reply = await self._client.get_post(post)
        if reply.value is None and reply.reason not in ABOUT_ONE:
            await self._count(Counts(calls=int(reply.sent)))
            return reply.reason
        async with self._of.database.transaction() as conn:
            told = [Listed(post, reply.value)] if reply.value else []
            counts = await self._learn(conn, told, asked)
            if reply.reason in IS_GONE:
                await event_log.append_once(conn, not_found(self._round.provider, post, asked, self._of.clock()))
            if counts.appended:
                await overdue_posts.answered(conn, self._round.provider, [post])
            else:
                await overdue_posts.asked(conn, self._round.provider, [post], self._of.clock())
            counts.calls, counts.asked = 1, 1
            await self._keep(conn, counts)
        return None

    async def _learn(self, conn: Connection, told: Sequence[Listed], asked: datetime) -> Counts:
        """Append what is new to us, and what contradicts us."""
        provider, now, counts = self._round.provider, self._of.clock(), Counts()
        standing = await posts.standing(conn, None, [(provider, one.post) for one in told])
        new = []
        for one in told:
            known = standing.posts.get((provider, one.post))
            at = true_at(one.report.updated_at, asked)
            event = reconciled(provider, one.post, one.report, at, now)
            fact = fact_of(event)
            finding = compare(known.post if known else None, fact)
            about = gathered([fact])
            if finding is not Finding.AGREES or await posts.would_name_account(conn, standing.version, about):
                new.append((event, finding, known.post.last_event_at if known else None))
        findings = []
        receipts = await event_log.append(conn, [event for event, *_ in new]) if new else []
        for receipt, (event, finding, heard_at) in zip(receipts, new, strict=True):
            if receipt.duplicate:
                continue
            counts.appended += 1
            counts.conflicts += finding is Finding.CONFLICT
            counts.missing += (provider, event.post) not in standing.posts
            if finding is Finding.MISSED:
                findings.append((receipt.position, event.post or "", heard_at))
        if findings:
            await overdue_posts.found(conn, provider, self._round.id, now, findings)
        return counts

    async def _count(self, counts: Counts) -> None:
        async with self._of.database.transaction() as conn:
            await self._keep(conn, counts)

    async def _keep(
        self, conn: Connection, counts: Counts, cursor: str | None = None, since: datetime | None = None
    ) -> None:
        if not await reconciliations.count(conn, self._round, counts, self._of.pace.lease, cursor, since):
            raise LeaseLostError

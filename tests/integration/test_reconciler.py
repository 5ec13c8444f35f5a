"""A round of questions: its lease, its stops, what it asks about, and what it makes of the answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.integration.corridor import READERS, Corridor
from tests.integration.told import NOON, PROVIDER, told
from tracker.domain.actions import Reason
from tracker.domain.calls.call_budget import Purpose
from tracker.domain.posts.event import Report, State
from tracker.facts.own_facts import reconciled
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound, Reply
from tracker.providers import build_clients
from tracker.providers.answers import Listed, Page
from tracker.providers.rate_limiter import SharedRateLimiter
from tracker.queries.reconciliations import one_reconciliation
from tracker.reconcile.reconciler import PostSource, Reconciler
from tracker.settings import ReconcileJob, Settings
from tracker.simulator import Faults, ManualClock, run_simulator
from tracker.store.calls import reconciliations
from tracker.store.posts import overdue_posts

if TYPE_CHECKING:
    from tracker.queries.reconciliations import ReconciliationOut
    from tracker.store.database import Database
    from tracker.store.log.event_log import Incoming

pytestmark = pytest.mark.anyio

JOB = ReconcileJob(every=timedelta(minutes=10))
HOUR = 3600


@dataclass
class Books:
    """The provider's side: pages of its list, what it says of single posts, and what it was asked."""

    pages: dict[str, Reply[Page]] | None = None
    posts: dict[str, Reply[Report]] = field(default_factory=dict)
    asked: list[object] = field(default_factory=list)

    def can(self, call: str) -> bool:
        return call == "get" or self.pages is not None

    async def list_posts(self, since: datetime | None = None, cursor: str = "") -> Reply[Page]:
        self.asked.append((since, cursor))
        return (self.pages or {})[cursor]

    async def get_post(self, post: str) -> Reply[Report]:
        self.asked.append(post)
        return self.posts[post]


def says(state: State, at: float | None = None) -> Report:
    return Report(state=state, updated_at=None if at is None else NOON + timedelta(seconds=at))


def page(next_cursor: str | None = None, **states: Report) -> Reply[Page]:
    return Reply(Page(tuple(Listed(post, report) for post, report in states.items()), next_cursor), sent=True)


def scheduled(post: str, at: datetime) -> Incoming:
    report = Report(state=State.SCHEDULED, scheduled_at=at)
    return reconciled(PROVIDER, post, report, NOON, NOON)


async def asking(corridor: Corridor, books: PostSource) -> ReconciliationOut:
    """One round, as it stands afterwards; then everything follows that follows."""
    reconciler = Reconciler(corridor.database, {PROVIDER: books}, READERS, {"reconcile": JOB}, corridor.now)
    async with corridor.database.transaction() as conn:
        wanted = await reconciliations.want(conn, "reconcile", PROVIDER, corridor.now())
    assert wanted
    assert await reconciler.next_round()
    await corridor.settle()
    async with corridor.database.connection() as conn:
        return await one_reconciliation(conn, wanted)


async def test_a_list_tells_what_was_missed_and_what_contradicts_newer_news(database: Database) -> None:
    corridor = await Corridor(database, []).open()
    await corridor.tell(*(told(post, "publishing", 10) for post in ("behind", "same", "ahead")))
    corridor.at = 60
    books = Books({
        "": page("2", behind=says(State.PUBLISHED, 20), same=says(State.PUBLISHING, 10)),
        "2": page(ahead=says(State.SCHEDULED, 5), unheard=says(State.FAILED, 30)),
    })  # fmt: skip
    row = await asking(corridor, books)
    counts = [getattr(row, name) for name in ("calls", "listed", "missing", "appended", "conflicts", "stopped")]
    assert counts == [2, 4, 1, 3, 1, None]
    states = await corridor.rows("select post, state from posts order by post")
    assert states == [("ahead", "publishing"), ("behind", "published"), ("same", "publishing"), ("unheard", "failed")]
    again = await asking(corridor, books)
    assert (again.appended, again.conflicts) == (0, 0)


async def test_a_round_that_is_stopped_goes_on_where_it_was(database: Database) -> None:
    corridor = await Corridor(database, []).open()
    spent: Reply[Page] = Reply(None, Reason.RATE_LIMITED, sent=True)
    books = Books({"": page("2", a=says(State.PUBLISHED, 1)), "2": spent})
    assert (await asking(corridor, books)).stopped == "rate_limited"
    books.pages, corridor.at = {"2": page(b=says(State.PUBLISHED, 2))}, 60
    row = await asking(corridor, books)
    assert (row.stopped, row.listed) == (None, 1)
    assert await corridor.rows(f"select cursor from reconciliations where id = '{row.id}'") == [("",)]
    first, second, third = books.asked
    assert (first, second, third) == ((first[0], ""), (first[0], "2"), (first[0], "2"))  # type: ignore[index]
    books.pages, corridor.at = {"": page()}, 120
    await asking(corridor, books)
    assert books.asked[-1] == (NOON + timedelta(seconds=60) - timedelta(minutes=5), "")


async def test_only_what_is_suspicious_is_asked_about_and_less_and_less_often(database: Database) -> None:
    corridor = await Corridor(database, []).open()
    await corridor.tell(
        scheduled("overdue", NOON + timedelta(minutes=1)),
        scheduled("not-yet", NOON + timedelta(hours=9)),
        told("hangs", "publishing", 2),
        told("over", "published", 3),
    )
    books = Books(posts={
        "overdue": Reply(None, Reason.NOT_FOUND, sent=True), "hangs": Reply(says(State.PUBLISHING), sent=True),
    })  # fmt: skip
    corridor.at = HOUR
    row = await asking(corridor, books)
    assert (row.asked, row.calls, row.appended) == (2, 2, 0)
    assert sorted(map(str, books.asked)) == ["hangs", "overdue"]
    for minutes, asked in ((5, 2), (10, 4), (20, 4), (30, 6)):
        corridor.at = HOUR + minutes * 60
        await asking(corridor, books)
        assert len(books.asked) == asked, minutes
    assert await corridor.rows("select post, count(*) from events where kind = 'post.not_found' group by post") == [
        ("overdue", 1)
    ]


async def test_a_process_that_dies_over_a_round_leaves_it_to_another_and_may_not_go_on(database: Database) -> None:
    corridor = await Corridor(database, []).open()
    async with database.transaction() as conn:
        await reconciliations.want(conn, "reconcile", PROVIDER, NOON)
        assert await reconciliations.want(conn, "reconcile", PROVIDER, NOON) is None, "one round of a job at a time"
        dead = await reconciliations.claim(conn, NOON, timedelta(seconds=60), [PROVIDER])
        assert dead
        assert await reconciliations.claim(conn, NOON, timedelta(seconds=60), [PROVIDER]) is None
        await conn.execute("update reconciliations set leased_until = 'epoch'")
        heir = await reconciliations.claim(conn, NOON, timedelta(seconds=60), [PROVIDER])
        assert heir
        counts = reconciliations.Counts(calls=1)
        assert not await reconciliations.count(conn, dead, counts, timedelta(seconds=60))
        assert await reconciliations.count(conn, heir, counts, timedelta(seconds=60))
    assert corridor


async def test_a_webhook_that_comes_after_all_is_no_longer_missed(database: Database) -> None:
    corridor = await Corridor(database, []).open()
    await corridor.tell(told("late", "publishing", 1), told("lost", "publishing", 1))
    corridor.at = 100
    await asking(corridor, Books({"": page(late=says(State.PUBLISHED, 50), lost=says(State.PUBLISHED, 50))}))
    assert await missed(corridor) == {PROVIDER: (2, 2)}
    await corridor.tell(told("late", "published", 50))
    await asking(corridor, Books({"": page()}))
    assert await missed(corridor) == {PROVIDER: (1, 1)}


async def missed(corridor: Corridor) -> dict[str, overdue_posts.Missed]:
    async with corridor.database.connection() as conn:
        return await overdue_posts.missed(conn, NOON, NOON + timedelta(days=1))


async def test_a_round_leaves_a_part_of_the_budget_to_others_and_goes_on_when_there_is_more(
    database: Database,
) -> None:
    """Of four calls an hour a round may make three; the posts stand on four pages of the provider's list."""
    corridor, clock = await Corridor(database, []).open(), ManualClock(NOON)
    async with (
        run_simulator(clock=clock, faults=Faults(lost=1.0)) as simulator,
        Outbound(Allowed.parse(["127.0.0.1"])) as outbound,
    ):
        for _ in range(350):
            simulator.create(text="#publish")
        await clock.advance(timedelta(minutes=1))
        provider = {"kind": PROVIDER, "api_url": simulator.url, "api_key": simulator.api_key, "budget": "4 per hour"}
        settings = Settings.model_validate({"providers": {PROVIDER: provider}})
        client = build_clients(settings, outbound, SharedRateLimiter(database, settings))[PROVIDER]
        row = await asking(corridor, client.on_behalf_of(Purpose.RECONCILIATION))
        assert (row.stopped, row.calls, row.listed, len(simulator.calls)) == ("budget_spent", 3, 300, 3)
        assert (await client.get_post(next(iter(simulator.truth())))).value, "a rule may still ask"

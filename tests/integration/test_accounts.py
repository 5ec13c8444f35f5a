"""Accounts are a projection: several nodes, a rebuild, and days that are gone come to the same."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from tests.integration.corridor import Corridor
from tests.integration.test_reconciler import Books, asking, page, says
from tests.integration.told import NOON, PROVIDER
from tests.unit.conforming import adapter_of
from tests.unit.reactions import on
from tracker.domain.accounts import gathered
from tracker.domain.posts.event import LoggedEvent, State, TargetFact, bucket_of
from tracker.domain.rules.grouping import GroupBy
from tracker.facts import commands
from tracker.facts.codec import fact_readers
from tracker.facts.commands import Wished
from tracker.process import bulk_fold, processor
from tracker.process.projector import Projector
from tracker.process.rebuild import Rebuild
from tracker.process.retention import drop_old_days, open_days_ahead, seal_past_days
from tracker.queries.accounts import AccountQuery, KnownAccountOut, list_accounts
from tracker.store.log.event_log import Incoming
from tracker.store.posts import posts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tracker.domain.posts.event import Fact
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

READERS = fact_readers({PROVIDER: adapter_of(PROVIDER)})
DAY = 24 * 3600


def said(event: str, second: int, post: str | None = None, *, now: datetime = NOON, **data: Any) -> Incoming:
    """A webhook of Sosyal Köprü, so many seconds after noon."""
    at = NOON + timedelta(seconds=second)
    body = json.dumps({"event": event, "timestamp": at.isoformat(), "data": {"postId": post} | data}).encode()
    return Incoming(
        source=PROVIDER, provider=PROVIDER, delivery=f"d-{sha256(body).hexdigest()[:12]}",
        body_hash=sha256(body).digest(), kind=event, post=post, bucket=bucket_of(PROVIDER, post), received_at=now,
        body=body, headers={}, occurred_at=at,
    )  # fmt: skip


def target(account: str, name: str | None = None, platform: str = "instagram") -> list[dict[str, str | None]]:
    return [{"platform": platform, "accountId": account, "accountName": name, "status": "PUBLISHED"}]


HISTORY = (
    said("account.token_expired", 5, accountId="acc_1", platform="instagram"),
    said("post.published", 1, "p1", platforms=target("acc_1", "Ada")),
    said("post.published", 9, "p2", platforms=target("acc_1", "Ada's shop")),
    said("post.published", 8, "p3", platforms=target("acc_2", platform="x")),
    said("account.connected", 2, accountId="acc_1"),
    said("account.refresh_failed", 7, accountId="acc_1"),
)


class OfProvider(Corridor):
    """The corridor with the provider's own words."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, [on("account.disconnected", per=GroupBy.ACCOUNT)])
        self.processor.projector = Projector(READERS, processor.NAME)
        self.at = 60.0


async def known(database: Database) -> list[KnownAccountOut]:
    async with database.connection() as conn:
        return (await list_accounts(conn, AccountQuery())).items


def brief(found: Sequence[KnownAccountOut]) -> list[tuple[str, str | None, str | None, str]]:
    return [(one.account, one.platform, one.name, str(one.state)) for one in found]


async def rebuilt(database: Database) -> None:
    assert (await Rebuild(database, READERS, lambda: NOON, lambda _done, _total: None).run()).none


EXPECTED = [("acc_1", "instagram", "Ada's shop", "expired"), ("acc_2", "x", None, "unknown")]


async def test_accounts_are_projected_in_whatever_order_they_are_told(database: Database) -> None:
    corridor = await OfProvider(database).open()
    await corridor.tell(*HISTORY)
    found = await known(database)
    assert brief(found) == EXPECTED
    assert (found[0].since, found[0].last_event) == (NOON + timedelta(seconds=5), "account.refresh_failed")


@pytest.mark.parametrize("span", [1, bulk_fold.SPAN])
async def test_a_rebuild_comes_to_the_same_accounts(
    database: Database, monkeypatch: pytest.MonkeyPatch, span: int
) -> None:
    """In one span or in several, in processes of their own; those of versions that are gone go too."""
    corridor = await OfProvider(database).open()
    for one in HISTORY:
        await corridor.tell(one)
    before = await known(database)
    monkeypatch.setattr("tracker.process.rebuild.SPAN", span)
    await rebuilt(database)
    assert await known(database) == before
    assert await corridor.rows("select distinct projection from accounts") == [(2,)]


async def test_what_dropped_days_said_of_accounts_is_kept_for_a_rebuild(database: Database) -> None:
    corridor = await OfProvider(database).open()
    await corridor.tell(*HISTORY)
    corridor.at = 9 * DAY
    await open_days_ahead(database, corridor.now())
    await seal_past_days(database, corridor.now())
    await corridor.settle()
    before = await known(database)
    assert await drop_old_days(database, READERS, corridor.now(), timedelta(days=3))
    await corridor.tell(said("account.connected", 9 * DAY, accountId="acc_1", now=corridor.now()))
    await rebuilt(database)
    after = await known(database)
    assert [one.name for one in after] == [one.name for one in before]
    assert [str(one.state) for one in after] == ["connected", "unknown"]


async def test_what_we_asked_for_names_the_accounts_of_targets(database: Database) -> None:
    corridor = await OfProvider(database).open()
    wished = Wished((("instagram", "acc_1"), ("x", None)), "Merhaba", None, {"campaign": "bahar"})
    async with database.transaction() as conn:
        await commands.note_created(conn, PROVIDER, "p1", wished, "k1", NOON, NOON)
    await corridor.settle()
    assert brief(await known(database)) == [("acc_1", "instagram", None, "unknown")]
    (row,) = await corridor.rows("select fold->>'excerpt', terms from posts")
    assert tuple(row) == ("Merhaba", ["campaign:bahar"])


async def test_an_answer_that_names_an_account_is_kept_once(database: Database) -> None:
    """Although the post stands as it was told."""
    corridor = await OfProvider(database).open()
    await corridor.tell(said("post.published", 8, "p3", platforms=target("acc_2", platform="x")))
    named = (TargetFact("x", "acc_2", state=State.PUBLISHED, account_name="Ada"),)
    books = Books({"": page(p3=replace(says(State.PUBLISHED, 8), targets=named))})
    corridor.at = 60
    assert [(await asking(corridor, books)).appended for _ in range(2)] == [1, 0]
    assert brief(await known(database)) == [("acc_2", "x", "Ada", "unknown")]


async def test_a_rule_about_an_account_counts_each_by_itself(database: Database) -> None:
    corridor = await OfProvider(database).open()
    await corridor.tell(
        said("account.disconnected", 1, accountId="acc_1", platform="instagram", accountName="Ada"),
        said("account.disconnected", 2, accountId="acc_2", platform="x"),
    )
    rows = await corridor.rows("select key from firings order by key")
    assert [row[0] for row in rows] == [f"{PROVIDER}/instagram:acc_1", f"{PROVIDER}/x:acc_2"]


async def test_two_that_tell_of_one_account_at_once_lose_nothing(database: Database) -> None:
    """Whoever is second waits, and adds to what the first has written."""
    expired, named = (said("account.token_expired", 1, accountId="acc_1"),
                      said("account.connected", 0, accountId="acc_1", accountName="Ada"))  # fmt: skip

    async def learn(one: Incoming, writing: asyncio.Event, go_on: asyncio.Event) -> None:
        async with database.transaction() as conn:
            await posts.learn_accounts(conn, 1, gathered([fact_of(one)]))
            writing.set()
            await go_on.wait()

    first, go_on, at_once = asyncio.Event(), asyncio.Event(), asyncio.Event()
    at_once.set()
    async with asyncio.TaskGroup() as group:
        group.create_task(learn(expired, first, go_on))
        await first.wait()
        group.create_task(learn(named, asyncio.Event(), at_once))
        await asyncio.sleep(0.05)
        go_on.set()
    assert brief(await known(database)) == [("acc_1", None, "Ada", "expired")]


def fact_of(one: Incoming) -> Fact:
    later = NOON + timedelta(minutes=1)
    event = LoggedEvent(
        1, 0, PROVIDER, PROVIDER, one.kind, None, 0, one.occurred_at, later, one.body_hash, one.body
    )  # fmt: skip
    (fact,) = READERS[PROVIDER].facts(event)
    return fact

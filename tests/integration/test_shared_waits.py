"""Waits of what posts share are over when every share of the log has been read past their moment, and not before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.integration.corridor import Corridor
from tests.integration.told import PROVIDER, told
from tracker.domain.posts.event import bucket_of
from tracker.domain.rules.rule_index import RuleIndex
from tracker.queries.rule_plan import rule_plan
from tracker.rulebook import load_text
from tracker.store.checkpoints import assignments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.domain.rules.rule import Rule
    from tracker.store.database import Database
    from tracker.store.log.event_log import Incoming

pytestmark = pytest.mark.anyio

SILENT = """
[rule.silent]
expect = "post.published"
within = "1m"
per    = "account"
do     = [{ alert = "ops", title = "{{ account.platform }} is silent since {{ post.id }}", resolves = true }]
"""
OUT = """
[rule.out]
while = { account = ["expired", "disconnected"] }
for   = "1m"
per   = "account"
do    = [{ alert = "ops", title = "{{ account.id }} is out", resolves = true, repeat = "2m" }]
"""
AWAITED = """
[rule.awaited]
on  = "post.failed"
per = "account"
do  = [{ wait = "post.published", at_most = "1m", else = "late" }]
[rule.awaited.branch]
late = [{ alert = "ops", title = "nothing since" }]
"""


def rules_of(text: str) -> Sequence[Rule]:
    book = load_text(text)
    assert not book.faults
    return book.rules


def published(post: str, second: int, state: str = "published", platform: str = "x") -> Incoming:
    return told(post, state, second, targets={platform: state})


def of_account(second: int, state: str, name: str = "brand") -> Incoming:
    account = {"id": name, "platform": "x", "state": state}
    return told(None, None, second, extra={"account": account}, kind=f"account.{state}")


class Pair:
    """Two nodes, each with one half of the shares, and one clock."""

    def __init__(self, database: Database, text: str) -> None:
        self.database, rules = database, rules_of(text)
        self.nodes = [Corridor(database, rules, name) for name in ("first", "second")]

    async def open(self) -> Pair:
        for node in self.nodes:
            await node.open()
        for node in self.nodes * 2:
            await node.processor.tend()
        async with self.database.connection() as conn:
            rows = await conn.fetch("select owner, bucket from subscriptions where name = 'processor'")
        self.owners = {row["bucket"]: row["owner"] for row in rows}
        assert set(self.owners.values()) == {"first", "second"}
        return self

    def of(self, node: int, name: str = "p") -> str:
        """A post that this node reads."""
        owner = self.nodes[node].processor._node
        return next(p for n in range(1000) if self.owners[bucket_of(PROVIDER, p := f"{name}{n}")] == owner)

    def at(self, second: float) -> None:
        for node in self.nodes:
            node.at = second

    async def told(self) -> list[object]:
        found = await self.nodes[0].rows(
            "select payload->>'title' from actions where verb = 'alert' order by due_at, id"
        )
        return [row[0] for row in found]


async def test_nobody_is_told_of_a_silence_before_the_share_that_lags_has_been_read(database: Database) -> None:
    pair = await Pair(database, SILENT).open()
    first, second = pair.nodes
    begins, ends = pair.of(0), pair.of(1)
    await first.tell(published(begins, 0))
    pair.at(50)
    await first.keep(published(ends, 50))
    pair.at(61)
    await first.settle()
    assert await pair.told() == []
    await second.settle()
    await first.settle()
    assert await pair.told() == []
    pair.at(111)
    await second.settle()
    assert await pair.told() == []  # the other half may hold something, too
    await first.settle()
    await second.settle()
    assert await pair.told() == [f"x is silent since {ends}"]
    await first.tell(published(begins, 120, platform="instagram"), published(pair.of(0, "q"), 125))
    assert await pair.told() == [f"x is silent since {ends}", f"Resolved: x is silent since {ends}"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_the_last_publication_counts_in_whatever_order_shares_are_read(
    database: Database, order: tuple[int, int]
) -> None:
    pair = await Pair(database, SILENT).open()
    sooner, later = pair.of(0), pair.of(1)
    await pair.nodes[0].keep(published(sooner, 0), published(later, 20))
    for node in order:
        await pair.nodes[node].settle()
    assert await pair.nodes[0].rows("select post, extract(epoch from due_at)::int % 3600 from timers") == [(later, 80)]


@pytest.mark.parametrize(("text", "begins"), [(OUT, of_account(0, "expired")), (AWAITED, published("p1", 0, "failed"))])
async def test_every_wait_of_an_account_waits_for_all_shares(database: Database, text: str, begins: Incoming) -> None:
    pair = await Pair(database, text).open()
    reads = pair.owners[begins.bucket]
    here, there = sorted(pair.nodes, key=lambda node: node.processor._node != reads)
    await here.tell(begins)
    pair.at(61)
    await here.settle()
    assert await pair.told() == []
    await there.settle()
    await here.settle()
    assert len(await pair.told()) == 1


async def test_an_account_that_is_out_is_told_of_again_and_of_its_end(database: Database) -> None:
    corridor = await Corridor(database, rules_of(OUT)).open()
    await corridor.tell(of_account(0, "expired"), of_account(30, "disconnected"), of_account(10, "expired", "shop"))
    await corridor.tell(of_account(40, "connected", "shop"))
    for second in (60, 180):
        await corridor.wait_until(second)
    await corridor.tell(of_account(200, "connected"))
    await corridor.wait_until(1000)
    titles = [claimed.alert.title for claimed in corridor.world.performed]
    assert titles == ["brand is out", "Still, after 2m: brand is out", "Resolved: brand is out"]


async def test_two_nodes_at_once_tell_of_no_silence_that_was_none_and_come_to_no_deadlock(database: Database) -> None:
    """Each account is published on by both nodes in turn, more often than it may be silent; then nobody publishes."""
    pair = await Pair(database, SILENT.replace("{{ post.id }}", "then")).open()
    platforms = ("x", "instagram", "tiktok", "threads", "facebook")
    for turn in range(1, 8):
        pair.at(turn * 40)
        for place, platform in enumerate(platforms):
            post = pair.of((turn + place) % 2, f"{platform}-{turn}-")
            await pair.nodes[0].keep(published(post, turn * 40, platform=platform))
        pair.at(turn * 40 + 25)
        await asyncio.gather(*(node.processor.drain() for node in pair.nodes))
    assert await pair.told() == []
    pair.at(400)
    for _ in range(2):
        await asyncio.gather(*(node.processor.drain() for node in pair.nodes))
    assert sorted(map(str, await pair.told())) == sorted(f"{platform} is silent since then" for platform in platforms)


async def test_a_new_rule_waits_from_the_last_publications_and_for_accounts_that_are_out_as_its_plan_says(
    database: Database,
) -> None:
    corridor = await Corridor(database, []).open()
    await corridor.tell(published("p1", 0), published("p2", 70), published("p3", 90), of_account(50, "expired"))
    await corridor.tell(published("p4", 10, platform="instagram"))
    corridor.at = 100
    rules = rules_of(SILENT + OUT)
    async with database.connection() as conn:
        plans = {plan.rule: plan for plan in await rule_plan(conn, rules, corridor.now())}
    assert {name: (plan.armed.count, plan.armed.keys) for name, plan in plans.items()} == {
        "silent": (1, [f"{PROVIDER}/x:?"]), "out": (1, [f"{PROVIDER}/x:brand"]),
    }  # fmt: skip
    corridor.rules = RuleIndex(rules)
    await corridor.arm()
    due = "select rule, post, extract(epoch from due_at)::int % 3600 from timers order by rule"
    assert await corridor.rows(due) == [("out", None, 160), ("silent", "p3", 150)]
    corridor.rules = RuleIndex(rules_of((SILENT + OUT).replace('"1m"', '"2m"')))
    await corridor.arm()
    assert await corridor.rows(due) == [("out", None, 220), ("silent", "p3", 210), ("silent", "p4", 130)]


async def test_a_share_that_nobody_reads_is_waited_for(database: Database) -> None:
    pair = await Pair(database, SILENT).open()
    first, _ = pair.nodes
    await first.tell(published(pair.of(0), 0))
    async with database.transaction() as conn:
        await assignments.leave(conn, "processor", "second")
    pair.at(300)
    await first.settle()
    assert await pair.told() == []
    await first.processor.tend()
    await first.settle()
    assert len(await pair.told()) == 1

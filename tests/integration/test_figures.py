"""Figures: what counts once, in which span, told apart by what; and what is read for them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.contract.serving import project
from tests.integration.test_report_plans import nodes
from tests.integration.told import NOON, PROVIDER, told
from tracker.errors import BadParameter
from tracker.queries.figures import FiguresQuery, ending, figures

if TYPE_CHECKING:
    from asyncpg import Connection

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

DAY, HOUR = 24 * 3600, 3600
NOW = NOON + timedelta(hours=1)
MANY = """
insert into transitions (cause, received_at, occurred_at, attempt, projection, superseded, again, provider, post,
                         target, before, after)
select n, at, at, 1, 1, false, false, $1, 'p' || n / 2, case when n % 2 = 1 then 'x#1' end, 'publishing', 'published'
  from (select n, $2::timestamptz - (200000 - n) * interval '1 minute' as at from generate_series(1, 200000) n) one
"""


async def test_a_post_counts_once_in_a_span_as_it_last_ended_in_it(database: Database) -> None:
    await project(
        database,
        told("again", "failed", 10), told("again", "published", 20), told("mended", "failed", -DAY),
        told("mended", "published", 30), told("short", "partial", 40), told("lost", "failed", 50),
        told("old", "published", -DAY), told("older", "published", -3 * DAY), told("under way", "publishing", 60),
    )  # fmt: skip
    async with database.connection() as conn:
        await conn.execute("update posts set scheduled_at = published_at - interval '5 seconds' where post = 'again'")
        await conn.execute("update posts set scheduled_at = published_at - interval '9 seconds' where post = 'mended'")
        await conn.execute(
            "insert into findings values (1, $1, 'lost', $2, null, $3, null)", PROVIDER, uuid4(), NOON
        )  # fmt: skip
        found = await figures(conn, FiguresQuery.parse(NOW, span="24h", by="provider"), NOW)
    assert (found.now.published, found.now.partly, found.now.failed) == (2, 1, 1)
    assert (found.now.rate, found.now.median_delay, found.now.missed_by_webhook) == (0.5, 7, 1)
    assert (found.before.published, found.before.failed, found.before.missed_by_webhook) == (1, 1, 0)
    assert [(one.provider, one.now == found.now, one.before == found.before) for one in found.items] == [
        (PROVIDER, True, True)
    ]  # fmt: skip
    assert [slot.published + slot.partly + slot.failed for slot in found.pace] == [0] * 23 + [4]
    assert found.pace[-1].begins_at == NOON


async def test_targets_errors_and_attributes_are_told_apart(database: Database) -> None:
    campaign = {"attributes": {"campaign": "spring"}}
    await project(
        database,
        told("p1", "published", 1, targets={"x": "published", "instagram": "failed"}, extra=campaign),
        told("p2", "published", 2, targets={"x": "published"}),
    )
    async with database.connection() as conn:
        for post, account in (("p1", "a"), ("p2", "b")):
            await conn.execute(
                "update posts set accounts = array[$2], fold = jsonb_set(fold::jsonb, '{targets,x#1,account}',"
                " to_jsonb($2::text)) where post = $1",
                post, account,
            )  # fmt: skip
        await conn.execute("update transitions set error = 'auth_expired' where post = 'p1' and target is null")
        of = {
            by: (await figures(conn, FiguresQuery.parse(NOW, span="24h", by=by), NOW)).items
            for by in ("platform", "account", "error", "attribute")
        }
        (only,) = (await figures(conn, FiguresQuery.parse(NOW, span="24h", by="account", account="a"), NOW)).items
    assert [(one.platform, one.now.published, one.now.failed) for one in of["platform"]] == [
        ("x", 2, 0), ("instagram", 0, 1),
    ]  # fmt: skip
    assert sorted((one.platform, one.account, one.now.published) for one in of["account"]) == [
        ("x", "a", 1), ("x", "b", 1),
    ]  # fmt: skip
    assert [one.error for one in of["error"]] == ["auth_expired"]
    assert [one.attribute for one in of["attribute"]] == ["campaign:spring"]
    assert only.account == "a"


@pytest.mark.parametrize("asked", [{"span": "93d"}, {"span": "1m"}, {"by": "state"}, {"account": "\x00"}], ids=str)
def test_what_cannot_be_counted_is_refused(asked: dict[str, str]) -> None:
    with pytest.raises(BadParameter):
        FiguresQuery.parse(NOW, **{"span": "7d", "by": "account"} | asked)


async def test_a_span_reads_the_blocks_of_that_span_alone(connection: Connection) -> None:
    """Of 139 days of moves, the last two."""
    await connection.execute(MANY, PROVIDER, NOW)
    await connection.execute("select brin_summarize_new_values('transitions_v1_received_at_idx')")
    await connection.execute("analyze transitions")
    given = [NOW - timedelta(days=2), NOW, None, None, None, NOW - timedelta(days=1)]
    text = ending(FiguresQuery.parse(NOW, span="24h", by="account"), 1)
    explained = await connection.fetchval(f"explain (analyze, format json) {text}", *given)
    read = [node for node in nodes(explained[0]["Plan"]) if node.get("Relation Name", "").startswith("transitions")]
    assert {node["Node Type"] for node in read} == {"Bitmap Heap Scan"}
    rows = sum(n["Actual Rows"] + n.get("Rows Removed by Filter", 0) + n["Rows Removed by Index Recheck"] for n in read)
    assert rows <= 40_000


async def test_of_more_ends_than_are_counted_one_post_in_so_many_stands_for_all(database: Database) -> None:
    """The whole is estimated, whatever it is told apart by; who has few posts among the many is counted exactly."""
    async with database.connection() as conn:
        await conn.execute(MANY, PROVIDER, NOW)
        await conn.execute("analyze transitions")
        found = await figures(conn, FiguresQuery.parse(NOW, span="60d", by="provider"), NOW)
        of_account = await figures(conn, FiguresQuery.parse(NOW, span="60d", by="account", account="a"), NOW)
    assert found.one_in in (2, 3)
    assert found.now.published == pytest.approx(43200, rel=0.05)
    assert sum(slot.published for slot in found.pace) == found.now.published == found.items[0].now.published
    assert of_account.now.published == 0

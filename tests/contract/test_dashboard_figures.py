"""The figures of the overview: a day in hours, how fast, and what no webhook told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.contract.dashboard import NOW, dashboard
from tests.contract.serving import project
from tests.integration.told import PROVIDER, told
from tracker.dashboard.figures import HEIGHT, SLOTS, load_stats
from tracker.dashboard.language import TEXTS

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

HOUR = 3600


async def test_a_day_is_told_by_the_hour_in_which_posts_ended(database: Database) -> None:
    """At 13:00 the hour from 13:00 is under way; what ended before 14:00 yesterday is not of the day."""
    await project(
        database, told("p1", "published", 10), told("p2", "failed", 20), told("p3", "published", -HOUR),
        told("p4", "partial", -HOUR + 5), told("p5", "published", HOUR + 1), told("p6", "publishing", 30),
        told("p7", "published", -22 * HOUR), told("p8", "published", -22 * HOUR - 1), told("p9", "failed", 40),
        told("p9", "published", 50),
    )  # fmt: skip
    async with database.connection() as conn:
        await conn.execute("update posts set scheduled_at = published_at - interval '3 seconds' where post <> 'p7'")
        await conn.execute("update posts set scheduled_at = published_at - interval '90 seconds' where post = 'p7'")
        for position, (provider, ago) in enumerate([(PROVIDER, 1), ("zernio", 2), ("zernio", 24)]):
            await conn.execute(
                "insert into findings values ($1, $2, 'p1', $3, null, $4, null)",
                position, provider, uuid4(), NOW - timedelta(hours=ago),
            )  # fmt: skip
        found = await load_stats(conn, NOW)
    hours = {n: slot for n, slot in enumerate(found.pace) if slot != (0, 0)}
    assert hours == {0: (1, 0), 21: (1, 1), 22: (2, 1), 23: (1, 0)}
    assert (found.published, found.failed, found.median) == (5, 2, 3)
    assert found.rate == pytest.approx(100 * 2 / 7)
    assert found.slowest == pytest.approx(55.2)
    assert found.missed == {PROVIDER: 1, "zernio": 1}
    bars = found.bars
    assert len(bars) == SLOTS
    assert (bars[22].published_height, bars[22].failed_height, bars[22].failed_y) == (32, 16, 0)
    assert bars[21].published_y + bars[21].published_height == HEIGHT
    assert (bars[0].begin, bars[23].begin) == (NOW - timedelta(hours=23), NOW)


async def test_without_posts_of_that_day_it_says_so_by_zeros(database: Database) -> None:
    await project(database, told("p1", "scheduled", 1))
    async with database.connection() as conn:
        found = await load_stats(conn, NOW)
    assert (found.published, found.rate, found.median, found.missed) == (0, None, None, {})
    assert {bar.published_height for bar in found.bars} == {0}


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", ("33.3%", "1 in 10: 1.5 min or more")), ("tr", ("%33,3", "10’da 1: 1,5 dk ve üzeri"))],
)
async def test_figures_are_written_as_the_language_does(database: Database, language: str, said: tuple[str]) -> None:
    await project(database, told("p1", "published", 10), told("p2", "published", 20), told("p3", "failed", 30))
    async with database.connection() as conn:
        await conn.execute("update posts set scheduled_at = published_at - interval '90 seconds'")
    async with dashboard(database, open_here=True) as client:
        text = (await client.get("/", headers={"Accept-Language": language})).text
    for words in said:
        assert words in text


def test_lengths_of_time_are_told_in_their_largest_unit() -> None:
    spans = (0, 0.44, 59.9, 60, 5400, 86400 * 2.25)
    assert [TEXTS["en"].seconds(one) for one in spans] == ["0 s", "0.4 s", "59.9 s", "1 min", "1.5 h", "2.2 d"]
    assert TEXTS["tr"].seconds(5400) == "1,5 sa"

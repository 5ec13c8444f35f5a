"""The page of one account, and the weekly report: what they say, in both languages, and what leads to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.dashboard import dashboard
from tests.contract.serving import project
from tests.integration.told import PROVIDER, told

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

DAY = 24 * 3600
TURKISH = {"Accept-Language": "tr"}


async def furnish(database: Database) -> None:
    """Last week one of acc_1 was published, and this week one failed; the next is planned for tomorrow."""
    await project(
        database,
        told("out", "published", -7 * DAY, targets={"x": "published"}),
        told("lost", "failed", 10, targets={"x": "failed"}),
        told("next", "scheduled", 20, targets={"x": "scheduled"}, due=DAY),
    )
    async with database.connection() as conn:
        await conn.execute(
            "update posts set accounts = array['acc_1'],"
            " fold = jsonb_set(fold::jsonb, '{targets,x#1,account}', '\"acc_1\"')"
        )
        await conn.execute(
            "update posts set fold = jsonb_set(fold::jsonb, '{targets,x#1,problem}',"
            ' \'{"code": "auth_expired", "message": "sign in again", "retryable": false}\') where post = \'lost\''
        )


async def test_the_page_of_an_account_says_how_it_does_and_what_comes_next(database: Database) -> None:
    """It is one of which nothing but posts has told."""
    await furnish(database)
    async with dashboard(database, open_here=True) as client:
        page = (await client.get("/accounts/acc_1?span=7d")).text
        assert (await client.get("/accounts/acc_2")).status_code == 404
        assert (await client.get("/accounts/acc_1?span=9y")).status_code == 400
        turkish = (await client.get("/accounts/acc_1", headers=TURKISH)).text
        linked = [(await client.get(path)).text for path in ("/posts", "/posts/lost", "/figures")]
    assert "0 published, 0 partly, 1 failed" in page
    assert 'href="/posts/next?' in page.partition('id="planned"')[2].partition("</section>")[0]
    assert "auth_expired" in page.partition('id="causes"')[2].partition("</section>")[0]
    assert "Planlananlar" in turkish
    assert all(f'href="/accounts/acc_1?provider={PROVIDER}"' in text for text in linked)


async def test_the_weekly_report_is_of_the_last_whole_week_and_names_the_next(database: Database) -> None:
    await furnish(database)
    async with dashboard(database, open_here=True) as client:
        last = (await client.get("/report")).text
        this = (await client.get("/report?day=2026-11-11&by=platform")).text
        turkish = (await client.get("/report?by=attribute", headers=TURKISH)).text
        elsewhere = (await client.get("/report?zone=Europe/Istanbul")).text
        for wrong in ("by=nothing", "day=tomorrow", "zone=Mars"):
            assert (await client.get(f"/report?{wrong}")).status_code == 400, wrong
    assert "2 November – 8 November 2026" in last
    assert "1 published, 0 partly, 0 failed" in last
    assert f'href="/accounts/acc_1?provider={PROVIDER}"' in last
    assert "9 November – 15 November 2026" in (planned := last.partition('id="planned"')[2])
    assert 'href="/posts/next?' in planned
    assert "12:00" in planned
    assert "0 published, 0 partly, 1 failed" in this
    assert "auth_expired" in this.partition('id="causes"')[2]
    assert "2 Kasım – 8 Kasım 2026" in turkish
    assert "bunların adı geçmiyor" in turkish
    assert "Tue 15:00" not in elsewhere
    assert "Tue 12:00: 1 published" in elsewhere.replace("&#58;", ":")
    assert "15:00" in elsewhere.partition('id="planned"')[2]


async def test_a_known_failure_is_said_in_the_readers_language_and_leads_nobody_on(database: Database) -> None:
    """Trying again is no first choice where it will not help; a code is left out that says nothing."""
    await furnish(database)
    async with dashboard(database, open_here=True) as client:
        page = (await client.get("/posts/lost")).text
        turkish = (await client.get("/posts/lost", headers=TURKISH)).text
        async with database.connection() as conn:
            await conn.execute("update posts set fold = replace(fold::text, 'auth_expired', 'unspecified')::json")
        unspecified = (await client.get("/posts/lost")).text.partition('id="why"')[2].partition("</section>")[0]
    assert '<a class="button plain" id="retry"' in page
    assert "hesabın yeniden bağlanması gerekiyor: " in turkish
    assert "sign in again" in unspecified
    assert "unspecified" not in unspecified

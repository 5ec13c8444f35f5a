"""The page and the API of figures: one answer, an axis, values for each column, and an account by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.dashboard import dashboard
from tests.contract.serving import bearer, project
from tests.integration.told import PROVIDER, told
from tracker.dashboard.figure_table import axis_of

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio


async def test_page_and_api_say_the_same(database: Database) -> None:
    await project(
        database,
        told("p1", "published", 1, targets={"x": "published"}),
        told("p2", "partial", 2, targets={"x": "failed", "instagram": "published"}),
    )
    async with dashboard(database, open_here=True) as client:
        page = (await client.get("/figures", params={"by": "platform", "span": "24h"})).text
        assert page.count('<li tabindex="0">') == 24
        assert "2 published, 0 partly, 1 failed" in page
        turkish = (await client.get("/figures?by=error&span=30d", headers={"Accept-Language": "tr"})).text
        assert "1 yayınlandı, 1 kısmen, 0 başarısız" in turkish
        assert (await client.get("/figures?span=9y")).status_code == 400
        client.headers |= await bearer(database, "read")
        answer = (await client.get("/api/v1/figures", params={"group": "platform", "span": "24h"})).json()
        assert [(one["platform"], one["now"]["published"]) for one in answer["items"]] == [("x", 1), ("instagram", 1)]
        assert (await client.get("/api/v1/figures?span=9y")).json()["parameter"] == "span"
        async with database.connection() as conn:
            await conn.execute(
                "insert into accounts (projection, provider, account, platform, name, state, fold)"
                " values (1, $1, 'a1', 'x', 'Kahve', 'connected', '{}')", PROVIDER,
            )  # fmt: skip
        account = (await client.get("/api/v1/accounts/a1?span=7d")).json()
        assert (account["name"], account["figures"]["now"]["published"]) == ("Kahve", 0)
        assert (await client.get("/api/v1/accounts/a2")).status_code == 404


@pytest.mark.parametrize(
    ("most", "top"), [(0, 2), (1, 2), (2, 2), (3, 5), (7, 10), (10, 10), (11, 20), (999, 1000), (5001, 10000)]
)
def test_the_axis_ends_at_a_round_number(most: int, top: int) -> None:
    assert axis_of(most) == top

"""A failed post is found, understood, and published again from its page, with a provider that does as it is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import Browser, expect

from tests.acceptance.service import Service, free_port
from tests.browser.conftest import DESK
from tracker.simulator import Odds, run_simulator
from tracker.store import keys
from tracker.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

SECRET = "whsec_of_the_simulated_provider"
RULES = """
[rule.removed]
on = "post.removed"
do = [{ alert = "ops", title = "{{ post.id }} was removed" }]
"""
"""No rule retries: only people do."""


async def test_a_failed_post_is_found_and_published_again(tmp_path: Path, database_url: str, browser: Browser) -> None:
    async with run_simulator(seed=1, speed=20, odds=Odds(fails=0.0, slow=0.0)) as simulator:
        service = Service(
            tmp_path, free_port(), dsn=database_url, lease="5s", provider=simulator.url, secret=SECRET,
            sink="http://127.0.0.1:9/",
        )  # fmt: skip
        (tmp_path / "rules" / "all.toml").write_text(RULES)
        service.start()
        try:
            await service.ready()
            simulator.register(f"{service.url}/webhooks/sosyalkopru", secret=SECRET)
            async with Database.open(database_url, size=1) as database, database.connection() as conn:
                _, key = await keys.create(conn, "the browser tests", ["operate"], datetime.now(UTC))
            context = await browser.new_context(viewport=DESK, locale="en-GB", base_url=service.url)
            answer = await context.request.post("/sign-in", form={"key": key}, headers={"Origin": service.url})
            assert answer.ok
            page = await context.new_page()
            await page.goto("/posts?state=failed")
            post = simulator.create(["instagram"], "#fail=timeout*1")
            await page.get_by_role("link", name=post).click()
            await expect(page.get_by_role("region", name="Why")).to_contain_text("timeout")
            await page.get_by_role("button", name="Publish again").click()
            await expect(page.locator("#notice")).to_contain_text("to publish it again")
            await page.evaluate("window.marked = true")
            await expect(page.locator(".path [aria-current]")).to_contain_text("Published", timeout=30_000)
            assert await page.evaluate("window.marked")
            assert simulator.truth()[post].attempt == 2
            await context.close()
        finally:
            service.kill()

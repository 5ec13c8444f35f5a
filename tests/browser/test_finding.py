"""Finding posts: by what they say, by tabs, chips and causes, on a phone and a desk, whatever their texts are."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OFFERED
from tests.browser.provider import on, problem
from tests.browser.test_every_page import LONG, SCRIPT, too_wide, unreadable
from tests.browser.test_looks import SCREENSHOTS, faults, picture

if TYPE_CHECKING:
    from tests.browser.conftest import House, Opened
    from tests.browser.test_looks import Way

pytestmark = pytest.mark.anyio

LISTS = ("/posts", "/posts?state=failed&platform=instagram&error=auth_expired&since=24h", "/", "/actions", "/runs")


@pytest.fixture(scope="module")
async def told(house: House) -> None:
    """Posts with texts and accounts, most of which failed for one of three reasons."""
    reasons = (("auth_expired", "sign in again"), ("media_too_large", LONG), (SCRIPT[:60], SCRIPT))
    for number, platform in enumerate(("instagram", "x", "linkedin", "instagram", OFFERED, "youtube", "nowhere")):
        why = problem(*reasons[number % 3], retryable=False)
        named = {"accountId": f"acc_{number}", "accountName": "Kahve Dükkânı" if number % 2 else SCRIPT}
        content = {"text": f"Yeni sezon kahveleri raflarda {number} {SCRIPT if number == 1 else LONG[: number * 60]}"}
        parts = on(platform, "failed", **named, **why), on("bluesky", "published")
        await house.provider.tells(f"find-{number}", "failed", *parts, content=content, **why)


@pytest.mark.usefixtures("told")
async def test_a_cause_leads_to_its_posts_and_each_filter_can_be_taken_away(open_page: Opened) -> None:
    page = await open_page("/posts?state=failed,partial&q=kahve")
    await expect(page.get_by_role("link", name="Yeni sezon kahveleri raflarda 0")).to_be_visible()
    await page.goto("/posts?state=failed,partial")
    await page.locator(".causes a", has_text="auth_expired").first.click()
    await expect(page).to_have_url(re.compile("error=auth_expired"))
    await expect(page.locator(".number-found")).to_contain_text("post")
    await expect(page.locator("select[name=error]")).to_have_value("auth_expired")
    await page.locator("a.chip", has_text="auth_expired").click()
    await expect(page).not_to_have_url(re.compile("error=[^&]"))
    await page.locator(".tabs a", has_text="Partly published").click()
    await expect(page.locator(".tabs [aria-current]")).to_contain_text("Partly published")
    await page.get_by_role("link", name="Clear the filters").click()
    await page.locator("select[name=platform]").select_option(OFFERED)
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_role("row")).to_have_count(3)
    assert await page.evaluate("document.hacked") is None


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("language", ["en", "tr"])
async def test_lists_of_recognised_posts_fit_and_can_be_read(open_page: Opened, language: str) -> None:
    page = await open_page(language=language)
    for path in LISTS:
        await page.goto(path)
        await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert (await too_wide(page), await unreadable(page), await faults(page)) == ({}, [], []), path
        assert not await page.locator("main script, main img, main [onerror]").count()
        if SCREENSHOTS in os.environ:
            await page.goto(path)
            for width in (390, 1280):
                await page.set_viewport_size({"width": width, "height": 900})
                for scheme in ("light", "dark"):
                    await page.emulate_media(color_scheme=scheme)
                    way: Way = ({"width": width, "height": 900}, language, scheme)
                    await page.screenshot(path=picture(f"found-{path}", way), full_page=True)

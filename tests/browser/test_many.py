"""Many put right at once, in a real browser: three clicks for fourteen, ticks that stay, a plan that is watched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import DESK, PHONE
from tests.browser.provider import on, problem
from tests.browser.test_every_page import SCRIPT, too_wide, unreadable
from tests.browser.test_looks import SCREENSHOTS, faults, picture

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.browser.conftest import House, Opened

pytestmark = pytest.mark.anyio

UNSAID: dict[str, Any] = {"error": {"code": "platform_is_down", "message": "come back later"}}


@pytest.fixture(scope="module")
async def failed(house: House) -> None:
    """Fourteen posts for one reason, of which nobody says whether it lasts, and two past help."""
    for number in range(14):
        await house.provider.tells(f"down-{number}", "failed", on("instagram", "failed", **UNSAID), **UNSAID)
    final = problem("refused_for_good", SCRIPT, retryable=False)
    for number in range(2):
        await house.provider.tells(f"final-{number}", "failed", on("x", "failed", **final), **final)


@pytest.mark.usefixtures("failed")
async def test_fourteen_are_published_again_by_three_clicks(open_page: Opened) -> None:
    page = await open_page("/")
    await page.locator(".causes a", has_text="platform_is_down").click()
    await expect(page.locator(".many")).to_contain_text("All 14 that match")
    await page.locator(".many").get_by_role("button", name="Publish again").click()
    await expect(page.get_by_role("heading", level=2)).to_have_text("It would be done for 14")
    await page.get_by_role("button", name="Publish again: 14").click()
    await expect(page.locator("#far")).to_have_text("14 of 14 have had their turn")
    await expect(page.locator(".badge").first).to_have_text("done")
    await page.get_by_role("link", name="Each by itself").click()
    await expect(page.get_by_role("link", name="down-", exact=False)).to_have_count(14)


@pytest.mark.usefixtures("failed")
async def test_what_is_ticked_stays_so_and_is_what_is_meant(open_page: Opened, house: House) -> None:
    page = await open_page("/posts?error=refused_for_good")
    await page.evaluate("window.marked = true")
    await page.get_by_label("Choose final-1").check()
    await expect(page.locator(".many")).to_contain_text("The ticked ones")
    final = problem("refused_for_good", "no", retryable=False)
    await house.provider.tells("final-2", "failed", on("x", "failed", **final), **final)
    await expect(page.get_by_label("Choose final-2")).to_be_visible()
    await expect(page.get_by_label("Choose final-1")).to_be_checked()
    assert await page.evaluate("window.marked")
    await page.locator(".many").get_by_role("button", name="Publish again").click()
    await expect(page.get_by_role("heading", level=2)).to_have_text("It would be done for 0")
    await expect(page.locator("main")).to_contain_text("trying again will not help")
    await page.get_by_role("link", name="Also those").click()
    await page.get_by_label("How fast").select_option("60 in 1h")
    await page.get_by_role("button", name="Publish again: 1").click()
    await expect(page.locator("#far")).to_have_text("1 of 1 have had their turn")


@pytest.mark.usefixtures("failed")
async def test_a_plan_rests_goes_on_and_ends_by_keyboard_and_without_script(open_page: Opened) -> None:
    page = await open_page("/posts?error=platform_is_down", java_script_enabled=False, viewport=PHONE)
    await page.locator(".many").get_by_role("button", name="Ask the provider").press("Enter")
    await page.get_by_label("How fast").select_option("60 in 1h")
    await page.get_by_role("button", name="Ask the provider: ").press("Enter")
    for button, badge in (("Pause", "paused"), ("Let it go on", "under way"), ("Cancel the rest", "cancelled")):
        await page.get_by_role("button", name=button).press("Enter")
        await expect(page.locator(".badge").first).to_have_text(badge)
    await expect(page.get_by_role("button", name="Pause")).to_have_count(0)


@pytest.mark.usefixtures("failed")
async def test_on_a_post_past_help_publishing_again_is_not_the_first_choice_and_asks(open_page: Opened) -> None:
    page = await open_page("/posts/final-0")
    assert "primary" not in (await page.locator("#retry").get_attribute("class") or "")
    await page.locator("#retry").click()
    await expect(page.locator("main")).to_contain_text("will fail again")
    await expect(page.get_by_role("button", name="Publish again: 1")).to_be_visible()


async def looked_at(page: Page, name: str, language: str) -> None:
    """Nothing sticks out, is faint, or is serious to axe; and its picture, where pictures are wanted."""
    for viewport in (PHONE, DESK):
        await page.set_viewport_size(viewport)
        assert (await too_wide(page), await unreadable(page), await faults(page)) == ({}, [], []), name
        for scheme in ("light", "dark") if SCREENSHOTS in os.environ else ():
            await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            way: Any = (viewport, language, scheme)
            await page.set_viewport_size(viewport)
            await page.screenshot(path=picture(f"many-{name}", way), full_page=True)


@pytest.mark.usefixtures("failed")
@pytest.mark.parametrize("language", ["en", "tr"])
async def test_each_page_fits_and_can_be_read(open_page: Opened, language: str) -> None:
    page = await open_page("/posts?state=failed", language=language)
    await looked_at(page, "posts", language)
    await page.locator("#many-silence").click()
    await looked_at(page, "order-silence", language)
    await page.goto("/plans/new?about=posts&order=retry&state=failed&state=published")
    await looked_at(page, "order-retry", language)
    await page.goto("/plans/new?about=posts&order=silence&state=failed&state=partial")
    await page.locator(".ordering .primary").click()
    await expect(page.locator("#far")).to_be_visible()
    await looked_at(page, "plan", language)
    await page.goto("/plans")
    await looked_at(page, "plans", language)
    await page.goto("/actions")
    await looked_at(page, "actions", language)

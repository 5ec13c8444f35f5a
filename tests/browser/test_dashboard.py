"""The dashboard in a real browser: what people see, without a reload, and what they can do there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from playwright.async_api import expect

from tests.browser.provider import on, problem

if TYPE_CHECKING:
    from tests.browser.conftest import House, Opened

pytestmark = pytest.mark.anyio

MARK = "window.marked = true"


def new_post() -> str:
    """An id that no other test uses."""
    return f"post_{uuid4().hex[:12]}"


async def test_a_key_opens_the_dashboard_and_signing_out_closes_it(house: House, open_page: Opened) -> None:
    """Who followed a link arrives where it led."""
    page = await open_page("/posts?state=failed", signed_in=False)
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.get_by_label("API key").fill("trk_not_a_key")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text("This key is not known, or it was revoked.")
    await page.get_by_label("API key").fill(house.key)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{house.url}/posts?state=failed")
    await expect(page.locator(".tabs [aria-current]")).to_contain_text("Failed")
    await page.get_by_role("button", name="Sign out").click()
    await page.goto("/")
    await expect(page.get_by_label("API key")).to_be_focused()


async def test_a_post_appears_without_a_reload(house: House, open_page: Opened) -> None:
    page = await open_page("/posts")
    await page.evaluate(MARK)
    post = new_post()
    await house.provider.tells(post, "scheduled", on("instagram", "scheduled"))
    row = page.get_by_role("row").filter(has_text=post)
    await expect(row).to_contain_text("Scheduled")
    await house.provider.tells(post, "published", on("instagram", "published"))
    await expect(row).to_contain_text("Published")
    assert await page.evaluate("window.marked")


async def test_the_page_of_a_post_tells_its_story_while_it_happens(house: House, open_page: Opened) -> None:
    """Path, reason, what comes next, timeline, and the body as it came, which stays open over updates."""
    post = new_post()
    await house.provider.tells(post, "publishing", on("instagram", "publishing"), on("x", "publishing"))
    page = await open_page("/posts")
    await page.get_by_role("link", name=post).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(post)
    await expect(page.locator(".path [aria-current]")).to_contain_text("Publishing")
    await page.evaluate(MARK)
    await page.get_by_text("As it came").first.click()
    await expect(page.locator("details[open] pre")).to_contain_text(f'"postId": "{post}"')

    why = problem("rate_limited", "No more posts for now", retryable=True)
    await house.provider.tells(post, "failed", on("instagram", "failed", **why), on("x", "published"), **why)
    await expect(page.locator(".path [aria-current]")).to_contain_text("Partly published")
    await expect(page.get_by_role("region", name="Why")).to_contain_text("Instagram – No more posts for now")
    await expect(page.get_by_role("region", name="Why")).to_contain_text("May work when tried again")
    await expect(page.get_by_role("region", name="What happens next")).to_contain_text("try-again")
    timeline = page.get_by_role("region", name="What happened")
    await expect(timeline.locator(".reactions").first).to_contain_text("try-again")
    await expect(timeline.locator(".action").filter(has_text="Send → cms")).to_contain_text("Attempt 1 done")
    await expect(page.locator("details[open] pre")).to_contain_text(f'"postId": "{post}"')
    assert await page.evaluate("window.marked")


async def test_a_dead_action_is_tried_again_by_hand(house: House, open_page: Opened) -> None:
    """The overview points to it, the click is confirmed, and the page shows how it ends."""
    post = new_post()
    house.cms.refuses = True
    await house.provider.tells(post, "published", on("x", "published"))
    page = await open_page()
    await page.get_by_role("link", name="Actions that failed for good").click()
    action = page.locator(".action-list > li").filter(has_text=post)
    await expect(action).to_contain_text("gone")
    await action.get_by_text("Attempts: 1").click()
    await expect(action).to_contain_text("Attempt 1 failed, not to be tried again")

    house.cms.refuses, taken = False, house.cms.taken
    await page.goto("/actions")
    await action.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("status").filter(has_text="It is tried again now.")).to_be_visible()
    await expect(page).to_have_url(f"{house.url}/actions")
    done = page.get_by_role("region", name="All others").locator(".action-list > li").filter(has_text=post)
    await expect(done).to_contain_text("Done")
    assert house.cms.taken == taken + 1


async def test_an_action_is_given_up_by_hand(house: House, open_page: Opened) -> None:
    """With the keyboard alone."""
    post = new_post()
    house.cms.refuses = True
    await house.provider.tells(post, "published", on("x", "published"))
    page = await open_page("/actions")
    action = page.locator(".action-list > li").filter(has_text=post)
    await action.get_by_role("button", name="Give up").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("It was given up.")).to_be_visible()
    await expect(action).to_contain_text("Given up")
    house.cms.refuses = False


async def test_the_language_is_switched_where_one_stands(house: House, open_page: Opened) -> None:
    page = await open_page("/posts?state=published")
    await page.get_by_role("button", name="Türkçe").click()
    await expect(page).to_have_url(f"{house.url}/posts?state=published")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Gönderiler")
    await page.get_by_role("link", name="Genel bakış").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Her gönderiye ne oldu")
    assert await page.evaluate("document.documentElement.lang") == "tr"


async def test_updates_pause_when_asked_and_go_on(house: House, open_page: Opened) -> None:
    page = await open_page("/posts")
    await page.get_by_role("button", name="Pause updates").click()
    await expect(page.locator("#live-state")).to_contain_text("Paused")
    post = new_post()
    await house.provider.tells(post, "scheduled", on("x", "scheduled"))
    other = await open_page("/posts")
    await expect(other.get_by_role("link", name=post)).to_be_visible()
    await expect(page.get_by_role("link", name=post)).not_to_be_attached()
    await page.get_by_role("button", name="Resume updates").click()
    await expect(page.get_by_role("link", name=post)).to_be_visible()


async def test_while_the_database_is_away_the_page_says_so_and_recovers(house: House, open_page: Opened) -> None:
    page = await open_page("/posts")
    house.postgres.stop()
    try:
        await expect(page.locator("#live-state")).to_contain_text("No connection")
        other = await page.context.new_page()
        await other.goto("/actions")
        await expect(other.get_by_role("heading", level=1)).to_have_text("Away for a moment")
    finally:
        house.postgres.start()
    await expect(page.locator("#live-word")).to_have_text("Live", timeout=20_000)
    await expect(other.get_by_role("heading", level=1)).to_have_text("Actions", timeout=20_000)

"""Jobs by clicks from the overview: why nobody heard, and quiet until tomorrow; and pages that are whole in Turkish."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE
from tests.browser.provider import on, problem
from tests.browser.test_dashboard import new_post
from tests.browser.test_every_page import KINDS, too_wide, unreadable
from tracker.dashboard.language import TEXTS
from tracker.store.database import Database

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.browser.conftest import House, Opened

pytestmark = pytest.mark.anyio

WORDS = """() => {
  document.querySelectorAll("details:not(.original)").forEach((one) => { one.open = true; });
  const main = document.querySelector("main").cloneNode(true);
  main.querySelectorAll("pre, textarea, .original > *:not(summary)").forEach((one) => one.remove());
  main.hidden = false;
  document.body.append(main);
  const text = main.innerText;
  main.remove();
  return text.replace(/\\s+/g, " ");
}"""
"""What a page says, with all opened that can be, but for what was written by others, and originals in English."""


class Clicks:
    """Counts how often one presses something."""

    def __init__(self, page: Page) -> None:
        self.page, self.made = page, 0

    async def on(self, role: str, name: str | re.Pattern[str]) -> None:
        await self.page.get_by_role(role, name=name).first.click()  # type: ignore[arg-type]
        self.made += 1

    async def at(self, selector: str) -> None:
        await self.page.locator(selector).first.click()
        self.made += 1


async def a_failure(house: House) -> str:
    """A post that failed for good, so that the rule that tries again does nothing."""
    post, why = new_post(), problem("auth_expired", "the token has expired", retryable=False)
    await house.provider.tells(post, "failed", on("instagram", "failed", **why), **why)
    return post


async def test_why_nobody_heard_is_two_clicks_away(house: House, open_page: Opened) -> None:
    post = await a_failure(house)
    page = await open_page("/", viewport=PHONE)
    clicks = Clicks(page)
    await clicks.on("link", re.compile(post))
    rules = page.get_by_role("region", name="Rules and this post")
    await expect(rules.get_by_role("link", name="tell-the-cms")).to_be_visible()
    await rules.get_by_text("Rules that did nothing").click()
    await expect(rules).to_contain_text("error.retryable")
    await expect(rules).to_contain_text("it is false")
    assert clicks.made + 1 <= 3
    assert (await too_wide(page), await unreadable(page)) == ({}, [])
    await page.goto("/rules/try-again")
    await page.get_by_label("The id of a post").fill(post)
    await page.get_by_role("button", name="Show what it made of it").click()
    await expect(page.locator("#why-try-again")).to_contain_text("error.retryable")


@pytest.mark.parametrize("viewport", [PHONE, None], ids=["phone", "desk"])
async def test_quiet_until_tomorrow_is_three_clicks_away(
    house: House, open_page: Opened, viewport: dict[str, int] | None
) -> None:
    """Nine in the morning where the browser is."""
    post = await a_failure(house)
    options = {"viewport": viewport} if viewport else {}
    page = await open_page("/", timezone_id="Europe/Istanbul", **options)
    clicks = Clicks(page)
    await clicks.on("link", re.compile(post))
    await page.locator("#silence-post > summary").click()
    assert (await too_wide(page), await unreadable(page)) == ({}, [])
    await clicks.on("button", "Until tomorrow 09:00")
    await expect(page.locator("#notice")).to_have_text("The silence has begun.")
    assert clicks.made + 1 <= 3
    async with Database.open(house.postgres.dsn, size=1) as database, database.connection() as conn:
        until = await conn.fetchval("select until from silences where match->>'post' = $1", post)
    assert (until.hour, until.minute) == (6, 0)


async def test_a_scheduled_post_says_first_that_it_is_published_then(house: House, open_page: Opened) -> None:
    post = new_post()
    await house.provider.tells(post, "scheduled", on("x", "scheduled"), scheduledAt="2099-12-03T17:47:00Z")
    page = await open_page(f"/posts/{post}")
    first = page.get_by_role("region", name="What happens next").get_by_role("listitem").first
    await expect(first).to_contain_text("sosyalkopru publishes it")
    await expect(first.get_by_role("timer")).to_contain_text("in ")


def english() -> set[str]:
    """Parts of our English texts, of four words and more, that the Turkish ones do not have."""
    turkish = " ".join(TEXTS["tr"].texts.values())
    parts = {part.strip(" .:,–") for text in TEXTS["en"].texts.values() for part in re.split(r"\{\w+\}", text)}
    return {part for part in parts if len(part.split()) >= 3 and part not in turkish}


async def test_no_page_in_turkish_says_anything_in_english_or_in_utc(house: House, open_page: Opened) -> None:
    post = await a_failure(house)
    why = problem("later", "later", retryable=True)
    retried = new_post()
    for _, attempt in pairwise((0, 1, 2)):
        await house.provider.tells(retried, "failed", on("x", "failed", **why), attempt=attempt, **why)
    in_english = await (await open_page()).evaluate(WORDS)
    page = await open_page(language="tr")
    await expect(page.get_by_text(post).first).to_be_visible()
    async with Database.open(house.postgres.dsn, size=1) as database, database.connection() as conn:
        run = await conn.fetchval("select id from runs where post = $1 limit 1", retried)
    ours = english()
    assert [part for part in ours if part in in_english]
    wrong = "/silences?cursor=x"
    for path in (*KINDS, f"/posts/{post}", f"/posts/{retried}", *([f"/runs/{run}"] if run else []), "/nowhere", wrong):
        await page.goto(path)
        text = await page.evaluate(WORDS)
        assert not [part for part in ours if part in text], path
        assert not re.search(r"\d UTC", text), path  # the calendar names its zone, which may be UTC
    await page.goto("/silences")
    await page.locator("#begin > summary").click()
    await page.locator("input[name=rule]").fill("try-agin")
    await page.locator("input[name=for]").fill("1h")
    await page.locator("#begin button").click()
    await expect(page.get_by_role("alert")).to_contain_text("mi demek istediniz")

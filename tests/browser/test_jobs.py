"""The everyday jobs, from the overview, in at most three clicks each; what is typed or pasted is no click.

That a failed post is published again, and quiet until tomorrow, are told in test_publish_again and test_reasons.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE
from tests.browser.provider import on, problem
from tests.browser.test_every_page import OUTSIDE, too_wide, unreadable
from tests.browser.test_looks import faults
from tests.browser.test_reasons import Clicks

if TYPE_CHECKING:
    from tests.browser.conftest import House, Opened

pytestmark = pytest.mark.anyio

TEXT = "Sonbahar menüsü bugün raflarda"
URL = "https://www.instagram.example/p/JOBS1"
ACCOUNT = "acc_jobs"


@pytest.fixture(scope="module")
async def told(house: House) -> None:
    """A post that was published, one that failed and one that is planned, of an account that has a name."""
    named = {"accountId": ACCOUNT, "accountName": "Kahve Dükkânı"}
    why = problem("jobs_expired", "the token has expired", retryable=False)
    out = on("instagram", "published", **named) | {"platformPostUrl": URL}
    await house.provider.tells("jobs-out", "published", out, content={"text": TEXT})
    for number in range(5):  # so that no cause of another test, in the same house, comes first
        await house.provider.tells(f"jobs-too-{number}", "failed", on("instagram", "failed", **named, **why), **why)
    await house.provider.tells("jobs-lost", "failed", on("instagram", "failed", **named, **why), **why)
    later = {"scheduledAt": "2099-12-03T17:47:00Z"}
    await house.provider.tells("jobs-next", "scheduled", on("instagram", "scheduled", **named), **later)


async def see_what_failed_today_and_why(clicks: Clicks) -> None:
    why = clicks.page.get_by_role("region", name="Why posts failed in the last 24 hours")
    await expect(why).to_contain_text("jobs_expired")
    await clicks.on("link", re.compile("jobs_expired"))
    await expect(clicks.page.get_by_role("row").filter(has_text="jobs-lost")).to_contain_text("the token has expired")


async def see_why_there_was_no_alert(clicks: Clicks) -> None:
    await clicks.on("link", re.compile("jobs-lost"))
    rules = clicks.page.get_by_role("region", name="Rules and this post")
    await rules.get_by_text("Rules that did nothing").click()
    clicks.made += 1
    await expect(rules).to_contain_text("error.retryable")


async def see_whether_the_provider_is_down(clicks: Clicks) -> None:
    await clicks.at("nav a[href='/health']")
    await expect(clicks.page.get_by_role("region", name="Providers")).to_contain_text("sosyalkopru")


async def see_an_account_and_why_it_fails(clicks: Clicks) -> None:
    await clicks.at(f".causes a[href^='/accounts/{ACCOUNT}']")
    await expect(clicks.page.get_by_role("heading", level=1)).to_have_text("Kahve Dükkânı")
    await expect(clicks.page.locator(".causes")).to_contain_text("jobs_expired")
    await expect(clicks.page.get_by_role("region", name="What is planned")).to_contain_text("jobs-next")


async def open_a_rule_to_edit_it(clicks: Clicks) -> None:
    await clicks.at("nav a[href='/rules']:visible")
    await clicks.on("link", "try-again")
    await clicks.on("link", "Edit the file")
    await expect(clicks.page.get_by_label("The text of the file")).to_be_editable()


async def see_what_comes_next(clicks: Clicks) -> None:
    await clicks.on("link", re.compile("jobs-next"))
    await expect(clicks.page.get_by_role("region", name="What happens next")).to_contain_text("publishes it")


async def find_by(clicks: Clicks, what: str) -> None:
    await clicks.at("nav a[href='/posts']:visible")
    await clicks.page.get_by_label("Search").fill(what)
    await clicks.page.keyboard.press("Enter")
    await expect(clicks.page.get_by_role("row").filter(has_text="jobs-out")).to_have_count(1)


async def find_a_post_by_its_address(clicks: Clicks) -> None:
    await find_by(clicks, URL)


async def find_a_post_by_its_text(clicks: Clicks) -> None:
    await find_by(clicks, "sonbahar menüsü")


async def take_a_list_as_csv(clicks: Clicks) -> None:
    await clicks.at("nav a[href='/posts']:visible")
    async with clicks.page.expect_download() as begun:
        await clicks.on("link", "CSV")
    assert (await begun.value).suggested_filename == "posts.csv"
    assert "jobs-lost" in (await (await begun.value).path()).read_text("utf-8")


async def share_what_one_sees(clicks: Clicks) -> None:
    """The address is all that another person needs."""
    await clicks.on("link", re.compile("jobs_expired"))
    again = await clicks.page.context.new_page()
    await again.goto(clicks.page.url)
    await expect(again.get_by_role("row").filter(has_text="jobs-lost")).to_have_count(1)


async def see_the_calendar(clicks: Clicks) -> None:
    await clicks.at("nav a[href='/calendar']:visible")
    await expect(clicks.page.locator(".today")).to_contain_text(TEXT)


async def compare_accounts(clicks: Clicks) -> None:
    await clicks.at("nav a[href='/figures']:visible")
    await expect(clicks.page.locator(".compared")).to_contain_text("Kahve Dükkânı")


async def read_the_weekly_report(clicks: Clicks) -> None:
    await clicks.at("nav a[href='/figures']:visible")
    await clicks.on("link", "Weekly report")
    await clicks.at("a[rel=next]")
    await expect(clicks.page.get_by_role("region", name="Why they failed")).to_contain_text("jobs_expired")


JOBS = [
    see_what_failed_today_and_why, see_why_there_was_no_alert, see_whether_the_provider_is_down,
    see_an_account_and_why_it_fails, open_a_rule_to_edit_it, see_what_comes_next, find_a_post_by_its_address,
    find_a_post_by_its_text, take_a_list_as_csv, share_what_one_sees, see_the_calendar, compare_accounts,
    read_the_weekly_report,
]  # fmt: skip


@pytest.mark.usefixtures("told")
async def test_each_job_takes_at_most_three_clicks_on_a_phone(open_page: Opened) -> None:
    page = await open_page(viewport=PHONE)
    made = {}
    for job in JOBS:
        await page.goto("/")
        clicks = Clicks(page)
        await job(clicks)
        made[job.__name__] = clicks.made
    assert {name: number for name, number in made.items() if number > 3} == {}


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("language", ["en", "tr"])
async def test_reports_fit_and_can_be_read_and_printed(open_page: Opened, language: str) -> None:
    page = await open_page(language=language)
    for path in (f"/accounts/{ACCOUNT}", "/report", "/report?by=error"):
        await page.goto(path)
        assert (await too_wide(page), await unreadable(page), await faults(page)) == ({}, [], []), path
        assert await page.evaluate(OUTSIDE) == [], path
    await page.emulate_media(media="print")
    await expect(page.locator("header.site")).to_be_hidden()
    await expect(page.locator("main h1")).to_be_visible()

"""Rules and runs in a real browser: tried, switched, and followed to their runs, without losing what one writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE
from tests.browser.provider import on, problem
from tests.browser.test_dashboard import new_post
from tests.browser.test_every_page import too_wide, unreadable

if TYPE_CHECKING:
    from tests.browser.conftest import House, Opened

pytestmark = pytest.mark.anyio


async def test_a_rule_is_followed_to_its_run_edited_and_tried(house: House, open_page: Opened) -> None:
    """What is being written stays while the page keeps itself up to date; a slip is shown with its place."""
    page = await open_page("/rules/try-again")
    text = page.get_by_label("The text of the rule")
    written = await text.input_value()
    await text.fill(written.replace("error.retryable && ", ""))
    post = new_post()
    why = problem("later", "later", retryable=True)
    await house.provider.tells(post, "failed", on("x", "failed", **why), **why)
    firing = page.get_by_role("region", name="Latest firings").get_by_role("listitem").filter(has_text=post)
    await expect(firing).to_contain_text("fired")
    await expect(text).to_have_value(written.replace("error.retryable && ", ""))
    await firing.get_by_role("link", name="Its run").click()
    await expect(page.get_by_role("region", name="Its steps").locator("[aria-current]")).to_contain_text("publish")
    assert (await too_wide(page), await unreadable(page)) == ({}, [])
    await page.go_back()
    await text.fill(written.replace("post.failed", "post.faild"))
    await page.get_by_role("button", name="Try it").click()
    await expect(page.get_by_role("alert")).to_contain_text("Line 2, column 14")
    assert (await too_wide(page), await unreadable(page)) == ({}, [])
    await text.fill(written)
    await page.get_by_role("button", name="Try it").click()
    await expect(page.get_by_role("heading", name="Would have fired")).to_be_visible()
    await expect(page.get_by_role("link", name=post).first).to_be_visible()
    assert (await too_wide(page), await unreadable(page)) == ({}, [])


async def test_a_rule_is_switched_off_and_on_again_by_keyboard_on_a_phone(house: House, open_page: Opened) -> None:
    page = await open_page("/rules", viewport=PHONE)
    for action, state in (("Switch off", "Off"), ("Switch on", "On")):
        await page.get_by_role("button", name=f"{action}: try-again").focus()
        await page.keyboard.press("Enter")
        row = page.locator(".action-list > li").filter(has=page.get_by_role("link", name="try-again"))
        await expect(row.locator(".badge")).to_have_text(state)
        await expect(page.locator("#notice")).to_be_visible()


async def test_a_rule_is_edited_checked_and_saved(open_page: Opened) -> None:
    page = await open_page("/rules/try-again")
    await page.get_by_role("link", name="Edit the file").click()
    text = page.get_by_label("The text of the file")
    await text.fill(await text.input_value() + "\n# edited in a browser\n")
    await page.get_by_role("button", name="Check and try it").click()
    await expect(page.get_by_role("region", name="When it is saved")).to_be_visible()
    await page.get_by_role("button", name="Save and put in force").click()
    await expect(page.locator("#notice")).to_contain_text("is saved")
    await page.goto("/rules/try-again/edit")
    await expect(page.get_by_label("The text of the file")).to_have_value(re.compile("# edited in a browser\n$"))

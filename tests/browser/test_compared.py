"""What is planned and how accounts compare: at most two clicks away, readable, and with values under the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE
from tests.browser.provider import on
from tests.browser.test_every_page import too_wide, unreadable
from tests.browser.test_looks import faults

if TYPE_CHECKING:
    from tests.browser.conftest import House, Opened

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("language", ["en", "tr"])
async def test_from_the_overview_it_is_one_click_to_what_is_planned_and_to_accounts_compared(
    house: House, open_page: Opened, language: str
) -> None:
    await house.provider.tells("compared-1", "published", on("x", "published", accountId="acc_1"))
    await house.provider.tells("compared-2", "failed", on("x", "failed", accountId="acc_2"))
    page = await open_page(language=language, viewport=PHONE)
    for path in ("/calendar", "/figures"):
        await page.goto("/")
        await page.locator(f"nav a[href='{path}']").click()
        await expect(page.get_by_role("link", name="compared-1" if path == "/calendar" else "acc_1")).to_be_visible()
        assert (await too_wide(page), await unreadable(page), await faults(page)) == ({}, [], []), path
    column = page.locator(".columns li").last
    await expect(column.locator(".value")).to_be_hidden()
    await column.hover()
    await expect(column.locator(".value")).to_be_visible()

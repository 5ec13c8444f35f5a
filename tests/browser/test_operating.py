"""Quarantine, silences, reconciliation and health in a real browser: a form that is not lost, and what is done seen."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE, House, Opened
from tests.browser.provider import SECRET
from tests.browser.test_every_page import too_wide, unreadable
from tracker.simulator.wire import DELIVERY, SIGNATURE, event_body, sign
from tracker.store.database import Database
from tracker.store.log import quarantine
from tracker.store.log.quarantine import Unusable

pytestmark = pytest.mark.anyio


async def test_a_silence_is_begun_by_keyboard_on_a_phone_and_ended(open_page: Opened) -> None:
    """What was filled in survives a slip, the slip has the focus, and the lists go on by themselves."""
    page = await open_page("/silences", viewport=PHONE)
    await page.get_by_text("Begin a silence").focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("Rule").fill("try-agin")
    await page.get_by_label("Why").fill("the browser tests")
    await page.get_by_label("For", exact=True).fill("1h")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Did you mean try-again")
    await expect(page.get_by_label("Rule")).to_be_focused()
    assert (await too_wide(page), await unreadable(page)) == ({}, [])
    await page.get_by_label("Rule").fill("try-again")
    await page.keyboard.press("Enter")
    active = page.get_by_role("region", name="In force").get_by_role("listitem").filter(has_text="try-again")
    await expect(active.get_by_role("timer")).to_contain_text("in ")
    await active.get_by_role("button").click()
    await expect(page.locator("#notice")).to_be_visible()
    await expect(page.get_by_role("region", name="Ended")).to_contain_text("the browser tests")


async def test_what_is_held_is_seen_as_it_came_and_discarded(house: House, open_page: Opened) -> None:
    """The list shows it at once, and its page what would become of it."""
    page = await open_page("/quarantine?reason=not_json")
    links = page.get_by_role("link", name="the body is not JSON")
    before = await links.count()
    await house.provider.sends(b"neither JSON nor <script>document.hacked = 1</script>")
    await expect(links).to_have_count(before + 1)
    await links.first.click()
    await expect(page.get_by_role("region", name="If it is replayed now")).to_contain_text("still cannot be taken")
    await page.get_by_text("Body", exact=True).click()
    await expect(page.locator("#body pre")).to_contain_text("neither JSON nor <script>")
    assert await page.evaluate("document.hacked") is None
    assert (await too_wide(page), await unreadable(page)) == ({}, [])
    await page.get_by_role("button", name="Discard").click()
    await expect(page.locator(".badge")).to_have_text("Discarded")


async def test_what_can_be_taken_by_now_is_replayed(house: House, open_page: Opened) -> None:
    """A delivery that was refused before its secret was known becomes a post."""
    body = event_body("post.published", datetime.now(UTC), {"postId": "post_replayed", "status": "PUBLISHED"})
    digest, now = sha256(body).digest(), datetime.now(UTC)
    headers = {SIGNATURE.lower(): sign(SECRET, body), DELIVERY.lower(): "dlv_replayed"}
    held = Unusable("sosyalkopru", "signature_wrong", False, digest.hex(), digest, now, headers, body)
    async with Database.open(house.postgres.dsn, size=1) as database, database.connection() as conn:
        await quarantine.keep(conn, [held])
    page = await open_page("/quarantine?reason=signature_wrong")
    await page.get_by_role("link", name="the signature is wrong").first.click()
    await expect(page.get_by_role("region", name="If it is replayed now")).to_contain_text("into the log")
    await page.get_by_role("button", name="Replay").click()
    await expect(page.locator("#notice")).to_have_text("It is in the log now.")
    await page.goto("/posts?state=published")
    await expect(page.get_by_role("link", name="post_replayed")).to_be_visible()


async def test_a_running_service_is_well_and_asks_when_it_is_told_to(open_page: Opened) -> None:
    page = await open_page("/health")
    await expect(page.get_by_role("region", name="Readers").get_by_text("Reads")).to_have_count(1)
    await expect(page.get_by_role("region", name="Scheduled jobs").get_by_role("timer")).to_have_count(5)
    await page.goto("/reconciliations")
    await page.locator("#ask summary").click()
    await page.locator("#ask").get_by_role("button", name="Ask now").click()
    asked = page.get_by_role("region", name="Rounds").get_by_role("listitem").filter(has_text="by hand").first
    await expect(asked.locator(".badge")).to_have_text("Stopped early")
    await asked.get_by_role("link").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("sosyalkopru was asked")
    assert (await too_wide(page), await unreadable(page)) == ({}, [])

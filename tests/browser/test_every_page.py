"""What holds on every page: on a phone, in the dark, by keyboard, without script, and whatever others wrote."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

import pytest
from playwright.async_api import expect

from tests.browser.conftest import DESK, PHONE
from tests.browser.provider import on, problem
from tests.waiting import until

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.browser.conftest import House, Opened

pytestmark = pytest.mark.anyio

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

SCRIPT = "<script>document.hacked = 1</script><img src=x onerror='document.hacked = 1'>"
LONG = "x" * 255
FROM_RIGHT = "gönderi-\N{RIGHT-TO-LEFT OVERRIDE}\N{ARABIC LETTER ALEF}\N{ARABIC LETTER BEH}-\N{HEBREW LETTER ALEF}"
POSTS = (SCRIPT, LONG, FROM_RIGHT)
KINDS = (
    "/", "/posts", "/actions", f"/posts/{quote(LONG)}", "/posts?state=nonsense", "/rules", "/rules/try-again",
    "/rules/try-again/trial", "/rules/try-again/edit", "/runs", "/calendar", "/calendar?view=month",
    "/figures", "/figures?by=error&span=30d", "/report", f"/accounts/{quote(LONG)}",
    "/quarantine", "/quarantine/replay", "/silences", "/reconciliations", "/health",
)  # fmt: skip
PAGES = (*KINDS, *(f"/{kind}/{quote(one, safe='')}" for kind in ("posts", "accounts") for one in (SCRIPT, FROM_RIGHT)))

FAINT = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const one of document.querySelectorAll("body *")) {
    const words = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!words || !one.checkVisibility() || one.closest(".hidden, .skip")) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) faint.push(`${one.className || one.tagName}: ${one.textContent.trim()}`);
  }
  return faint;
}"""
"""The texts whose colour stands out from what is behind them by less than 4.5 to 1."""

OUTSIDE = """() => {
  const outside = [];
  for (const card of document.querySelectorAll(".card, .rows tr, .action-list > li, .lines, .tile")) {
    const inside = card.tagName === "TR" ? 0 : parseFloat(getComputedStyle(card).paddingRight);
    const edge = card.getBoundingClientRect().right - inside;
    for (const one of card.querySelectorAll("*")) {
      const box = one.getBoundingClientRect();
      if (box.width <= 1 || box.right <= edge + 1 || !one.checkVisibility()) continue;
      let cut = false;
      for (let at = one.parentElement; at !== card.parentElement; at = at.parentElement)
        cut ||= at.matches(".hidden, svg") || getComputedStyle(at).overflowX !== "visible" && at !== card;
      if (!cut) outside.push(`${one.tagName}.${one.className}: ${one.textContent.trim().slice(0, 60)}`);
    }
  }
  return outside;
}"""
"""What reaches beyond the inner edge of the card that it stands in, and is not cut off or scrolled within it."""


@pytest.fixture(scope="package")
async def told(house: House) -> None:
    """Posts whose every text is meant to do harm, and an action for each."""
    for post in POSTS:
        why = problem(post, post, retryable=True)
        parts = on(post, "failed", accountId=post, **why), on("x", "published", platformPostUrl=f"javascript:{post}")
        await house.provider.tells(post, "failed", *parts, **why)


async def too_wide(page: Page) -> dict[int, int]:
    """The widths of a window, in pixels, that the page does not fit into, with its own."""
    found = {}
    for viewport in (DESK, PHONE):
        await page.set_viewport_size(viewport)
        found[viewport["width"]] = await page.evaluate("document.documentElement.scrollWidth")
    return {window: content for window, content in found.items() if content > window}


async def unreadable(page: Page) -> list[str]:
    """The texts that do not stand out, by day and by night."""
    found = []
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {text}" for text in await page.evaluate(FAINT)]
    return found


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("language", ["en", "tr"])
async def test_nothing_is_wider_than_the_page(open_page: Opened, language: str) -> None:
    """On a phone above all, whatever people and providers wrote, and with all open that can be opened."""
    page = await open_page(language=language)
    await expect(page.locator(f'a[href*="{LONG}"]').first).to_be_attached()
    for path in PAGES:
        await page.goto(path)
        await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert await too_wide(page) == {}, path
    page = await open_page("/sign-in", language=language, signed_in=False)
    assert await too_wide(page) == {}


@pytest.mark.usefixtures("told")
async def test_hostile_text_is_text(open_page: Opened) -> None:
    """In the title, in lists, on its page, in the body, and after a live update."""
    page = await open_page("/posts")
    await expect(page.get_by_role("link", name=SCRIPT).first).to_be_visible()
    await page.get_by_role("link", name=SCRIPT).first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(SCRIPT)
    await expect(page).to_have_title(f"{SCRIPT} – tracker")
    await expect(page.locator(".reason")).to_contain_text(SCRIPT)
    assert await page.evaluate("document.hacked") is None
    assert not await page.locator("main script, main img, main [onerror], a[href^='javascript:']").count()
    await page.goto("/posts")
    await page.locator(f'a[href*="{quote(FROM_RIGHT)}"]').first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(FROM_RIGHT)


@pytest.mark.usefixtures("told")
async def test_every_text_can_be_read(open_page: Opened) -> None:
    page = await open_page()
    for path in KINDS:
        await page.goto(path)
        assert await unreadable(page) == [], path
    page = await open_page("/sign-in", signed_in=False)
    assert await unreadable(page) == []


@pytest.mark.usefixtures("told")
async def test_without_script_everything_can_be_read_and_done(house: House, open_page: Opened) -> None:
    """Signing in, the lists, a post's story, and the buttons are plain links and forms."""
    page = await open_page("/posts", signed_in=False, java_script_enabled=False)
    await page.get_by_label("API key").fill(house.key)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("Search").fill(FROM_RIGHT)
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_role("row")).to_have_count(2)
    await expect(page.locator("time").first).to_contain_text("UTC")
    await expect(page.locator("#live-state")).to_be_hidden()
    await page.get_by_role("row").locator("a.post-id").click()
    await expect(page.get_by_role("region", name="What happened")).to_contain_text("post.failed")


@pytest.mark.usefixtures("told")
async def test_the_keyboard_finds_its_way_and_updates_leave_it_there(house: House, open_page: Opened) -> None:
    page = await open_page("/posts")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    link = page.locator("a.post-id", has_text="gönderi-").first
    await link.focus()
    assert await link.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    await house.provider.tells("a-newer-post", "scheduled", on("x", "scheduled"))
    await expect(page.get_by_role("link", name="a-newer-post")).to_be_visible()
    await expect(link).to_be_focused()


@pytest.mark.parametrize("language", ["en", "tr"])
async def test_on_a_phone_the_navigation_is_whole_and_health_one_tap_away(open_page: Opened, language: str) -> None:
    page = await open_page("/rules", language=language, viewport=PHONE)
    links = page.locator("nav").first.get_by_role("link")
    assert await links.count() == 3 + 4  # the groups, and the pages of the one that is open
    for link in await links.all():
        await expect(link).to_be_in_viewport(ratio=1)
    await expect(page.locator("nav [aria-current=page]")).to_have_attribute("href", "/rules")
    await links.and_(page.locator("[href='/health']")).click()
    await expect(page).to_have_url(re.compile("/health$"))


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("language", ["en", "tr"])
async def test_nothing_leaves_its_card(open_page: Opened, language: str) -> None:
    page = await open_page(language=language)
    for path in PAGES:
        await page.goto(path)
        await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for viewport in (DESK, PHONE):
            await page.set_viewport_size(viewport)
            assert await page.evaluate(OUTSIDE) == [], (path, viewport)


async def test_facts_only_leaves_out_what_rules_did_and_needs_no_script(house: House, open_page: Opened) -> None:
    why = problem("rate_limited", "too many at once", retryable=True)
    await house.provider.tells("folded", "failed", on("x", "failed", **why), **why)
    page = await open_page("/posts/folded", java_script_enabled=False)
    story = page.locator(".timeline")

    async def has_reacted() -> bool:
        await page.reload()
        return await story.locator(".action").count() > 0

    await until(has_reacted, "a rule has reacted", 20)
    await expect(story.locator(".firing")).to_have_count(0)
    await story.get_by_text("2 rules looked, 2 fired").click()
    await expect(story.get_by_role("link", name="try-again").first).to_be_visible()
    await page.get_by_role("link", name="Facts only").click()
    await expect(story.locator(".fact").first).to_be_visible()
    await expect(story.locator(".action, .firing, .reactions")).to_have_count(0)


async def test_a_tab_says_in_its_title_that_something_needs_attention(house: House, open_page: Opened) -> None:
    await house.provider.sends(b"this is no JSON")
    page = await open_page()
    await expect(page.get_by_text("Deliveries in quarantine")).to_be_visible()
    assert (await page.title()).startswith("(")

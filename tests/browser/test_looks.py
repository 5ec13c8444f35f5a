"""Every page by axe, at both widths, in both languages and schemes; and its picture, for whoever wants to look.

With SCREENSHOTS naming a folder in the environment, pictures of all pages in all eight ways are left there.
"""

from __future__ import annotations

import os
import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from axe_playwright_python.async_playwright import Axe

from tests.browser.conftest import DESK, PHONE
from tests.browser.provider import on, problem
from tests.browser.test_every_page import KINDS

if TYPE_CHECKING:
    from playwright.async_api import Page, ViewportSize

    from tests.browser.conftest import House, Opened

pytestmark = pytest.mark.anyio

SCREENSHOTS = "TRACKER_TEST_SCREENSHOTS"
SERIOUS = frozenset({"serious", "critical"})
Scheme = Literal["light", "dark"]
Way = tuple["ViewportSize", str, Scheme]
ALL: list[Way] = list(product((PHONE, DESK), ("en", "tr"), ("light", "dark")))
USUAL: list[Way] = [(PHONE, "tr", "dark"), (DESK, "en", "light")]


@pytest.fixture(scope="module")
async def furnished(house: House) -> str:
    """A post that has failed, with all that followed, beside one that was published; the failed one's page."""
    await house.provider.tells("gönderi-1", "published", on("x", "published", platformPostUrl="https://x.example/1"))
    why = problem("auth_expired", "the token of the account has expired", retryable=False)
    await house.provider.tells("gönderi-2", "failed", on("instagram", "failed", **why), on("x", "published"), **why)
    return "/posts/g%C3%B6nderi-2"


async def faults(page: Page) -> list[str]:
    """What axe finds serious."""
    found = await Axe().run(page)
    return [
        f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:200]}"
        for one in found.response["violations"]
        if one["impact"] in SERIOUS
    ]


def picture(path: str, way: Way) -> Path:
    """Where the picture of that page is to be."""
    viewport, language, scheme = way
    name = re.sub(r"[^a-z]+", "-", path.lower()).strip("-")[:40] or "overview"
    return Path(os.environ[SCREENSHOTS]) / f"{name}-{language}-{scheme}-{viewport['width']}.png"


@pytest.mark.parametrize(
    "way", ALL if SCREENSHOTS in os.environ else USUAL, ids=lambda way: f"{way[0]['width']} {way[1]} {way[2]}"
)
async def test_axe_finds_nothing_serious_on_any_page(furnished: str, open_page: Opened, way: Way) -> None:
    viewport, language, scheme = way
    page = await open_page("/sign-in", language=language, signed_in=False, viewport=viewport, color_scheme=scheme)
    found = {"/sign-in": await faults(page)}
    page = await open_page(language=language, viewport=viewport, color_scheme=scheme)
    for path in (*KINDS, furnished):
        await page.goto(path)
        found[path] = await faults(page)
        if SCREENSHOTS in os.environ:
            await page.screenshot(path=picture(path, way), full_page=True)
    assert {path: what for path, what in found.items() if what} == {}

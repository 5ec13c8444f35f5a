"""A real browser at the dashboard of a `tracker serve` of its own, with a real Postgres."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, async_playwright, expect

from tests.acceptance.service import Service, free_port
from tests.browser.provider import SECRET, Cms, Provider, on
from tests.conftest import QUICK
from tests.waiting import until
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.store import keys
from tracker.store.database import Database

PHONE, DESK = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=900)
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip
LOCALES = {"en": "en-GB", "tr": "tr-TR"}
OFFERED = "tiktok"
"""A platform that every list offers from the first look on, for what is offered is a minute old."""
IS_FOLDED = "select exists (select from posts where $1 = any(platforms))"
EXPECTED = "Failed to load resource"
"""What the console says of every page that is sent with an error's status."""

expect.set_options(timeout=15_000)


@dataclass(frozen=True)
class House:
    """A running service with what stands around it, and the text of a key that reaches everything."""

    url: str
    key: str
    provider: Provider
    cms: Cms
    postgres: EmbeddedPostgres


REQUIRED = "TRACKER_TEST_BROWSER"
"""Where this is set in the environment, a machine without a browser fails."""

Opened = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="package")
def chromium() -> str:
    """Where it is; without it these tests are skipped, and say so, unless REQUIRED is set, as it is in .ci/run."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        missing = "there is no Chromium here: apt-get install -y --no-install-recommends chromium"
        if os.environ.get(REQUIRED):
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    return path


@pytest.fixture(scope="package")
async def house(chromium: str, tmp_path_factory: pytest.TempPathFactory, anyio_backend: object) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with EmbeddedPostgres(folder / "postgres", QUICK) as postgres:
        async with Cms().listening() as cms:
            nobody = f"http://127.0.0.1:{free_port()}/v1"
            service = Service(
                folder, free_port(), dsn=postgres.dsn, lease="5s", provider=nobody, secret=SECRET, sink=cms.url
            )
            service.start()
            try:
                await service.ready()
                async with Database.open(postgres.dsn, size=1) as database, database.connection() as conn:
                    _, key = await keys.create(conn, "the browser tests", ["admin"], datetime.now(UTC))
                    provider = Provider(service.url)
                    await provider.tells("offered", "scheduled", on(OFFERED, "pending"))
                    await until(lambda: conn.fetchval(IS_FOLDED, OFFERED), "a first post")
                yield House(service.url, key, provider, cms, postgres)
            finally:
                service.stop()


@pytest.fixture(scope="package")
async def browser(chromium: str, anyio_backend: object) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def open_page(house: House, browser: Browser) -> AsyncIterator[Opened]:
    """A page of a new visitor; when the test is over, no console may have had anything to complain about."""
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(EXPECTED):
            complaints.append(message.text)

    async with AsyncExitStack() as stack:

        async def opened(path: str = "/", *, language: str = "en", signed_in: bool = True, **options: Any) -> Page:
            options = {"viewport": DESK, "locale": LOCALES[language], "base_url": house.url} | options
            context = await browser.new_context(**options)
            stack.push_async_callback(context.close)
            context.set_default_timeout(15_000)
            if signed_in:
                await _sign_in(context, house)
            page = await context.new_page()
            page.on("console", heard)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("dialog", lambda dialog: complaints.append(f"a dialog: {dialog.message}"))
            await page.goto(path)
            return page

        yield opened
    assert not complaints


async def _sign_in(context: BrowserContext, house: House) -> None:
    """As the form does it, without the form."""
    answer = await context.request.post("/sign-in", form={"key": house.key}, headers={"Origin": house.url})
    assert answer.ok

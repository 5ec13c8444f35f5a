"""Every list as CSV and as lines of JSON, in the API, the dashboard and on the command line; no text is a formula."""

from __future__ import annotations

import asyncio
import csv
import json
from contextlib import asynccontextmanager
from io import StringIO
from typing import TYPE_CHECKING

import pytest

from tests.contract.command_line import CommandLine, said, take
from tests.contract.dashboard import dashboard
from tests.contract.furnished import DESCRIPTION
from tests.contract.serving import bearer
from tests.integration.told import PROVIDER
from tracker.dashboard import downloads
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

pytestmark = pytest.mark.anyio

FORMULA = '=HYPERLINK("https://evil.example";"prize")'
LISTS = [
    path
    for path, methods in DESCRIPTION["paths"].items()
    if "{" not in path and "text/csv" in methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
]


@pytest.fixture
def url(database_url: str) -> str:
    """Three posts, of which one has a formula for a text and another one for an id."""
    take(
        database_url,
        said("post.scheduled", "p1", 1, content={"text": FORMULA}),
        said("post.failed", "-2+3", 2, content={"text": 'two\nlines, "quoted"'}),
        said("post.published", "p3", 3),
    )
    return database_url


@asynccontextmanager
async def visiting(url: str) -> AsyncIterator[httpx2.AsyncClient]:
    parts = {"providers": (PROVIDER,)}
    async with Database.open(url) as database, dashboard(database, open_here=True, parts=parts) as client:
        client.headers |= await bearer(database, "read")
        yield client


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline="")))


def test_each_list_of_the_api_comes_as_a_table_and_as_lines(url: str) -> None:
    async def ask() -> None:
        async with visiting(url) as client:
            for path in LISTS:
                for form in ("text/csv", "application/x-ndjson"):
                    answer = await client.get(path, headers={"Accept": f"{form}, */*;q=0.1"})
                    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, form), path
                    assert answer.headers["vary"] == "Accept"
                    assert form != "text/csv" or answer.text.partition("\r\n")[0].count(",") > 2, path
                assert (await client.get(path)).headers["content-type"].startswith("application/json")

    assert len(LISTS) >= 10
    asyncio.run(ask())


def test_posts_come_page_by_page_and_no_text_is_a_formula(url: str) -> None:
    async def ask() -> None:
        async with visiting(url) as client:
            found, path = [], "/api/v1/posts?limit=2&state=scheduled,failed,published"
            while path:
                answer = await client.get(path, headers={"Accept": "text/csv"})
                found += rows(answer.text)
                path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
            assert {row["id"]: row["excerpt"] for row in found} == {
                "p3": "", "'-2+3": "two lines, \"quoted\"", "p1": f"'{FORMULA}",
            }  # fmt: skip
            assert len(found) == 3
            assert {"state", "error.code", "targets", "attributes"} <= set(found[0])
            tag = answer.headers["etag"]
            again = await client.get("/api/v1/posts?limit=2", headers={"Accept": "text/csv", "If-None-Match": tag})
            assert again.status_code == 200
            lines = (await client.get("/api/v1/posts", headers={"Accept": "application/x-ndjson"})).text.splitlines()
            assert {json.loads(line)["id"] for line in lines} == {"p3", "-2+3", "p1"}

    asyncio.run(ask())


def test_the_dashboard_sends_a_list_to_its_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        async with visiting(url) as client:
            assert 'href="/posts.csv?state=failed"' in (await client.get("/posts?state=failed")).text
            answer = await client.get("/posts.csv?until=now")
            assert answer.headers["content-disposition"] == 'attachment; filename="posts.csv"'
            assert sorted(row["id"] for row in rows(answer.text.removeprefix("\ufeff"))) == ["'-2+3", "p1", "p3"]
            assert answer.content.startswith("\ufeff".encode())
            only = rows((await client.get("/posts.csv?state=scheduled")).text.removeprefix("\ufeff"))
            assert [row["id"] for row in only] == ["p1"]
            for name in ("actions", "runs", "quarantine", "rules", "figures"):
                page = (await client.get(f"/{name}?by=provider&span=90d")).text
                assert f'href="/{name}.csv' in page
                assert f'href="/{name}.ndjson' in page
                assert (await client.get(f"/{name}.csv")).headers["content-type"] == "text/csv; charset=utf-8"
            lines = (await client.get("/posts.ndjson?until=now")).text.splitlines()
            assert sorted(json.loads(line)["id"] for line in lines) == ["-2+3", "p1", "p3"]
            assert (await client.get("/posts.csv?state=nonsense")).status_code == 400

    monkeypatch.setattr(downloads, "MAX_LIMIT", 1)
    asyncio.run(ask())


def test_the_command_line_writes_csv(url: str, tmp_path: Path) -> None:
    tracker = CommandLine(tmp_path).configure(url)
    assert sorted(row["id"] for row in rows(tracker("posts", "list", "--csv").out)) == ["'-2+3", "p1", "p3"]
    assert tracker("accounts", "list", "--csv").out == ""
    (figure,) = rows(tracker("figures", "--by", "provider", "--until", "2026-11-11", "--csv").out)
    assert figure["provider"] == PROVIDER

"""Whatever a provider puts into an id has an address: in the API, on the dashboard, and on the command line."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.command_line import CommandLine, said, take
from tests.contract.dashboard import sign_in
from tests.contract.serving import bearer, serving
from tests.integration.corridor import READERS, Corridor
from tests.integration.told import PROVIDER, told
from tracker.api import Parts, application
from tracker.dashboard import handlers
from tracker.dashboard.query import post_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from tracker.store.database import Database

ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=60)
PARTS = st.sampled_from(
    [
        "accounts",
        "%2F",
        "%",
        "%25",
        "..",
        ".",
        "?",
        "#",
        "history",
        "why",
        "retry",
        " ",
        "ü",
        "+",
        "&",
        ";",
        "\\",
        "",
        "\n",
    ]
)
NAMED = st.lists(PARTS, min_size=1, max_size=5).map("/".join).filter(bool)
IDS = NAMED | ANY
SOME = [
    "accounts/1/locations/4/localPosts/7", "a/history", "history", "a/why/", "/", "//", "a//b", "a%2Fb", "%", "%25",
    "?a=b", "#", "a b ", " ", "ü", "日本", "..", ".", "a/../b", "a\\b", "\n", "\x1b[2J", "-x", "--json", "+", "a" * 255,
]  # fmt: skip
OFTEN = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def in_path(post: str) -> str:
    """The id as one part of a path; dots too, which a client would take for steps."""
    return quote(post, safe="").replace(".", "%2E")


@pytest.fixture
async def corridor(database: Database) -> Corridor:
    return await Corridor(database, []).open()


@pytest.fixture
async def client(database: Database, corridor: Corridor) -> AsyncIterator[httpx2.AsyncClient]:
    """The API and the dashboard, and somebody who has signed in to both."""
    pages = handlers(database, corridor.now)
    app = application(Parts(database, corridor.now, None, providers=(PROVIDER,), readers=READERS, more=pages))
    async with serving(app) as client:
        client.headers["Origin"] = str(client.base_url).rstrip("/")
        await sign_in(client, database, "operate")
        client.headers |= await bearer(database, "operate")
        yield client


async def reached(client: httpx2.AsyncClient, corridor: Corridor, post: str) -> None:
    """Each address of the post leads to it, and to what it says it does."""
    await corridor.tell(told(post, "failed", 1))
    address = f"/api/v1/posts/{in_path(post)}"
    answer = await client.get(address)
    assert (answer.status_code, answer.json().get("id")) == (200, post), answer.text
    items = (await client.get(f"{address}/history")).json()["items"]
    assert items[0]["data"]["event"] == "post.failed"
    answer = await client.get(f"{address}/why", params={"provider": PROVIDER})
    assert answer.json() == {"items": [], "next": None}
    for verb in ("retry", "reconcile"):
        action = (await client.post(f"{address}/{verb}")).json()
        assert (action["verb"], action["post"]) == (verb, post)
    (event, *_) = (await client.get("/api/v1/events", params={"post": post})).json()["items"]
    assert event["post"] == post
    answer = await client.get(f"{address}/nothing")
    told_of = answer.json()
    assert (answer.status_code, told_of["type"]) == (404, "urn:tracker:problem:not-found")
    assert unquote(told_of["instance"]) == f"/api/v1/posts/{post}/nothing"
    assert told_of["instance"].count("/") == 5


@pytest.mark.anyio
async def test_an_id_has_its_addresses_in_the_api(client: httpx2.AsyncClient, corridor: Corridor) -> None:
    for post in SOME:
        await reached(client, corridor, post)


@pytest.mark.anyio
@OFTEN
@given(post=IDS)
async def test_whatever_an_id_is_made_of_it_has_its_addresses_in_the_api(
    client: httpx2.AsyncClient, corridor: Corridor, post: str
) -> None:
    await reached(client, corridor, post)


class Hidden(HTMLParser):
    """The hidden fields of the first form that names a post."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "input" and told.get("type") == "hidden":
            self.fields.setdefault(str(told.get("name")), str(told.get("value")))


async def verbs_of(client: httpx2.AsyncClient, post: str) -> list[str]:
    return [action["verb"] for action in (await client.get("/api/v1/actions", params={"post": post})).json()["items"]]


async def shown(client: httpx2.AsyncClient, corridor: Corridor, post: str) -> None:
    """The link to its page leads there, and the form on it is about it."""
    await corridor.tell(told(post, "failed", 1))
    before = await verbs_of(client, post)
    address = post_address(PROVIDER, post)
    assert ".." not in urlsplit(address).path.split("/")
    page = await client.get(address)
    assert page.status_code == 200, page.text
    hidden = Hidden()
    hidden.feed(page.text)
    form = {name: hidden.fields[name] for name in ("post", "provider", "then")}
    answer = await client.post("/provider/ask", data=form)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, address.partition("?")[0])
    assert await verbs_of(client, post) == ["reconcile", *before]


@pytest.mark.anyio
async def test_an_id_has_a_page(client: httpx2.AsyncClient, corridor: Corridor) -> None:
    for post in SOME:
        await shown(client, corridor, post)


@pytest.mark.anyio
@OFTEN
@given(post=IDS)
async def test_whatever_an_id_is_made_of_it_has_a_page(
    client: httpx2.AsyncClient, corridor: Corridor, post: str
) -> None:
    await shown(client, corridor, post)


def told_by_command(tracker: CommandLine, database_url: str, post: str) -> None:
    take(database_url, said("post.failed", post, 0))
    ran = tracker("posts", "show", "--json", "--", post)
    assert (ran.code, ran.json["id"]) == (0, post), ran.err
    ran = tracker("posts", "why", "--json", "--", post)
    assert ran.code == 0, ran.err
    assert tracker("posts", "show", "--", post).code == 0


def test_some_ids_are_told_by_the_command_line(database_url: str, tmp_path: Path) -> None:
    tracker = CommandLine(tmp_path).configure(database_url)
    for post in SOME:
        told_by_command(tracker, database_url, post)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(post=IDS)
def test_any_id_is_told_by_the_command_line(database_url: str, tmp_path: Path, post: str) -> None:
    told_by_command(CommandLine(tmp_path).configure(database_url), database_url, post)

"""What goes out to an API that wants more than an address: a body, a workspace, pages that are counted."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.gates import OpenGate
from tests.integration.hostile import read_request, serving
from tracker.domain.actions import Reason
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.providers import build_clients
from tracker.settings import Settings

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    from tracker.providers.client import ProviderClient

pytestmark = pytest.mark.anyio

SINCE = datetime(2026, 11, 20, 9, tzinfo=UTC)


@asynccontextmanager
async def asking(kind: str, *answers: Any, **more: Any) -> AsyncIterator[tuple[ProviderClient, list[bytes]]]:
    """A client of a server that gives these answers one after another, and the requests that reached it."""
    left, seen = list(answers), []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append(await read_request(reader))
            body = json.dumps(left.pop(0)).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()

    async with (
        serving(answer) as server,
        Outbound(Allowed.parse(["127.0.0.0/8"]), timeout=timedelta(seconds=2)) as outbound,
    ):
        section = {"kind": kind, "api_url": server.url(""), "api_key": "k", **more}
        settings = Settings.model_validate({"providers": {"p": section}})
        yield build_clients(settings, outbound, OpenGate())["p"], seen


def body_of(request: bytes) -> Any:
    return json.loads(request.partition(b"\r\n\r\n")[2])


async def test_a_question_in_graphql_carries_its_variables() -> None:
    """A list of an organization, from a time, to its end; an end that names itself as its cursor ends as well."""
    node = {"id": "p1", "status": "sent", "channelService": "x", "channelId": "c"}
    first = {"data": {"posts": {"edges": [{"node": node}], "pageInfo": {"endCursor": "e1"}}}}
    last = {"data": {"posts": {"edges": [], "pageInfo": {"endCursor": "e1"}}}}
    async with asking("buffer", first, last, {"data": {"post": node}}, workspace="org") as (client, seen):
        page = (await client.list_posts(SINCE)).value
        assert page
        assert ([listed.post for listed in page.posts], page.next) == (["p1"], "e1")
        end = (await client.list_posts(SINCE, "e1")).value
        assert end
        assert end.next is None
        report = (await client.get_post('p"1')).value
        assert report
        assert report.targets[0].state == "published"
    wanted = {"organizationId": "org", "filter": {"startDate": "2026-11-20T09:00:00.000Z"}}
    assert body_of(seen[0])["variables"] == {"input": wanted, "first": 100}
    assert body_of(seen[1])["variables"] == {"input": wanted, "first": 100, "after": "e1"}
    assert body_of(seen[2])["variables"] == {"input": {"id": 'p"1'}}
    assert seen[0].startswith(b"POST / HTTP/1.1\r\n")
    assert b"content-type: application/json" in seen[0].lower()


async def test_the_workspace_goes_with_every_call_that_wants_one_and_is_missed_by_name() -> None:
    async with asking("publer", {"posts": []}, workspace="w1", headers={"X-Team": "{workspace}!"}) as (client, seen):
        assert (await client.list_posts(SINCE)).reason is Reason.OK
        assert b"\r\npubler-workspace-id: w1\r\n" in seen[0].lower()
        assert b"\r\nx-team: w1!\r\n" in seen[0].lower()
    for kind, call in (("publer", "list"), ("buffer", "list"), ("bundle_social", "list")):
        async with asking(kind) as (client, seen):
            assert not client.can(call)
            reply = await client.list_posts()
            assert (reply.reason, reply.detail) == (Reason.NOT_CONFIGURED, "providers.p.workspace is not set")
            assert client.can("get") is (kind != "publer")
            assert not seen


async def test_pages_that_are_counted_are_read_until_one_is_empty() -> None:
    posts = [{"_id": f"p{n}", "status": "published"} for n in range(3)]
    async with asking("zernio", {"posts": posts[:2]}, {"posts": posts[2:]}, {"posts": []}) as (client, seen):
        cursor, found = "", []
        while page := (await client.list_posts(SINCE, cursor)).value:
            found += [listed.post for listed in page.posts]
            if not page.next:
                break
            cursor = page.next
    assert [request.partition(b"page=")[2][:1] for request in seen] == [b"1", b"2", b"3"]
    assert len(found) == 3


async def test_a_retry_may_name_the_post_in_its_body() -> None:
    async with asking("ayrshare", {"status": "success"}) as (client, seen):
        assert (await client.retry_post("p1", "key-1")).value is True
    assert seen[0].startswith(b"PUT /post/retry ")
    assert body_of(seen[0]) == {"id": "p1"}
    assert b"idempotency-key: key-1" in seen[0].lower()

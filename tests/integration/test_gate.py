"""What all processes share about a provider, on a real Postgres: a budget, a pause, a circuit, credits and a clock."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from tests.integration.hostile import read_request, serving
from tracker.domain.actions import Reason
from tracker.domain.calls.call_budget import RESERVED, Purpose
from tracker.domain.calls.call_limits import FRESH, CallRequest, CallResult, Permit, Refused, _moved
from tracker.domain.calls.circuit_breaker import FAILURES, PAUSES
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.providers import build_clients
from tracker.providers.rate_limiter import SharedRateLimiter
from tracker.settings import Settings
from tracker.store.calls import call_limits
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.hostile import Server
    from tracker.domain.calls.call_limits import CallLimits
    from tracker.providers.client import ProviderClient

pytestmark = pytest.mark.anyio

NAME = "sosyalkopru"
GET = CallRequest("get", Purpose.REACTION)
POST = b'{"success":true,"data":{"id":"p","status":"FAILED"}}'


def settings(url: str = "http://127.0.0.1:1", **more: Any) -> Settings:
    section = {"kind": NAME, "api_url": url, "api_key": "k", **more}
    return Settings.model_validate({"providers": {NAME: section}, "outbound": {"timeout": "2s"}})


@asynccontextmanager
async def processes(database_url: str, wanted: Settings, count: int = 2) -> AsyncIterator[list[ProviderClient]]:
    """A client in each of so many processes, as far as Postgres can tell."""
    async with AsyncExitStack() as stack:
        outbound = await stack.enter_async_context(
            Outbound(Allowed.parse(["127.0.0.1"]), timeout=wanted.outbound.timeout)
        )
        databases = [await stack.enter_async_context(Database.open(database_url)) for _ in range(count)]
        yield [build_clients(wanted, outbound, SharedRateLimiter(database, wanted))[NAME] for database in databases]


@asynccontextmanager
async def answers(*replies: tuple[str, bytes]) -> AsyncIterator[Server]:
    """A server that gives these (head, body) in turn, and the last one for ever; a head "" hangs up."""
    left = list(replies)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            server.requests.append(await read_request(reader))
            head, body = left.pop(0) if len(left) > 1 else left[0]
            if not head:
                return
            writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()

    async with serving(handle) as server:
        yield server


async def standing(database: Database) -> CallLimits:
    async with database.connection() as conn:
        return await call_limits.get(conn, NAME)


async def pass_time(database: Database, span: timedelta) -> None:
    """As if everything had happened so much earlier."""
    async with database.transaction() as conn:
        now, _ = await call_limits.hold(conn, NAME)
        await call_limits.save(conn, _moved(now, -span))


async def test_processes_share_one_budget(database_url: str, database: Database) -> None:
    """However many of them call at once; who comes too late is told when there is room."""
    wanted = settings(budget="10 in 1h")
    async with processes(database_url, wanted, 3) as clients:
        asked = await asyncio.gather(*(client.gate.acquire(NAME, GET) for _ in range(10) for client in clients))
        assert sum(isinstance(one, Permit) for one in asked) == 10
        refused = next(one for one in asked if isinstance(one, Refused))
        assert refused.reason is Reason.BUDGET_SPENT
        assert refused.after
        assert timedelta(minutes=59) < refused.after <= timedelta(minutes=61)
        await pass_time(database, refused.after)
        assert isinstance(await clients[0].gate.acquire(NAME, GET), Permit)


async def test_all_rates_of_a_budget_hold(database_url: str, database: Database) -> None:
    async with processes(database_url, settings(budget=["3 in 1m", "5 per hour"])) as clients:
        made = []
        for _ in range(3):
            asked = [await client.gate.acquire(NAME, GET) for _ in range(3) for client in clients]
            made.append(sum(isinstance(one, Permit) for one in asked))
            await pass_time(database, timedelta(minutes=2))
    assert made == [3, 2, 0]


async def test_a_call_without_budget_is_not_sent_and_reactions_come_first(database_url: str) -> None:
    async with answers(("200 OK", POST)) as server:
        async with processes(database_url, settings(server.url(""), budget=f"{RESERVED} in 1h")) as (here, there):
            reconciling = here.on_behalf_of(Purpose.RECONCILIATION)
            said = [(await reconciling.get_post("p")).reason for _ in range(RESERVED)]
            assert said == [Reason.OK] * (RESERVED - 1) + [Reason.BUDGET_SPENT]
            assert (await there.get_post("p")).reason is Reason.OK
            reply = await there.get_post("p")
        assert (reply.reason, reply.sent, reply.value) == (Reason.BUDGET_SPENT, False, None)
        assert reply.retry_after
        assert reply.exchange.response
        assert reply.exchange.response["sent"] is False
    assert len(server.requests) == RESERVED


async def test_room_for_two_calls_is_wanted_where_two_are_to_be_made(database_url: str) -> None:
    async with (
        answers(("200 OK", POST)) as server,
        processes(database_url, settings(server.url(""), budget="3 in 1h")) as (here, _),
    ):
        said = [(await here.get_post("p", then=1)).reason for _ in range(3)]
        assert said == [Reason.OK, Reason.OK, Reason.BUDGET_SPENT]
        assert (await here.retry_post("p", "k")).reason is Reason.OK


@pytest.mark.parametrize("status", ["429 Slow down", "503 Later"])
async def test_a_provider_that_says_later_is_left_alone_by_every_process(
    database_url: str, database: Database, status: str
) -> None:
    """For as long as it says, and not longer; the action that waits knows how long."""
    async with (
        answers((f"{status}\r\nRetry-After: 30", b""), ("200 OK", POST)) as server,
        processes(database_url, settings(server.url(""))) as (here, there),
    ):
        with capture_logs() as lines:
            first = await here.get_post("p")
        assert (first.sent, first.retry_after) == (True, timedelta(seconds=30))
        assert [line["event"] for line in lines] == ["provider.put_off"]
        second = await there.get_post("p")
        assert (second.reason, second.sent) == (Reason.TOLD_TO_WAIT, False)
        assert second.retry_after
        assert timedelta(seconds=25) < second.retry_after <= timedelta(seconds=30)
        assert len(server.requests) == 1
        await pass_time(database, timedelta(seconds=30))
        assert (await there.get_post("p")).reason is Reason.OK


@pytest.mark.parametrize("failing", [("", b""), ("500 Oh", b""), ("200 OK", b"<html>sorry</html>")])
async def test_failures_in_a_row_open_the_circuit_for_every_process_until_one_call_has_seen(
    database_url: str, database: Database, failing: tuple[str, bytes]
) -> None:
    """What both processes have seen counts together; the pause grows while the one call fails too."""
    async with (
        answers(*[failing] * (FAILURES + 1), ("200 OK", POST)) as server,
        processes(database_url, settings(server.url(""))) as (here, there),
    ):
        with capture_logs() as lines:
            for number in range(FAILURES):
                assert (await (here, there)[number % 2].get_post("p")).sent
        assert [line["event"] for line in lines] == ["provider.circuit_opened"]
        refused = await there.get_post("p")
        assert (refused.reason, refused.sent) == (Reason.CIRCUIT_OPEN, False)
        assert len(server.requests) == FAILURES

        await pass_time(database, PAUSES.first)
        assert (await here.get_post("p")).sent
        again = await there.get_post("p")
        assert again.reason is Reason.CIRCUIT_OPEN
        assert again.retry_after
        assert again.retry_after > PAUSES.first

        await pass_time(database, 2 * PAUSES.first)
        with capture_logs() as lines:
            assert (await here.get_post("p")).reason is Reason.OK
        assert [line["event"] for line in lines] == ["provider.circuit_closed"]
        assert (await there.get_post("p")).reason is Reason.OK


async def test_a_half_open_circuit_lets_one_call_through_among_all_processes(
    database_url: str, database: Database
) -> None:
    async with processes(database_url, settings(), 3) as clients:
        for _ in range(FAILURES):
            await clients[0].gate.report(NAME, GET, CallResult(Reason.TIMEOUT))
        await pass_time(database, PAUSES.first)
        asked = await asyncio.gather(*(client.gate.acquire(NAME, GET) for _ in range(5) for client in clients))
        (permit,) = [one for one in asked if isinstance(one, Permit)]
        assert permit.trial == 1
        await pass_time(database, timedelta(seconds=7))
        assert isinstance(await clients[1].gate.acquire(NAME, GET), Permit), "its process has died"


async def test_a_success_between_failures_keeps_the_circuit_closed(database_url: str, database: Database) -> None:
    """And a refusal counts as one: whoever refuses is there."""
    replies = [("500 Oh", b"")] * (FAILURES - 1) + [("404 No", b"")]
    async with answers(*replies, *replies, ("200 OK", POST)) as server:
        async with processes(database_url, settings(server.url(""))) as (here, _):
            for _ in range(2 * FAILURES):
                assert (await here.get_post("p")).sent
        assert (await standing(database)).breaker.open_until is None


def balance(credits_left: object) -> bytes:
    return json.dumps(
        {
            "success": True,
            "data": {
                "apiKey": {"id": "key_1", "planTier": "growth", "creditBalance": credits_left},
                "currentMonth": {"requests": 12, "creditsUsed": 3, "periodEnd": "2026-12-01T00:00:00.000Z"},
            },
        }
    ).encode()


async def test_the_balance_of_credits_is_typed_and_remembered(database_url: str, database: Database) -> None:
    async with (
        answers(("200 OK", balance(120.9))) as server,
        processes(database_url, settings(server.url(""))) as (here, _),
    ):
        usage = (await here.usage()).value
    assert usage
    assert (usage.credits, usage.plan, usage.requests, usage.credits_used) == (120, "growth", 12, 3)
    assert usage.period_end == datetime(2026, 12, 1, tzinfo=UTC)
    assert (await standing(database)).credits == 120
    assert b"GET /usage" in server.requests[0]


async def test_a_balance_that_is_none_is_a_bad_answer(database_url: str, database: Database) -> None:
    for said in (None, "12", True, 10**30):
        async with (
            answers(("200 OK", balance(said))) as server,
            processes(database_url, settings(server.url("")), 1) as (here,),
        ):
            assert (await here.usage()).reason is Reason.BAD_ANSWER, said
    assert (await standing(database)).credits is None


async def test_reconciliation_stops_at_the_credits_that_are_kept_and_reactions_go_on(
    database_url: str, database: Database
) -> None:
    """It asks for the balance by itself, again when that is old, and goes on once it was filled up."""
    replies = [("200 OK", balance(100)), ("200 OK", POST), ("200 OK", balance(101))]
    async with (
        answers(*replies, ("200 OK", POST)) as server,
        processes(database_url, settings(server.url(""), credits_kept=100)) as (here, there),
    ):
        reconciling = there.on_behalf_of(Purpose.RECONCILIATION)
        for _ in range(2):
            refused = await reconciling.get_post("p")
            assert (refused.reason, refused.sent) == (Reason.CREDITS_KEPT, False)
            assert "100 credits are left" in refused.detail
        assert (await here.get_post("p")).reason is Reason.OK
        await pass_time(database, FRESH)
        assert (await reconciling.get_post("p")).reason is Reason.OK
        assert (await reconciling.get_post("p")).reason is Reason.OK
    assert [b"/usage" in request for request in server.requests] == [True, False, True, False, False]


async def test_where_the_balance_cannot_be_had_reconciliation_waits(database_url: str) -> None:
    async with (
        answers(("403 No", b"")) as server,
        processes(database_url, settings(server.url(""), credits_kept=1)) as (here, _),
    ):
        reply = await here.on_behalf_of(Purpose.RECONCILIATION).list_posts()
    assert (reply.reason, reply.sent, len(server.requests)) == (Reason.CREDITS_KEPT, False, 1)


async def test_what_is_not_paid_for_is_named(database_url: str) -> None:
    async with (
        answers(("402 Payment Required", b'{"error":"no credits"}')) as server,
        processes(database_url, settings(server.url(""))) as (here, _),
    ):
        reply = await here.create_post({}, "k")
    assert (reply.reason, reply.status, reply.detail) == (Reason.PAYMENT_REQUIRED, 402, "no credits")


async def test_the_skew_of_the_providers_clock_is_measured(database_url: str, database: Database) -> None:
    """To a second: its header tells no more. What is no date changes nothing."""
    for ahead in (0, 90, -3600):
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
        for said in (date, "", "yesterday", "Thu, 99 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 9999999 00:00:00 GMT"):
            async with (
                answers((f"404 No\r\nDate: {said}", b"")) as server,
                processes(database_url, settings(server.url("")), 1) as (here,),
            ):
                assert (await here.get_post("p")).reason is Reason.NOT_FOUND
            skew = (await standing(database)).skew
            assert skew is not None
            assert abs(skew - ahead) < 1.5


async def test_without_the_database_nothing_is_sent_and_what_was_heard_is_not_lost_with_it(database_url: str) -> None:
    async with answers(("200 OK", POST)) as server:
        wanted = settings(server.url(""))
        async with processes(database_url, wanted) as (here, _):
            pass
        async with Outbound(Allowed.parse(["127.0.0.1"])) as outbound:
            reply = await build_clients(wanted, outbound, here.gate)[NAME].get_post("p")
        assert (reply.reason, reply.sent, server.connections) == (Reason.UNAVAILABLE, False, 0)
        with capture_logs() as lines:
            await here.gate.report(NAME, GET, CallResult(Reason.OK))
        assert [line["event"] for line in lines] == ["provider.not_remembered"]

"""The simulated API by the call: limits in a window, credits, and the documented usage."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.integration.gates import OpenGate
from tests.integration.test_simulator import an_api, data
from tracker.domain.actions import Reason
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.providers import build_clients
from tracker.settings import Settings
from tracker.simulator import Limit, ManualClock, run_simulator

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)
NEW = {"platforms": ["x"], "content": {"text": "#publish"}}


async def test_more_calls_than_the_window_allows_are_told_when_to_come_again() -> None:
    """Whatever they are, also wrong ones; the next window begins after the whole span."""
    clock = ManualClock()
    async with run_simulator(clock=clock, limit=Limit(3, 10 * MINUTE)) as simulator, an_api(simulator) as api:
        first = [(await api.get(path)).status_code for path in ("/posts", "/usage", "/nowhere")]
        await clock.advance(4 * MINUTE)
        refused = await api.post("/posts", json=NEW)
        await clock.advance(6 * MINUTE)
        again = await api.post("/posts", json=NEW)
    assert (first, refused.status_code, again.status_code) == ([200, 200, 404], 429, 201)
    assert (refused.headers["retry-after"], refused.json()["error"]["code"]) == ("360", "rate_limited")
    assert len(simulator.truth()) == 1


async def test_each_call_costs_until_nothing_is_left() -> None:
    """402 then, and nothing is done; asking for the usage is free."""
    async with run_simulator(clock=ManualClock(), balance=11, price=5) as simulator, an_api(simulator) as api:
        paid = [(await api.post("/posts", json=NEW)).status_code for _ in range(3)]
        usage = data(await api.get("/usage"))
        assert simulator.balance == usage["apiKey"]["creditBalance"] == 1
        simulator.balance = 5
        topped_up = await api.post("/posts", json=NEW)
    assert (paid, topped_up.status_code) == ([201, 201, 402], 201)
    assert len(simulator.truth()) == 3
    assert usage["currentMonth"] == {
        "requests": 4, "creditsUsed": 10, "periodStart": "2026-01-01T00:00:00.000Z",
        "periodEnd": "2026-02-01T00:00:00.000Z",
    }  # fmt: skip


async def test_the_usage_is_what_the_guide_shows() -> None:
    """Key, month, the busiest endpoints, and the last ten requests, the newest first."""
    async with run_simulator(clock=ManualClock()) as simulator, an_api(simulator) as api:
        post = data(await api.post("/posts", json=NEW))["id"]
        for _ in range(10):
            await api.get(f"/posts/{post}")
        usage = data(await api.get("/usage"))
    assert set(usage) == {"apiKey", "currentMonth", "topEndpoints", "recentRequests"}
    assert set(usage["apiKey"]) == {
        "id", "name", "planTier", "creditBalance", "totalRequests", "expiresAt", "lastUsedAt",
    }  # fmt: skip
    assert usage["topEndpoints"][0] == {"endpoint": "/v1/posts/{id}", "requests": 10}
    assert usage["recentRequests"] == [
        {"method": "GET", "endpoint": "/v1/posts/{id}", "statusCode": 200, "durationMs": 1}
    ] * 10  # fmt: skip


async def test_our_client_hears_the_refusals_as_what_they_are() -> None:
    """A limit says when to come again; without credits another call would not help."""
    clock = ManualClock()
    async with (
        run_simulator(clock=clock, limit=Limit(1, MINUTE), balance=0) as simulator,
        Outbound(Allowed.parse(["127.0.0.1"])) as outbound,
    ):
        section = {"kind": "sosyalkopru", "api_url": simulator.url, "api_key": simulator.api_key}
        settings = Settings.model_validate({"providers": {"sosyalkopru": section}})
        client = build_clients(settings, outbound, OpenGate())["sosyalkopru"]
        poor = await client.create_post(NEW, "k")
        early = await client.create_post(NEW, "k")
    assert (poor.status, poor.reason) == (402, Reason.PAYMENT_REQUIRED)
    assert (early.status, early.reason, early.retry_after) == (429, Reason.RATE_LIMITED, MINUTE)

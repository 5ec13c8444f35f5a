"""The client of a provider's API, against the simulated provider and against servers that answer badly."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.gates import OpenGate
from tests.integration.hostile import answering, serving
from tracker.domain.actions import Reason
from tracker.domain.posts.event import State
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.providers import build_clients
from tracker.settings import Settings
from tracker.simulator import API_KEY, ManualClock, Outage, run_simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tracker.providers.client import ProviderClient

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


@asynccontextmanager
async def client_of(url: str, **more: Any) -> AsyncIterator[ProviderClient]:
    """A client of the API at `url`; `more` goes into its section."""
    section = {"kind": "sosyalkopru", "api_url": url, "api_key": API_KEY, **more}
    settings = Settings.model_validate({"providers": {"sosyalkopru": section}})
    async with Outbound(Allowed.parse(["127.0.0.0/8"]), timeout=timedelta(seconds=2), max_answer=100_000) as outbound:
        yield build_clients(settings, outbound, OpenGate())["sosyalkopru"]


@asynccontextmanager
async def answered(reply: bytes) -> AsyncIterator[ProviderClient]:
    """A client of a server that answers everything with `reply`."""
    async with serving(answering(reply)) as server, client_of(server.url("")) as client:
        yield client


def ok(body: bytes, status: str = "200 OK") -> bytes:
    """An HTTP answer with this body."""
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status.encode(), len(body), body)


async def test_a_post_is_created_asked_about_and_retried() -> None:
    """The documented call and the two assumed ones give ids, states and targets in neutral words."""
    clock = ManualClock()
    async with run_simulator(clock=clock) as simulator, client_of(simulator.url) as client:
        wish = {"platforms": ["instagram", "x"], "content": {"text": "#fail=timeout*1@instagram"}}
        created = await client.create_post(wish, "k1")
        assert created.value
        await clock.settle()
        failed = (await client.get_post(created.value)).value
        assert failed
        assert {target.key: target.state for target in failed.targets} == {
            "instagram#1": State.FAILED,
            "x#1": State.PUBLISHED,
        }
        assert failed.targets[0].problem
        assert (failed.targets[0].problem.code, failed.targets[0].problem.retryable) == ("timeout", True)
        assert (await client.retry_post(created.value, "k2")).value is True
        await clock.settle()
        done = (await client.get_post(created.value)).value
        assert done
        assert {target.state for target in done.targets} == {State.PUBLISHED}
        assert simulator.truth()[created.value].attempt == 2


async def test_the_same_key_creates_one_post() -> None:
    """The Idempotency-Key goes out, so that a repeated call is known for one."""
    async with run_simulator(clock=ManualClock()) as simulator, client_of(simulator.url) as client:
        wish = {"platforms": ["x"], "content": {"text": "#publish"}}
        first, second = await client.create_post(wish, "k"), await client.create_post(wish, "k")
    assert first.value == second.value
    assert len(simulator.truth()) == 1


async def test_a_webhook_is_registered_and_tested_and_its_secret_stays_out_of_the_record() -> None:
    """The secret is handed over once, hidden from every text and from what is remembered of the call."""
    async with (
        serving(answering(ok(b"{}"))) as door,
        run_simulator(clock=ManualClock()) as simulator,
        client_of(simulator.url) as client,
    ):
        registered = await client.register_webhook(door.url("/hook"), ["post.failed"], "tracker")
        assert registered.value
        secret = registered.value.secret.get_secret_value()
        assert secret
        assert secret not in repr(registered)
        tested = await client.test_webhook(registered.value.id)
    assert tested.value
    assert (tested.value.success, tested.value.status_code) == (True, 200)


async def test_the_key_is_in_no_record_and_no_text() -> None:
    """Neither what was sent nor an answer that repeats the key shows it."""
    reply = ok(b'{"success":false,"error":{"code":"bad","message":"key ' + API_KEY.encode() + b'"}}', "401 No")
    async with answered(reply) as client:
        answer = await client.get_post("p1")
        assert answer.reason is Reason.NOT_ALLOWED
        assert API_KEY not in repr(answer.exchange)
        assert API_KEY not in repr(client)


@pytest.mark.parametrize(
    ("outage", "reason", "sent"),
    [
        (Outage.UNAVAILABLE, Reason.HTTP_5XX, True),
        (Outage.RATE_LIMITED, Reason.RATE_LIMITED, True),
        (Outage.HANGS, Reason.TIMEOUT, True),
        (Outage.ANSWER_LOST, Reason.TIMEOUT, True),
    ],
)
async def test_an_outage_is_a_reason(outage: Outage, reason: Reason, sent: bool) -> None:
    """What went wrong, and whether the provider may have heard, are values."""
    async with run_simulator(clock=ManualClock()) as simulator, client_of(simulator.url) as client:
        simulator.outage = outage
        reply = await client.retry_post("post_1", "k")
    assert (reply.value, reply.reason, reply.sent) == (None, reason, sent)
    assert reply.retry_after == (timedelta(seconds=2) if reply.status else None)


async def test_a_post_that_is_not_there_is_not_found() -> None:
    """A 404 is told apart, with what the provider says about it."""
    async with run_simulator(clock=ManualClock()) as simulator, client_of(simulator.url) as client:
        reply = await client.get_post("../nothing")
    assert reply.reason is Reason.NOT_FOUND
    assert "post ..%2Fnothing" in reply.detail or "../nothing" in reply.detail


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b'{"success":false,"data":{"id":"x"}}', b'{"data":[]}', b"\xff", b"<html>"]
)
async def test_an_answer_in_another_form_is_a_bad_answer(body: bytes) -> None:
    """A success without the envelope is believed by nobody, and raises nothing."""
    async with answered(ok(body)) as client:
        assert (await client.create_post({}, "k")).reason is Reason.BAD_ANSWER
        assert (await client.register_webhook("u", [], "")).reason is Reason.BAD_ANSWER
        assert (await client.test_webhook("w")).reason is Reason.BAD_ANSWER
        assert (await client.get_post("p")).reason is Reason.BAD_ANSWER


async def test_what_is_not_configured_is_not_called() -> None:
    """Without a key, or where the operator says that there is no such call, nothing goes out."""
    async with serving(answering(ok(b"{}"))) as server:
        async with client_of(server.url(""), api_key="") as client:
            reply = await client.retry_post("p", "k")
            assert (reply.reason, reply.sent) == (Reason.NOT_CONFIGURED, False)
            assert "providers.sosyalkopru.api_key" in reply.detail
            assert not client.can("retry")
            assert (await client.create_post({}, "k")).reason is Reason.NOT_CONFIGURED
        async with client_of(server.url(""), calls={"get": ""}) as client:
            assert not client.can("get")
            assert client.can("retry")
            assert "calls.get" in (await client.get_post("p")).detail
    assert server.connections == 0


async def test_a_call_can_be_put_right() -> None:
    """The operator writes the method and the path that the provider really has."""
    async with serving(answering(ok(b'{"data":{}}'))) as server:
        handler = {"retry": "PUT /posts/{post}/again?force=1"}
        async with client_of(server.url("/v2"), calls=handler) as client:
            reply = await client.retry_post("a/b", "k")
    assert reply.exchange.request["method"] == "PUT"
    assert str(reply.exchange.request["url"]).endswith("/v2/posts/a%2Fb/again?force=1")

"""The verbs against real servers: alerts and messages that arrive signed, and retries that never publish twice."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import structlog
from msgspec.structs import replace
from standardwebhooks import Webhook, WebhookVerificationError

from tests.integration.gates import OpenGate
from tests.integration.hostile import answering, read_request, serving
from tracker.act.performers.channel_checks import usable
from tracker.act.performers.channels import build_performers
from tracker.domain.actions import Claimed, Discard, Done, Outcome, Reason, Retry, Unknown
from tracker.domain.payloads import payload_of
from tracker.domain.posts.event import State
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.providers import build_clients
from tracker.providers.client import ProviderClient
from tracker.settings import Settings, load_settings
from tracker.simulator import API_KEY, ManualClock, Outage, Simulator, run_simulator

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.hostile import Handler

pytestmark = pytest.mark.anyio

THEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
SIGNING = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "plain text")
TITLE = {"title": "p1 failed", "body": "", "severity": "warning", "rule": "r", "post": "p1", "target": None}


def claimed(verb: str, target: str, payload: dict[str, Any] | None = None, **more: Any) -> Claimed:
    """An action at its first attempt."""
    values = {"post": "p1", "previous": None, "attempt": 1} | more
    return Claimed(
        id=UUID(int=7), verb=verb, target=target, payload=payload_of(verb, payload or {}),
        idempotency_key="run:0:1", lease=1, provider="sosyalkopru", rule="r", run=None, created_at=THEN, **values,
    )  # fmt: skip


async def perform(settings: dict[str, Any], action: Claimed, seconds: float = 5) -> Outcome:
    """The outcome of one attempt under this configuration."""
    parsed = Settings.model_validate(settings)
    async with Outbound(Allowed.parse(["127.0.0.1"]), timeout=timedelta(seconds=seconds), max_answer=9999) as outbound:
        performers = build_performers(parsed, build_clients(parsed, outbound, OpenGate()), outbound)
        return await performers[action.verb].perform(action, datetime.now(UTC))


@asynccontextmanager
async def receiver(status: str = "200 OK", headers: str = "") -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that keeps what it is sent, and answers with this status."""
    got: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            got.append(await read_request(reader))
            writer.write(f"HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n".encode())
            await writer.drain()

    async with serving(handle) as server:
        yield server.url("/hook?token=hidden"), got


def parsed(request: bytes) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a request."""
    head, _, body = request.partition(b"\r\n\r\n")
    return {n.lower(): v for n, v in (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])}, body


def endpoint(url: str, secrets: tuple[str, ...] = SIGNING) -> dict[str, Any]:
    """A configuration with one endpoint."""
    return {"endpoints": {"cms": {"url": url, "secrets": secrets}}}


async def test_a_message_is_signed_with_every_secret_as_standard_webhooks_say() -> None:
    """The standard's own verifier accepts it with either secret, and not with a third."""
    message = {"event": "post.published", "data": {"post": "p1", "text": "ç"}}
    async with receiver() as (url, got):
        assert isinstance(await perform(endpoint(url), claimed("send", "cms", message)), Done)
    headers, body = parsed(got[0])
    for key in (SIGNING[0], b"plain text"):
        Webhook(key).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(b"another").verify(body, headers)
    assert json.loads(body) == {"type": "post.published", "timestamp": "2026-11-20T12:00:00Z", "data": message["data"]}


async def test_an_endpoint_is_called_in_the_way_that_it_declares() -> None:
    """Method, path, headers and body are the template's; the id is in its header, and no secret on record."""
    action = claimed("send", "cms", {"event": "post.removed", "data": {"id": "a/b?", "n": 3}})
    async with receiver() as (url, got):
        base = url.partition("/hook")[0]
        call = {
            "call": f"PATCH {base}/posts/{{{{ data.id }}}}?v=2",
            "headers": {"Authorization": "Basic aGlkZGVu"},
            "body": {"status": "{{ event }}", "n": "{{ data.n }}"},
        }
        done = await perform({"endpoints": {"cms": call}}, action)
        await perform({"endpoints": {"cms": {"call": f"DELETE {base}/posts/{{{{ data.id }}}}"}}}, action)
        signed = {"call": f"POST {base}/posts", "secrets": SIGNING, "idempotency_header": "x-once"}
        await perform({"endpoints": {"cms": signed}}, action)
    assert isinstance(done, Done)
    assert got[0].startswith(b"PATCH /posts/a%2Fb%3F?v=2 HTTP/1.1")
    headers, body = parsed(got[0])
    assert (headers["authorization"], headers["idempotency-key"]) == ("Basic aGlkZGVu", str(UUID(int=7)))
    assert "webhook-signature" not in headers
    assert json.loads(body) == {"status": "post.removed", "n": 3}
    assert got[1].startswith(b"DELETE /posts/a%2Fb%3F HTTP/1.1")
    assert parsed(got[1])[1] == b""
    headers, body = parsed(got[2])
    assert headers["x-once"] == str(UUID(int=7))
    Webhook(SIGNING[0]).verify(body, headers)
    assert json.loads(body)["type"] == "post.removed"
    assert "aGlkZGVu" not in str(done.exchange)


async def test_what_is_to_be_deleted_and_is_not_there_is_done() -> None:
    action = claimed("send", "cms", {"event": "e", "data": {"id": "7"}})
    async with receiver("404 Not Found") as (url, _):
        base = url.partition("/hook")[0]
        gone = await perform({"endpoints": {"cms": {"call": f"DELETE {base}/posts/{{{{ data.id }}}}"}}}, action)
        other = await perform({"endpoints": {"cms": {"call": f"PUT {base}/posts/{{{{ data.id }}}}"}}}, action)
    assert isinstance(gone, Done)
    assert isinstance(other, Retry)


async def test_a_call_whose_address_would_be_another_one_is_never_made() -> None:
    async with receiver() as (url, got):
        base = url.partition("/hook")[0]
        call = {"call": f"DELETE {base}/posts/{{{{ data.id }}}}"}
        for data in ({}, {"id": ""}, {"id": ".."}):
            outcome = await perform({"endpoints": {"cms": call}}, claimed("send", "cms", {"event": "e", "data": data}))
            assert isinstance(outcome, Discard)
            assert outcome.reason is Reason.REJECTED
    assert got == []


async def test_every_attempt_has_the_same_id_and_body() -> None:
    """A receiver can tell a repetition by its id, and its content is the same to the byte."""
    action = claimed("send", "cms", {"event": "e", "data": {}})
    async with receiver() as (url, got):
        await perform(endpoint(url), action)
        await perform(endpoint(url), replace(action, attempt=2, previous="retry"))
    (first, body), (second, again) = map(parsed, got)
    assert first["webhook-id"] == second["webhook-id"] == str(UUID(int=7))
    assert body == again


async def test_the_record_of_an_attempt_holds_no_secret() -> None:
    """Neither the signing secrets, nor what may stand in the address, are remembered."""
    async with receiver("500 No", "X-Request-Id: hidden\r\n") as (url, _):
        outcome = await perform(endpoint(url), claimed("send", "cms", {"event": "e", "data": {}}))
    assert isinstance(outcome, Retry)
    assert outcome.exchange.response
    assert outcome.exchange.response["status"] == 500
    for secret in (*SIGNING, "token=", "signature"):
        assert secret not in repr(outcome.exchange.request) + repr(outcome)


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        ("204 No Content", "", Done),
        ("503 Later", "Retry-After: 7\r\n", Retry),
        ("429 Slow", "", Retry),
        ("404 Gone fishing", "", Retry),
        ("302 Elsewhere", "Location: http://127.0.0.1:1/\r\n", Retry),
        ("410 Gone", "", Discard),
    ],
)
async def test_the_status_decides_whether_a_message_is_repeated(status: str, headers: str, outcome: type) -> None:
    """Success ends it, 410 ends it for good, and anything else may be put right until the attempts are used up."""
    async with receiver(status, headers) as (url, _):
        result = await perform(endpoint(url), claimed("send", "cms", {"event": "e", "data": {}}))
    assert type(result) is outcome
    if isinstance(result, Retry):
        assert result.after == (timedelta(seconds=7) if "Retry-After" in headers else None)


async def test_an_answer_that_began_well_counts_although_it_is_cut() -> None:
    """A receiver that said 200 has the message, however large or slow the rest of its answer is."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"
    async with serving(answering(head, forever=b"x" * 999)) as server:
        outcome = await perform(endpoint(server.url()), claimed("send", "cms", {"event": "e", "data": {}}))
    assert isinstance(outcome, Done)


async def test_a_private_address_is_refused_for_good() -> None:
    """The one rule about addresses holds for what rules send, too."""
    outcome = await perform(endpoint("http://10.0.0.1/"), claimed("send", "cms", {"event": "e", "data": {}}))
    assert isinstance(outcome, Discard)
    assert outcome.reason is Reason.BLOCKED


@pytest.mark.parametrize("verb", ["alert", "send", "retry"])
async def test_a_target_that_is_no_longer_configured_is_discarded(verb: str) -> None:
    """An action may outlive the configuration it was made under."""
    outcome = await perform({}, claimed(verb, "gone", {"event": "e", "data": {}}))
    assert isinstance(outcome, Discard)
    assert outcome.reason is Reason.NOT_CONFIGURED


@pytest.mark.parametrize("secret", ["whsec_???", "whsec_"])
async def test_a_secret_that_cannot_sign_is_named_and_not_shown(tmp_path: Path, secret: str) -> None:
    """What would fail at the first message is told at the start, and again by each action that goes there."""
    path = tmp_path / "config.toml"
    path.write_text(f"[endpoints.cms]\nurl = 'https://x.example'\nsecrets = [\n  'good',\n  '{secret}',\n]\n")
    settings = usable(load_settings(path, {}))
    (told,) = settings.left_out["endpoints.cms"]
    assert str(told).startswith(f"{path}:5: endpoints.cms.secrets.1: ")
    assert "???" not in str(told)
    async with Outbound() as outbound:
        sending = build_performers(settings, {}, outbound)["send"]
        outcome = await sending.perform(claimed("send", "cms", {"event": "e", "data": {}}), datetime.now(UTC))
    assert isinstance(outcome, Discard)
    assert (outcome.reason, outcome.detail) == (Reason.NOT_CONFIGURED, str(told))


async def test_an_alert_on_a_log_channel_is_a_line_of_the_log() -> None:
    """The simplest channel needs nothing but ourselves."""
    with structlog.testing.capture_logs() as lines:
        outcome = await perform({"channels": {"ops": {"kind": "log"}}}, claimed("alert", "ops", TITLE))
    assert isinstance(outcome, Done)
    (line,) = lines
    assert (line["event"], line["channel"], line["title"], line["post"]) == ("alert", "ops", "p1 failed", "p1")


async def test_an_alert_on_slack_is_a_text_that_mentions_nobody() -> None:
    """What a provider wrote into an error cannot call a whole channel."""
    alert = TITLE | {"title": "<!channel> & co", "body": "a <b>"}
    async with receiver() as (url, got):
        assert isinstance(
            await perform({"channels": {"ops": {"kind": "slack", "url": url}}}, claimed("alert", "ops", alert)), Done
        )
    assert json.loads(parsed(got[0])[1]) == {"text": "*&lt;!channel&gt; &amp; co*\na &lt;b&gt;"}


async def test_an_alert_on_a_webhook_channel_carries_everything_and_can_be_signed() -> None:
    """A channel of kind webhook gets the alert as data, under the action's id."""
    channel = {"kind": "webhook", "secrets": SIGNING[:1]}
    async with receiver() as (url, got):
        await perform({"channels": {"ops": channel | {"url": url}}}, claimed("alert", "ops", TITLE))
    headers, body = parsed(got[0])
    Webhook(SIGNING[0]).verify(body, headers)
    assert json.loads(body)["data"] == {**TITLE, "provider": "", "resolves": False, "resolved": False}


def provider(simulator: Simulator, **more: Any) -> dict[str, Any]:
    """A configuration with the simulated provider."""
    section = {"kind": "sosyalkopru", "api_url": simulator.url, "api_key": API_KEY, **more}
    return {"providers": {"sosyalkopru": section}}


def a_retry(post: str, previous: str | None = None) -> Claimed:
    """The action of a retry."""
    return claimed("retry", "sosyalkopru", {"what": "publish", "post": post}, post=post, previous=previous)


@asynccontextmanager
async def failed_post(text: str = "#fail=timeout*1") -> AsyncIterator[tuple[Simulator, ManualClock, str]]:
    """A provider with a post of one target that has failed once."""
    clock = ManualClock()
    async with run_simulator(clock=clock) as simulator:
        post = simulator.create(["instagram"], text)
        await clock.settle()
        yield simulator, clock, post


def attempts(simulator: Simulator) -> int:
    """How often the provider was told to retry."""
    return sum(call.method == "POST" for call in simulator.calls)


async def test_a_failed_post_is_tried_again_once() -> None:
    """The provider is asked, told, and publishes one time."""
    async with failed_post() as (simulator, clock, post):
        outcome = await perform(provider(simulator), a_retry(post))
        await clock.settle()
    assert isinstance(outcome, Done)
    assert outcome.reason is Reason.OK
    assert [call.method for call in simulator.calls] == ["GET", "POST"]
    assert simulator.calls[1].idempotency_key == "run:0:1"
    assert (simulator.truth()[post].state, sum(simulator.truth()[post].published.values())) == (State.PUBLISHED, 1)


async def test_what_is_published_or_under_way_is_left_alone() -> None:
    """When the post got there by itself, the retry is done without having been asked for."""
    async with failed_post() as (simulator, clock, post):
        simulator.retry(post)
        under_way = await perform(provider(simulator), a_retry(post))
        await clock.settle()
        published = await perform(provider(simulator), a_retry(post))
    for outcome in (under_way, published):
        assert isinstance(outcome, Done)
        assert outcome.reason is Reason.NOT_NEEDED
    assert attempts(simulator) == 0


async def test_a_retry_whose_answer_was_lost_is_settled_by_asking() -> None:
    """The provider took it and the answer got lost: the next attempt asks, and does not tell it again."""
    async with failed_post() as (simulator, clock, post):
        asked = simulator.calls
        lost = await lose_the_answer(simulator, post)
        assert attempts(simulator) == 1
        assert isinstance(lost, Done | Retry)
        again = await perform(provider(simulator), a_retry(post, "lost"))
        await clock.settle()
    assert isinstance(again, Done)
    assert again.reason is Reason.NOT_NEEDED
    assert attempts(simulator) == 1
    assert len(asked) >= 3
    assert sum(simulator.truth()[post].published.values()) == 1


async def lose_the_answer(simulator: Simulator, post: str) -> Outcome:
    """A retry that the provider performs without answering; the question before it is answered."""
    simulator.outage = None
    parsed_settings = Settings.model_validate(provider(simulator))
    async with Outbound(Allowed.parse(["127.0.0.1"]), timeout=timedelta(seconds=1)) as outbound:
        client = build_clients(parsed_settings, outbound, OpenGate())["sosyalkopru"]

        class Losing(ProviderClient):
            """The client, with an outage that begins once the question was answered."""

            async def retry_post(self, post: str, idempotency_key: str) -> Any:
                simulator.outage = Outage.ANSWER_LOST
                reply = await super().retry_post(post, idempotency_key)
                simulator.outage = None
                return reply

        losing = Losing(**{one.name: getattr(client, one.name) for one in fields(client)})
        performers = build_performers(parsed_settings, {"sosyalkopru": losing}, outbound)
        return await performers["retry"].perform(a_retry(post), datetime.now(UTC))


async def test_where_nobody_can_be_asked_an_unknown_outcome_stays_unknown() -> None:
    """Without a call that shows a post, neither a lost answer nor a died process is followed by a repetition."""
    async with failed_post() as (simulator, _, post):
        blind = provider(simulator, calls={"get": ""})
        simulator.outage = Outage.ANSWER_LOST
        lost = await perform(blind, a_retry(post), seconds=0.5)
        simulator.outage = None
        again = await perform(blind, a_retry(post, "unknown"))
        died = await perform(blind, a_retry(post, "lost"))
    assert isinstance(lost, Unknown)
    assert isinstance(again, Unknown)
    assert isinstance(died, Unknown)
    assert attempts(simulator) == 1


@pytest.mark.parametrize(
    ("outage", "reason"), [(Outage.UNAVAILABLE, Reason.HTTP_5XX), (Outage.RATE_LIMITED, Reason.RATE_LIMITED)]
)
@pytest.mark.parametrize("calls", [{}, {"get": ""}])
async def test_a_provider_that_says_later_is_tried_later(outage: Outage, reason: Reason, calls: dict[str, str]) -> None:
    """503 and 429 mean that nothing was done, so they are waited for as the provider wishes."""
    async with failed_post() as (simulator, _, post):
        simulator.outage = outage
        outcome = await perform(provider(simulator, calls=calls), a_retry(post))
    assert isinstance(outcome, Retry)
    assert (outcome.reason, outcome.after) == (reason, timedelta(seconds=2))


async def test_what_the_provider_calls_hopeless_is_not_tried() -> None:
    """An error that another try cannot mend ends the action."""
    async with failed_post("#fail=auth_expired") as (simulator, _, post):
        outcome = await perform(provider(simulator), a_retry(post))
    assert isinstance(outcome, Discard)
    assert outcome.reason is Reason.NOT_RETRYABLE
    assert attempts(simulator) == 0


async def test_a_post_that_is_not_there_is_not_tried() -> None:
    """The provider's 404 ends the action."""
    async with failed_post() as (simulator, _, _post):
        outcome = await perform(provider(simulator), a_retry("post_other"))
    assert isinstance(outcome, Discard)
    assert outcome.reason is Reason.NOT_FOUND


@pytest.mark.parametrize(
    ("data", "outcome", "reason"),
    [
        ({"status": "EXPLODED"}, Discard, Reason.NOT_NEEDED),
        ({}, Discard, Reason.NOT_NEEDED),
        ({"status": "CANCELLED"}, Discard, Reason.NOT_NEEDED),
        ({"status": "RETRYING", "platforms": [{"platform": "x", "status": "FAILED"}]}, Done, Reason.NOT_NEEDED),
        ({"status": "FAILED", "platforms": [{"platform": "x", "status": "PUBLISHING"}]}, Done, Reason.NOT_NEEDED),
        ({"status": "PUBLISHED", "platforms": [{"platform": "x", "status": "FAILED"}]}, Done, Reason.OK),
    ],
)
async def test_only_what_certainly_stands_failed_is_tried(data: dict[str, Any], outcome: type, reason: Reason) -> None:
    """A word that we do not know, or any part that is still moving, keeps us from publishing again."""
    body = json.dumps({"success": True, "data": data | {"id": "p"}}).encode()
    handler: Handler = answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    async with serving(handler) as server:
        section = {"kind": "sosyalkopru", "api_url": server.url(""), "api_key": "k"}
        result = await perform({"providers": {"sosyalkopru": section}}, a_retry("p"))
    assert (type(result), result.reason) == (outcome, reason)

"""The simulated provider over HTTP: its API, its webhooks as the guide describes them, and what goes wrong."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests import plain_http
from tests.integration.hostile import serving
from tests.waiting import until
from tracker.domain.posts.event import State
from tracker.simulator import Faults, ManualClock, Outage, Simulator, run_simulator
from tracker.simulator.wire import EVENTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Got:
    """A request that arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The delivery's id."""
        return self.headers["x-sosyalkopru-delivery"]

    @property
    def said(self) -> Any:
        """The body."""
        return json.loads(self.body)


@dataclass
class Door:
    """Receives webhooks; answers with the next of `answers` (0: with nothing), then with 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request on a connection of its own."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head)}
        self.got.append(Got(headers, await reader.readexactly(int(headers["content-length"]))))
        status = self.answers.pop(0) if self.answers else 200
        if status == 0:
            await reader.read()
        writer.write(f"HTTP/1.1 {status} Whatever\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()

    def events(self) -> list[str]:
        """The names of the events, in the order of arrival."""
        return [got.said["event"] for got in self.got]


@asynccontextmanager
async def a_door(*answers: int) -> AsyncIterator[Door]:
    """A receiver of webhooks on loopback."""
    door = Door(answers=list(answers))
    async with serving(door.answer) as server:
        door.url = server.url("/hook")
        yield door


@asynccontextmanager
async def an_api(simulator: Simulator) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with the key."""
    headers = {"authorization": f"Bearer {simulator.api_key}"}
    async with plain_http.client(base_url=simulator.url, headers=headers) as api:
        yield api


def data(response: httpx2.Response) -> Any:
    """What a successful answer holds."""
    assert response.json()["success"] is True, response.text
    return response.json()["data"]


async def test_a_webhook_is_signed_with_the_secret_of_its_registration() -> None:
    """The signature is HMAC-SHA256 over the raw body, in hex; the secret is told once, by the API."""
    clock = ManualClock()
    async with a_door() as door, run_simulator(clock=clock) as simulator, an_api(simulator) as api:
        hook = data(await api.post("/webhooks", json={"url": door.url, "events": list(EVENTS), "description": "me"}))
        created = data(await api.post("/posts", json={"platforms": ["x"], "content": {"text": "#publish"}}))
        await clock.settle()
        listed = data(await api.get("/webhooks"))
    assert created["id"].startswith("post_")
    assert door.events() == ["post.publishing", "post.published"]
    for got in door.got:
        expected = hmac.new(hook["secret"].encode(), got.body, hashlib.sha256).hexdigest()
        assert got.headers["x-sosyalkopru-signature"] == f"sha256={expected}"
    assert hook["secret"] not in str(listed)


async def test_a_body_is_what_the_guide_shows() -> None:
    """Event, time with milliseconds and Z, post, status in capitals, and each platform with its address."""
    clock = ManualClock()
    async with a_door() as door, run_simulator(clock=clock) as simulator:
        simulator.register(door.url, ["post.published"])
        post = simulator.create(["x"], "#publish")
        await clock.settle()
    (got,) = door.got
    url = f"https://x.example/p/{post}/1"
    assert got.said["data"] == {
        "postId": post,
        "status": "PUBLISHED",
        "platforms": [{"platform": "x", "status": "PUBLISHED", "platformPostUrl": url}],
    }
    assert set(got.said) == {"event", "timestamp", "data"}
    assert re.fullmatch(r"2026-01-01T12:00:\d\d\.\d{3}Z", got.said["timestamp"])


async def test_a_failure_says_why() -> None:
    """Code, text and whether another try can help, for the whole and for the platform."""
    clock = ManualClock()
    async with a_door() as door, run_simulator(clock=clock) as simulator:
        simulator.register(door.url, ["post.failed"])
        simulator.create(["x"], "#fail=rate_limited")
        await clock.settle()
    said = door.got[0].said["data"]
    assert (said["status"], said["error"]["code"], said["error"]["retryable"]) == ("FAILED", "rate_limited", True)
    assert said["platforms"][0]["error"] == said["error"]


async def test_a_scheduled_post_begins_at_its_time() -> None:
    """Nothing but post.scheduled is heard before."""
    clock = ManualClock()
    async with a_door() as door, run_simulator(clock=clock) as simulator, an_api(simulator) as api:
        simulator.register(door.url)
        when = (clock.now() + 10 * MINUTE).isoformat()
        post = data(await api.post("/posts", json={"platforms": ["x"], "scheduling": {"scheduledAt": when}}))["id"]
        await clock.advance(10 * MINUTE)
        assert (door.events(), simulator.truth()[post].state) == (["post.scheduled"], State.SCHEDULED)
        await clock.advance(timedelta(seconds=2))
    assert door.events() == ["post.scheduled", "post.publishing"]


async def test_whatever_is_not_accepted_is_sent_again_under_the_same_id() -> None:
    """Errors, redirects and silence are tried again, with the same bytes, until the first 2xx."""
    clock = ManualClock()
    deadline = timedelta(seconds=2)
    async with a_door(500, 302, 0, 404, 204) as door, run_simulator(clock=clock, deadline=deadline) as simulator:
        simulator.register(door.url, ["post.published"])
        simulator.create(["x"], "#publish")
        await clock.settle()
        (delivery,) = simulator.deliveries
    assert [attempt.status for attempt in delivery.tries] == [500, 302, None, 404, 204]
    assert "no answer within 2 s" in delivery.tries[2].error
    assert {(got.id, got.body) for got in door.got} == {(delivery.id, delivery.body)}
    assert delivery.acknowledged


async def test_the_provider_gives_up_when_its_ladder_ends() -> None:
    """A receiver that is never there costs as many tries as there are rungs, and one."""
    clock = ManualClock()
    async with run_simulator(clock=clock, ladder=[MINUTE, MINUTE]) as simulator:
        simulator.register("http://127.0.0.1:1/", ["post.published"])
        simulator.create(["x"], "#publish")
        await clock.settle()
        (delivery,) = simulator.deliveries
    assert [attempt.status for attempt in delivery.tries] == [None, None, None]
    assert (delivery.given_up, delivery.acknowledged) == (True, False)


async def test_repeats_come_later_under_the_same_id() -> None:
    """At least once means the same delivery, byte for byte, also after it was accepted."""
    clock = ManualClock()
    async with a_door() as door, run_simulator(clock=clock, faults=Faults(repeated=1.0)) as simulator:
        simulator.register(door.url)
        simulator.create(["x"], "#publish")
        await clock.settle()
    counts = Counter((got.id, got.body) for got in door.got)
    assert len(counts) == len({got.id for got in door.got}) == 2
    assert min(counts.values()) >= 2


async def test_late_deliveries_are_overtaken() -> None:
    """Events arrive in another order than they happened, and all arrive."""
    clock = ManualClock()
    async with a_door() as door, run_simulator(clock=clock, faults=Faults(late=1.0)) as simulator:
        simulator.register(door.url)
        for _ in range(5):
            simulator.create(["x", "instagram"])
        await clock.settle()
    times = [got.said["timestamp"] for got in door.got]
    assert times != sorted(times)
    assert len(times) == len(simulator.deliveries) == 15


async def test_lost_and_silenced_deliveries_are_known_only_to_the_truth() -> None:
    """What happened in a silence is never sent, but it happened."""
    clock = ManualClock()
    async with a_door() as door, run_simulator(clock=clock) as simulator:
        simulator.register(door.url)
        simulator.silent = True
        post = simulator.create(["x"], "#publish")
        await clock.settle()
        simulator.silent = False
        simulator.create(["x"], "#publish")
        await clock.settle()
        truth = simulator.truth()[post]
    assert (truth.state, truth.published) == (State.PUBLISHED, {"x#1": 1})
    assert [delivery.lost for delivery in simulator.deliveries] == [True, True, False, False]
    assert post not in {got.said["data"]["postId"] for got in door.got}


async def test_a_deleted_webhook_gets_nothing_more() -> None:
    """Neither new events nor those that were on their way."""
    clock = ManualClock()
    async with a_door() as door, run_simulator(clock=clock) as simulator, an_api(simulator) as api:
        hook = simulator.register(door.url)
        simulator.create(["x"], "#publish")
        await clock.advance(timedelta(seconds=2))
        simulator.create(["x"], "#publish", at=clock.now())
        assert data(await api.delete(f"/webhooks/{hook.id}")) == {"id": hook.id}
        await clock.settle()
    assert door.events() == ["post.publishing"]
    assert [delivery.given_up for delivery in simulator.deliveries] == [False, True]


async def test_a_test_webhook_names_no_post_and_tells_what_came_back() -> None:
    """The answer has success and the status; it is sent once, whatever comes back."""
    async with a_door(200, 503) as door, run_simulator(clock=ManualClock()) as simulator, an_api(simulator) as api:
        hook = simulator.register(door.url, [])
        good = data(await api.post(f"/webhooks/{hook.id}/test"))
        bad = data(await api.post(f"/webhooks/{hook.id}/test"))
    assert (good, bad) == ({"success": True, "statusCode": 200}, {"success": False, "statusCode": 503})
    assert door.events() == ["webhook.test", "webhook.test"]
    assert door.got[0].said["data"] == {}


async def test_a_retry_is_a_new_attempt_at_what_failed() -> None:
    """The published platform is left alone; the other goes public in the second attempt."""
    clock = ManualClock()
    async with a_door() as door, run_simulator(clock=clock) as simulator, an_api(simulator) as api:
        simulator.register(door.url)
        post = simulator.create(["instagram", "x"], "#fail=timeout*1@x")
        await clock.settle()
        assert data(await api.get(f"/posts/{post}"))["status"] == "PARTIAL"
        assert data(await api.post(f"/posts/{post}/retry"))["status"] == "PUBLISHING"
        assert (await api.post(f"/posts/{post}/retry")).status_code == 409
        await clock.settle()
        truth = simulator.truth()[post]
    assert (truth.state, truth.attempt) == (State.PUBLISHED, 2)
    assert truth.published == {"instagram#1": 1, "x#1": 1}
    assert door.events()[-2:] == ["post.publishing", "post.published"]


async def test_a_key_makes_a_call_count_once() -> None:
    """The same Idempotency-Key gets the same answer and changes nothing more; for another request it is refused."""
    clock = ManualClock()
    async with run_simulator(clock=clock) as simulator, an_api(simulator) as api:
        new, key = {"platforms": ["x"], "content": {"text": "#fail=timeout"}}, {"idempotency-key": "create-1"}
        first, again = [data(await api.post("/posts", json=new, headers=key)) for _ in range(2)]
        other = await api.post("/posts", json=new | {"platforms": ["tiktok"]}, headers=key)
        await clock.settle()
        for _ in range(2):
            assert data(await api.post(f"/posts/{first['id']}/retry", headers={"idempotency-key": "retry-1"}))
            await clock.settle()
        truth = simulator.truth()
    assert (first, other.status_code) == (again, 422)
    assert [one.attempt for one in truth.values()] == [2]


async def test_an_outage_refuses_or_keeps_silent_with_the_work_done_or_not() -> None:
    """The four ways of being away, and what each of them leaves behind."""
    async with run_simulator(clock=ManualClock()) as simulator, an_api(simulator) as api:
        for outage, status in ((Outage.UNAVAILABLE, 503), (Outage.RATE_LIMITED, 429)):
            simulator.outage = outage
            refused = await api.post("/posts", json={"platforms": ["x"]})
            assert (refused.status_code, refused.headers["retry-after"]) == (status, "2")
        assert len(simulator.truth()) == 0
        for outage, posts in ((Outage.HANGS, 0), (Outage.ANSWER_LOST, 1)):
            simulator.outage = outage
            with pytest.raises(httpx2.ReadTimeout):
                await api.post("/posts", json={"platforms": ["x"]}, timeout=0.1)
            assert len(simulator.truth()) == posts
        simulator.outage = None
        assert (await api.post("/posts", json={"platforms": ["x"]})).status_code == 201
    assert [call.status for call in simulator.calls] == [503, 429, None, None, 201]


async def test_posts_are_listed_in_pages() -> None:
    """Following the cursor gives every post once; `updatedSince` leaves out what has not changed."""
    clock = ManualClock()
    async with run_simulator(clock=clock) as simulator, an_api(simulator) as api:
        posts = [simulator.create() for _ in range(5)]
        found, cursor = [], "0"
        while cursor:
            page = data(await api.get("/posts", params={"limit": "2", "cursor": cursor}))
            found += [post["id"] for post in page["posts"]]
            cursor = page["nextCursor"]
        await clock.advance(60 * MINUTE)
        since = clock.now().isoformat()
        young = simulator.create()
        page = data(await api.get("/posts", params={"updatedSince": since}))
    assert found == posts
    assert [post["id"] for post in page["posts"]] == [young]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/posts", b"{", 400, "invalid_request"),
        ("POST", "/posts", b'{"platforms": []}', 400, "platforms is empty"),
        ("POST", "/posts", b'{"platforms": ["x"], "content": {"text": "#fail=timout"}}', 400, "timeout"),
        ("POST", "/posts", b'{"platforms": ["x"], "scheduling": {"scheduledAt": "2026-01-01T12:00:00"}}', 400, "zone"),
        ("POST", "/webhooks", b'{"url": "https://a.example", "events": ["post.publised"]}', 400, "post.published"),
        ("POST", "/webhooks", b'{"url": "ftp://a.example", "events": []}', 400, "not a web address"),
        ("POST", "/webhooks/wh_0/test", b"", 404, "wh_0"),
        ("GET", "/posts?limit=many", b"", 400, "many"),
        ("GET", "/posts/post_0", b"", 404, "post_0"),
        ("DELETE", "/posts", b"", 405, "DELETE"),
        ("GET", "/accounts", b"", 404, "/v1/accounts"),
    ],
)
async def test_a_wrong_call_is_refused_by_name(method: str, path: str, body: bytes, status: int, says: str) -> None:
    """Every refusal has the one envelope, and names what was wrong."""
    async with run_simulator(clock=ManualClock()) as simulator, an_api(simulator) as api:
        answer = await api.request(method, path, content=body)
    assert (answer.status_code, answer.json()["success"]) == (status, False)
    assert says in answer.text


async def test_without_the_key_nothing_is_answered() -> None:
    """A missing or wrong key is 401, and does nothing."""
    async with run_simulator(clock=ManualClock()) as simulator, an_api(simulator) as api:
        for wrong in ("", "Bearer", "Bearer ş", f"bearer {simulator.api_key}"):
            headers = {b"authorization": wrong.encode()}
            answer = await api.post("/posts", json={"platforms": ["x"]}, headers=headers)
            assert answer.status_code == 401
        assert simulator.truth() == {}


async def test_the_same_seed_lives_the_same_life() -> None:
    """Posts, outcomes, faults and ids repeat from run to run, byte for byte; another seed lives another."""

    async def life(seed: int) -> list[tuple[str, bytes]]:
        clock = ManualClock()
        faults = Faults(repeated=0.3, late=0.3, lost=0.1)
        async with a_door() as door, run_simulator(seed=seed, clock=clock, faults=faults) as simulator:
            simulator.register(door.url)
            simulator.start_stream(rate=1, posts=10)
            await clock.settle()
            assert len(simulator.truth()) == 10
            return [(got.id, got.body) for got in door.got]

    assert await life(1) == await life(1)
    assert await life(1) != await life(2)


async def test_bytes_can_be_sent_again_under_another_id() -> None:
    """What a replay of a captured webhook looks like: same signature, other delivery id."""
    clock = ManualClock()
    async with a_door() as door, run_simulator(clock=clock) as simulator:
        simulator.register(door.url, ["post.published"])
        simulator.create(["x"], "#publish")
        await clock.settle()
        await simulator.resend(simulator.deliveries[0], as_id="dlv_other")
    first, second = door.got
    assert (first.body, second.id) == (second.body, "dlv_other")


async def test_on_the_wall_clock_speed_squeezes_stories_and_not_times() -> None:
    """At a thousandfold speed a post is through in a moment, and its webhooks bear the real time."""
    async with a_door() as door, run_simulator(speed=1000) as simulator:
        simulator.register(door.url)
        simulator.start_stream(rate=50, posts=3)
        ends = (State.PUBLISHED, State.PARTIAL, State.FAILED)
        await until(lambda: [truth.state in ends for truth in simulator.truth().values()] == [True] * 3)
        await until(lambda: all(delivery.acknowledged for delivery in simulator.deliveries))
    assert len(door.got) == len(simulator.deliveries)

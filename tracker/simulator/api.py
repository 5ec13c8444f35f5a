"""The provider's API: what is documented, and, marked as assumed, what one has to suppose beside it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING, TypeVar

import msgspec

from tracker.errors import Rejected, did_you_mean
from tracker.simulator.metering import USAGE
from tracker.simulator.wire import Answer, Refusal, Request, done, refused

if TYPE_CHECKING:
    from tracker.simulator.deliveries import Deliveries
    from tracker.simulator.metering import Meter
    from tracker.simulator.posts import Posts

PAGE = 100
ENDPOINT = re.compile(r"/(post|wh)_[^/]+")

S = TypeVar("S", bound=msgspec.Struct)
Handler = Callable[[Request, str], Awaitable[Answer]]


class Content(msgspec.Struct):
    """What is to be posted; see story.py for words that decide its fate."""

    text: str = ""


class Scheduling(msgspec.Struct, rename="camel"):
    """When it is to be posted: assumed, for the guide shows no inner field."""

    scheduled_at: datetime


class NewPost(msgspec.Struct, rename="camel"):
    """POST /v1/posts"""

    platforms: list[str]
    content: Content = msgspec.field(default_factory=Content)
    account_ids: list[str] = msgspec.field(default_factory=list)
    scheduling: Scheduling | None = None


class Moved(msgspec.Struct):
    """PATCH /v1/posts/{id}"""

    scheduling: Scheduling


class NewWebhook(msgspec.Struct):
    """POST /v1/webhooks; the real provider insists on https and public addresses, this one serves a laptop."""

    url: str
    events: list[str]
    description: str = ""


class Api:
    """Answers calls, each one whole before the next begins to change anything."""

    def __init__(self, posts: Posts, deliveries: Deliveries, meter: Meter, api_key: str) -> None:
        self._posts, self._deliveries, self._meter, self._api_key = posts, deliveries, meter, api_key
        self._remembered: dict[str, tuple[bytes, Answer]] = {}
        routes: list[tuple[str, str, Handler]] = [
            ("POST", "/v1/posts", self._create_post),
            ("POST", "/v1/webhooks", self._create_webhook),
            ("POST", "/v1/webhooks/{id}/test", self._test_webhook),
            ("GET", USAGE, self._show_usage),
            # Assumed from here on.
            ("GET", "/v1/posts", self._list_posts),
            ("GET", "/v1/posts/{id}", self._show_post),
            ("POST", "/v1/posts/{id}/retry", self._retry_post),
            ("POST", "/v1/posts/{id}/cancel", self._cancel_post),
            ("PATCH", "/v1/posts/{id}", self._reschedule_post),
            ("DELETE", "/v1/posts/{id}", self._delete_post),
            ("GET", "/v1/webhooks", self._list_webhooks),
            ("DELETE", "/v1/webhooks/{id}", self._delete_webhook),
        ]
        self._routes = [(method, re.compile(path.replace("{id}", "([^/]+)")), run) for method, path, run in routes]

    async def answer(self, request: Request) -> Answer:
        """Every call gets an answer, in the one envelope or the other."""
        try:
            self._admit(request)
            self._meter.admit(request)
            run, name = self._find(request)
            answer = await self._once(request, run, name)
        except Refusal as refusal:
            answer = refused(refusal)
        except Rejected as rejected:
            answer = refused(Refusal(400, rejected.code, str(rejected)))
        self._meter.note(request, ENDPOINT.sub("/{id}", request.path), answer.status)
        return answer

    def _admit(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if not compare_digest(given.encode(), f"Bearer {self._api_key}".encode()):
            raise Refusal(401, "unauthorized", "Authorization: Bearer <api key> is missing or wrong")

    def _find(self, request: Request) -> tuple[Handler, str]:
        matches = [(method, path.fullmatch(request.path), run) for method, path, run in self._routes]
        known = [(method, match, run) for method, match, run in matches if match]
        for method, match, run in known:
            if method == request.method:
                return run, match[1] if match.groups() else ""
        if known:
            raise Refusal(405, "method_not_allowed", f"{request.path} does not take {request.method}")
        raise Refusal(404, "not_found", f"There is no {request.path}")

    async def _once(self, request: Request, run: Handler, name: str) -> Answer:
        """The answer of the first call with this Idempotency-Key (assumed)."""
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        meaning = sha256(f"{request.path}\n".encode() + request.body).digest()
        if key in self._remembered:
            first, answer = self._remembered[key]
            if first != meaning:
                raise Refusal(422, "idempotency_key_reused", "This Idempotency-Key belongs to another request")
            return answer
        answer = await run(request, name)
        if key:
            self._remembered[key] = (meaning, answer)
        return answer

    async def _create_post(self, request: Request, _: str) -> Answer:
        new = _read(request, NewPost)
        if not new.platforms:
            raise Refusal(400, "invalid_request", "platforms is empty")
        when = _moment(new.scheduling) if new.scheduling else None
        return done(self._posts.create(tuple(new.platforms), new.content.text, when).shown(), 201)

    async def _list_posts(self, request: Request, _: str) -> Answer:
        """Pages in the order of creation, optionally only what changed since `updatedSince`."""
        try:
            limit = max(1, min(int(request.query.get("limit", PAGE)), PAGE))
            since = datetime.fromisoformat(request.query.get("updatedSince", "1970-01-01T00:00:00Z"))
            start = max(0, int(request.query.get("cursor", 0)))
            posts = [post for post in list(self._posts.all.values())[start:] if post.updated_at >= since]
        except (ValueError, TypeError) as error:
            raise Refusal(400, "invalid_request", str(error)) from error
        places = {name: place for place, name in enumerate(self._posts.all, 1)}
        page = posts[:limit]
        following = str(places[page[-1].subject.post]) if len(posts) > limit else None
        return done({"posts": [post.shown() for post in page], "nextCursor": following})

    async def _show_post(self, _: Request, name: str) -> Answer:
        return done(self._posts.get(name).shown())

    async def _retry_post(self, _: Request, name: str) -> Answer:
        return done(self._posts.retry(name).shown(), 202)

    async def _cancel_post(self, _: Request, name: str) -> Answer:
        return done(self._posts.cancel(name).shown())

    async def _reschedule_post(self, request: Request, name: str) -> Answer:
        return done(self._posts.reschedule(name, _moment(_read(request, Moved).scheduling)).shown())

    async def _delete_post(self, _: Request, name: str) -> Answer:
        return done(self._posts.delete(name).shown())

    async def _show_usage(self, _: Request, __: str) -> Answer:
        return done(self._meter.usage())

    async def _create_webhook(self, request: Request, _: str) -> Answer:
        new = _read(request, NewWebhook)
        if not new.url.startswith(("https://", "http://")):
            raise Refusal(400, "invalid_request", "url is not a web address")
        for event in new.events:
            if event not in self._deliveries.events:
                near = did_you_mean(event, self._deliveries.events)
                raise Refusal(400, "unknown_event", f'"{event}" is no event{near}')
        webhook = self._deliveries.register(new.url, new.events, new.description, None)
        return done({"id": webhook.id, "secret": webhook.secret}, 201)

    async def _test_webhook(self, _: Request, name: str) -> Answer:
        attempt = await self._deliveries.test(self._deliveries.webhook(name))
        return done({"success": attempt.accepted, "statusCode": attempt.status})

    async def _list_webhooks(self, _: Request, __: str) -> Answer:
        webhooks = self._deliveries.webhooks.values()
        return done(
            [{"id": w.id, "url": w.url, "events": sorted(w.events), "description": w.description} for w in webhooks]
        )

    async def _delete_webhook(self, _: Request, name: str) -> Answer:
        del self._deliveries.webhooks[self._deliveries.webhook(name).id]
        return done({"id": name})


def _moment(scheduling: Scheduling) -> datetime:
    if scheduling.scheduled_at.tzinfo is None:
        raise Refusal(400, "invalid_request", "scheduling.scheduledAt names no time zone")
    return scheduling.scheduled_at


def _read(request: Request, shape: type[S]) -> S:
    try:
        return msgspec.json.decode(request.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(400, "invalid_request", str(error)) from error

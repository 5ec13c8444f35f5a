"""Calls of a provider's API: typed answers, reasons as values, and no secret in any record."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec
from msgspec.structs import replace

from tracker.domain.actions import Exchange, Reason
from tracker.domain.calls.call_budget import Purpose
from tracker.domain.calls.call_limits import USAGE, CallRequest, CallResult, Permit, Refused
from tracker.domain.posts.event import Report, Shown
from tracker.outbound.addresses import OutboundError
from tracker.outbound.client import Answer, Reply, exchange
from tracker.providers.answers import Answers, Page, Registered, Tested, Usage, Webhook, read_answer
from tracker.providers.call import COUNTED, WORKSPACE, Call
from tracker.providers.recreation import Recreation
from tracker.providers.times import stamp

if TYPE_CHECKING:
    from pydantic import SecretStr

    from tracker.outbound.client import Outbound
    from tracker.providers.rate_limiter import RateLimiter

T = TypeVar("T")

PER_PAGE = 100

TELLS_SECRETS = frozenset({"register", "webhooks"})
"""Calls of whose answers nothing is remembered but the status."""

CLOSED = frozenset({429, 503})
"""Statuses whose Retry-After speaks of all calls."""

HALF_A_SECOND = timedelta(milliseconds=500)
"""What a time in whole seconds is too early by, on average."""


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    shown: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ProviderClient:
    """One provider's API; a call whose text is "" is not to be had. `auth` is the header that carries the key.

    `headers` go with every call, and `workspace` is filled in wherever a header or a call names it.

    A call that the gate does not let through is a reply like any other: it was not sent, and `retry_after` tells when
    it is worth asking again. `then` is how many calls are to follow at once, for which there must be room too.
    """

    name: str
    api_url: str
    api_key: SecretStr
    auth: str
    calls: Mapping[str, Call]
    answers: Answers
    recreation: Recreation
    outbound: Outbound = field(repr=False)
    gate: RateLimiter = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    workspace: str = ""
    purpose: Purpose = Purpose.REACTION

    def on_behalf_of(self, purpose: Purpose) -> Self:
        """This client, whose calls count as made for that purpose."""
        return dataclasses.replace(self, purpose=purpose)

    def can(self, call: str) -> bool:
        """Whether the call is to be had: it is configured, and there is what it needs."""
        return not self.lacks(call)

    async def create_post(self, post: Mapping[str, Any], idempotency_key: str) -> Reply[str]:
        """Create a post, which the provider describes (platforms, content, accountIds, scheduling); gives its id."""
        return await self._call("create", self.answers.created, body=post, key=idempotency_key)

    async def get_post(self, post: str, *, then: int = 0) -> Reply[Report]:
        """How the post stands."""
        return _dated(await self._call("get", self.answers.report, then=then, post=post), _at_least)

    async def show_post(self, post: str, *, then: int = 0) -> Reply[Shown]:
        """How the post stands, and the post that could be created in its place."""
        reply = await self._call("get", lambda value: self.answers.shown(value, self.recreation), then=then, post=post)
        return _dated(reply, lambda shown, at: replace(shown, report=_at_least(shown.report, at)))

    async def list_posts(self, since: datetime | None = None, cursor: str = "") -> Reply[Page]:
        """A page of posts, of those that changed `since` where the provider can choose them.

        Where pages are counted, the cursor is "<page>:<offset>". A page without entries is the last.
        """
        counted = self.can("list") and bool(COUNTED & self.calls["list"].holes)
        page, _, offset = cursor.partition(":") if counted and cursor else ("1", "", "0")
        reply = await self._call(
            "list", self.answers.page, since=stamp(since) if since else "", cursor=cursor, page=page, offset=offset,
            limit=str(PER_PAGE),
        )  # fmt: skip
        reply = _dated(reply, _page_at_least)
        if reply.value is None or (reply.value.entries and not counted):
            return reply
        counting = f"{int(page) + 1}:{int(offset) + reply.value.entries}" if reply.value.entries else None
        return replace(reply, value=replace(reply.value, next=counting))

    async def retry_post(self, post: str, idempotency_key: str) -> Reply[bool]:
        """Publish again what has failed. The same key is sent on each attempt."""
        return await self._call("retry", lambda _: True, key=idempotency_key, post=post)

    async def change_post(self, verb: str, post: str, idempotency_key: str, at: datetime | None = None) -> Reply[bool]:
        """Have the post cancelled, deleted or moved to `at`, by the call of that name."""
        return await self._call(verb, lambda _: True, key=idempotency_key, post=post, at=stamp(at) if at else "")

    async def usage(self) -> Reply[Usage]:
        """What is left and what was used; the balance is remembered for all processes."""
        return await self._call(USAGE, self.answers.usage)

    async def register_webhook(self, url: str, events: list[str], description: str) -> Reply[Registered]:
        """Have the provider send its events to `url`."""
        body = {"url": url, "events": events, "description": description}
        return await self._call("register", self.answers.registered, body=body)

    async def list_webhooks(self) -> Reply[tuple[Webhook, ...]]:
        """The webhooks that are registered."""
        return await self._call("webhooks", self.answers.webhooks)

    async def test_webhook(self, webhook: str) -> Reply[Tested]:
        """Have the provider send webhook.test."""
        return await self._call("test", self.answers.tested, webhook=webhook)

    async def delete_webhook(self, webhook: str) -> Reply[bool]:
        """Have the provider send nothing more to it."""
        return await self._call("unregister", lambda _: True, webhook=webhook)

    def lacks(self, call: str) -> str:
        """The setting without which the call cannot be made, or "" when it can."""
        if call not in self.calls or not self.calls[call].text:
            return f"calls.{call}"
        named = WORKSPACE in self.calls[call].holes or any("{workspace}" in value for value in self.headers.values())
        if named and not self.workspace:
            return WORKSPACE
        return "" if self.api_key.get_secret_value() else "api_key"

    async def _call(
        self,
        call: str,
        read: Callable[[Any], T | None],
        *,
        body: Mapping[str, Any] | None = None,
        key: str = "",
        then: int = 0,
        **holes: str,
    ) -> Reply[T]:
        if lacking := self.lacks(call):
            return Reply(None, Reason.NOT_CONFIGURED, f"providers.{self.name}.{lacking} is not set")
        request, wish = self._request(call, body, key, holes), CallRequest(call, self.purpose, 1 + then)
        permit = await self._ask(wish)
        if isinstance(permit, Refused):
            record = Exchange(request.shown, {"reason": str(permit.reason), "detail": permit.detail, "sent": False})
            return Reply(None, permit.reason, permit.detail, retry_after=permit.after, exchange=record)
        reply, skew = await self._send(call, request, read)
        await self.gate.report(self.name, wish, _heard(reply, permit, skew))
        return reply

    async def _ask(self, wish: CallRequest) -> Permit | Refused:
        """Where the balance of credits is not known, it is asked for first."""
        answer = await self.gate.acquire(self.name, wish)
        if isinstance(answer, Refused) and answer.reason is Reason.CREDITS_KEPT and not answer.after:
            usage = await self.usage()
            return await self.gate.acquire(self.name, wish) if usage.value else replace(answer, after=usage.retry_after)
        return answer

    async def _send(
        self, call: str, request: _Request, read: Callable[[Any], T | None]
    ) -> tuple[Reply[T], timedelta | None]:
        """The reply, and by how much the provider's clock is ahead of ours, where it told."""
        hidden, began = [self.api_key.get_secret_value()], datetime.now(UTC)
        try:
            answer = await self.outbound.request(
                request.method, request.url, headers=request.headers, body=request.body
            )
        except OutboundError as error:
            record = exchange(request.shown, error, hidden)
            return Reply(None, error.reason, error.detail, error.sent, error.status, exchange=record), None
        record = exchange(request.shown, answer, hidden)
        if call in TELLS_SECRETS and answer.reason is Reason.OK:
            record = Exchange(record.request, {"status": answer.status})
        return read_answer(answer, read, record), _skew(answer, began)

    def _request(self, call: str, body: Mapping[str, Any] | None, key: str, holes: Mapping[str, str]) -> _Request:
        method, path, own = self.calls[call].fill(**holes, workspace=self.workspace)
        body = body if own is None else own
        name, _, value = self.auth.partition(": ")
        headers = {header.lower(): text.replace("{workspace}", self.workspace) for header, text in self.headers.items()}
        headers |= {"accept": "application/json", name.lower(): value.replace("{key}", self.api_key.get_secret_value())}
        headers |= {"content-type": "application/json"} if body is not None else {}
        headers |= {"idempotency-key": key} if key else {}
        shown: dict[str, object] = {"method": method, "url": self.api_url + path}
        shown |= {"idempotency_key": key} if key else {}
        content = msgspec.json.encode(body) if body is not None else b""
        return _Request(method, self.api_url + path, headers, content, shown)


def _dated(reply: Reply[T], date: Callable[[T, datetime], T]) -> Reply[T]:
    """The reply with what it tells dated by the other side's clock, where it is not dated by itself."""
    if reply.value is None or reply.answered_at is None:
        return reply
    return replace(reply, value=date(reply.value, reply.answered_at))


def _at_least(report: Report, at: datetime) -> Report:
    return report if report.updated_at else replace(report, updated_at=at)


def _page_at_least(page: Page, at: datetime) -> Page:
    return replace(page, posts=tuple(replace(one, report=_at_least(one.report, at)) for one in page.posts))


def _heard(reply: Reply[Any], permit: Permit, skew: timedelta | None) -> CallResult:
    return CallResult(
        reply.reason,
        permit.trial,
        reply.retry_after if reply.status in CLOSED else None,
        skew.total_seconds() if skew is not None else None,
        reply.value.credits if isinstance(reply.value, Usage) else None,
    )


def _skew(answer: Answer, began: datetime) -> timedelta | None:
    """The time that the answer tells, against the middle of the time that it took."""
    if answer.date is None:
        return None
    return answer.date + HALF_A_SECOND - (began + timedelta(milliseconds=answer.latency_ms) / 2)

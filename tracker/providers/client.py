"""Calls of a provider's API: typed answers, reasons as values, and no secret in any record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from pydantic import SecretStr

from tracker.domain.action import Exchange, Reason
from tracker.domain.report import Report
from tracker.outbound import Answer, OutboundError, exchange
from tracker.outbound.reply import Reply
from tracker.providers.body import decode, find, text_at
from tracker.providers.kind import Call
from tracker.providers.vocabulary import Vocabulary

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.outbound import Outbound

T = TypeVar("T")

PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Registered:
    """A webhook at the provider; it tells the secret once."""

    id: str
    secret: SecretStr


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as the provider lists it; its secret is not told again."""

    id: str
    url: str
    events: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of the provider's test delivery to a webhook."""

    success: bool
    status_code: int | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A post in a list."""

    post: str
    report: Report


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list of posts; it goes on at the cursor `next`."""

    posts: tuple[Listed, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderClient:
    """One provider's API; a call whose text is "" is not to be had. `auth` is the header that carries the key."""

    name: str
    api_url: str
    api_key: SecretStr
    auth: str
    calls: Mapping[str, Call]
    words: Vocabulary
    outbound: Outbound = field(repr=False)

    def can(self, call: str) -> bool:
        """Whether the call is to be had: it is configured, and there is a key."""
        return bool(self._text(call) and self.api_key.get_secret_value())

    async def create_post(self, post: Mapping[str, Any], idempotency_key: str) -> Reply[str]:
        """Create a post, which the provider describes (platforms, content, accountIds, scheduling); gives its id."""
        return await self._call("create", self._id, body=post, key=idempotency_key)

    async def get_post(self, post: str) -> Reply[Report]:
        """How the post stands."""
        return await self._call("get", self._report, post=post)

    async def list_posts(self, since: datetime | None = None, cursor: str = "") -> Reply[Page]:
        """A page of posts, of those that changed `since` where the provider can choose them."""
        moment = since.isoformat().replace("+00:00", "Z") if since else ""
        return await self._call("list", self._page, since=moment, cursor=cursor, limit=str(PER_PAGE))

    async def retry_post(self, post: str, idempotency_key: str) -> Reply[bool]:
        """Publish again what has failed. The same key is sent on each attempt."""
        return await self._call("retry", lambda _: True, key=idempotency_key, post=post)

    async def register_webhook(self, url: str, events: list[str], description: str) -> Reply[Registered]:
        """Have the provider send its events to `url`."""
        body = {"url": url, "events": events, "description": description}
        return await self._call("register", self._registered, body=body)

    async def test_webhook(self, webhook: str) -> Reply[Tested]:
        """Have the provider send webhook.test."""
        return await self._call("test", self._tested, webhook=webhook)

    async def list_webhooks(self) -> Reply[tuple[Webhook, ...]]:
        """The webhooks that are registered."""
        return await self._call("webhooks", self._webhooks)

    async def delete_webhook(self, webhook: str) -> Reply[bool]:
        """Have the provider send nothing more to it."""
        return await self._call("delete", lambda _: True, webhook=webhook)

    def _text(self, call: str) -> str:
        return self.calls[call].text if call in self.calls else ""

    async def _call(
        self,
        call: str,
        read: Callable[[Any], T | None],
        *,
        body: Mapping[str, Any] | None = None,
        key: str = "",
        **holes: str,
    ) -> Reply[T]:
        if not self._text(call):
            return self._not_set(f"calls.{call}")
        secret = self.api_key.get_secret_value()
        if not secret:
            return self._not_set("api_key")
        method, path = self.calls[call].fill(**holes)
        name, _, value = self.auth.partition(": ")
        headers = {"accept": "application/json", name.lower(): value.replace("{key}", secret)}
        headers |= {"content-type": "application/json"} if body is not None else {}
        headers |= {"idempotency-key": key} if key else {}
        shown: dict[str, object] = {"method": method, "url": self.api_url + path}
        shown |= {"idempotency_key": key} if key else {}
        content = msgspec.json.encode(body) if body is not None else b""
        try:
            answer = await self.outbound.request(method, self.api_url + path, headers=headers, body=content)
        except OutboundError as error:
            record = exchange(shown, error, [secret])
            return Reply(None, error.reason, error.detail, error.sent, error.status, exchange=record)
        return _read(answer, read, exchange(shown, answer, [secret]))

    def _item(self, value: Any) -> Any:
        """What the answer is about."""
        return find(value, self.words.paths["item"]) if self.words.paths["item"] else value

    def _id(self, value: Any) -> str | None:
        return text_at(self._item(value), self.words.paths["post"])

    def _report(self, value: Any) -> Report | None:
        item = self._item(value)
        return self.words.report(item) if item else None

    def _page(self, value: Any) -> Page | None:
        items = find(value, self.words.paths["items"]) if self.words.paths["items"] else value
        if not isinstance(items, list):
            return None
        listed = tuple(found for item in items if (found := self._listed(item)))
        return Page(listed, text_at(value, self.words.paths["next"]))

    def _listed(self, item: Any) -> Listed | None:
        post = text_at(item, self.words.paths["post"])
        return Listed(post, self.words.report(item)) if post else None

    def _webhooks(self, value: Any) -> tuple[Webhook, ...] | None:
        items = self._item(value)
        return tuple(map(_webhook, items)) if isinstance(items, list) else None

    def _registered(self, value: Any) -> Registered | None:
        webhook, secret = self._id(value), text_at(self._item(value), ("secret",))
        return Registered(webhook, SecretStr(secret)) if webhook and secret else None

    def _tested(self, value: Any) -> Tested | None:
        success, status = find(self._item(value), ("success",)), find(self._item(value), ("statusCode",))
        return Tested(success, status if isinstance(status, int) else None) if isinstance(success, bool) else None

    def _not_set(self, setting: str) -> Reply[Any]:
        return Reply(None, Reason.NOT_CONFIGURED, f"providers.{self.name}.{setting} is not set")


def _webhook(item: Any) -> Webhook:
    id_, url, description = (text_at(item, (name,)) or "" for name in ("id", "url", "description"))
    events = find(item, ("events",))
    return Webhook(id_, url, tuple(map(str, events)) if isinstance(events, list) else (), description)


def _read(answer: Answer, read: Callable[[Any], T | None], record: Exchange) -> Reply[T]:
    value = _json(answer)
    told = {"sent": True, "status": answer.status, "retry_after": answer.retry_after, "exchange": record}
    if answer.reason is not Reason.OK:
        return Reply(None, answer.reason, _complaint(value), **told)  # type: ignore[arg-type]  # the keys are the fields'
    found = read(value) if find(value, ("success",)) is not False else None
    if found is None:
        return Reply(None, Reason.BAD_ANSWER, _complaint(value) or "not the answer that was expected", **told)  # type: ignore[arg-type]  # as above
    if isinstance(found, Registered):
        told["exchange"] = Exchange(record.request, {"status": answer.status})
    return Reply(found, **told)  # type: ignore[arg-type]  # as above


def _json(answer: Answer) -> Any:
    try:
        return decode(answer.body)
    except ValueError:
        return None


def _complaint(value: Any) -> str:
    """What an error envelope says; its form is not documented, so the obvious one is tried."""
    code, message = text_at(value, ("error", "code")), text_at(value, ("error", "message"))
    return ": ".join(part for part in (code, message or text_at(value, ("error",))) if part)
